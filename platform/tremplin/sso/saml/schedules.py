"""Periodic work of SAML (UTC)."""

from __future__ import annotations


def register() -> None:
    """Declare the daily reading of metadata and the cleaning of traces."""
    from tremplin.kernel.schedules import register_schedule
    from tremplin.sso.saml import tasks

    register_schedule("sso.refresh_metadata", tasks.refresh_metadata, "25 3 * * *", per_tenant=True)
    register_schedule("sso.forget_traces", tasks.forget_traces, "50 2 * * *", per_tenant=True)
