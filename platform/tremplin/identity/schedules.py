"""Periodic work of identity (UTC)."""

from __future__ import annotations


def register() -> None:
    """Declare the nightly closing of temporary accounts and the hourly cleaning."""
    from tremplin.identity import tasks
    from tremplin.kernel.schedules import register_schedule

    register_schedule(
        "identity.close_expired_accounts",
        tasks.close_expired_accounts,
        "10 1 * * *",
        per_tenant=True,
    )
    register_schedule(
        "identity.end_support_visits", tasks.end_support_visits, "*/10 * * * *", per_tenant=True
    )
    register_schedule("identity.forget_tokens", tasks.forget_tokens, "50 2 * * *", per_tenant=True)
    register_schedule(
        "identity.forget_uploads", tasks.forget_uploads, "40 2 * * *", per_tenant=True
    )
