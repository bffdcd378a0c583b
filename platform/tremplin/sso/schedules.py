"""Periodic work of single sign-on (UTC)."""

from __future__ import annotations


def register() -> None:
    """Declare the nightly cleaning of the tokens of the provider."""
    from tremplin.kernel.schedules import register_schedule
    from tremplin.sso import tasks

    register_schedule("sso.clear_tokens", tasks.clear_tokens, "25 3 * * *", per_tenant=True)
