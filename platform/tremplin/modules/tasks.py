"""Purges on their day: those announced, and those of licences that ended."""

from __future__ import annotations

from typing import cast

from tenants.registry import TenantInfo
from tremplin.api import tasks
from tremplin.kernel.current import tenant_required


@tasks.task(queue="bulk", time_limit=900, suspended_ok=True)
def purge_due(slug: str) -> None:
    """Purge a module of the current space unless that was cancelled or moved meanwhile."""
    from tremplin.modules import purge

    purge.run_if_due(tenant_required(), slug)


@tasks.task(queue="bulk", time_limit=900, suspended_ok=True)
def purge_ended() -> list[str]:
    """Erase what is kept of modules whose licence ended 90 days ago."""
    from tremplin.modules import purge

    return purge.run_ended(cast(TenantInfo, tenant_required()))
