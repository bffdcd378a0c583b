"""Periodic work of tenancy, in the public schema."""

from __future__ import annotations

from tenants import provisioning
from tremplin.kernel.tasks import public_task


@public_task(time_limit=120, max_retries=0)
def sweep_creations() -> None:
    """Fail the creations whose process died, so that their addresses may be tried again."""
    provisioning.sweep()
