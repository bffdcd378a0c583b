"""Periodic work of licensing (UTC)."""

from __future__ import annotations

_TASKS = "tremplin.licensing.tasks"


def register() -> None:
    """Declare the nightly look at licences, and the end of holds and invitations.

    Tasks are named, not imported: this application is ready before the kernel is.
    """
    from tremplin.kernel.schedules import register_schedule

    for name, cron, per_tenant in (
        ("look", "15 0 * * *", True),
        ("free_lapsed", "20 * * * *", True),
        ("expire_holds", "* * * * *", False),
        ("give_plans", "5 0 * * *", False),
    ):
        register_schedule(f"licensing.{name}", f"{_TASKS}.{name}", cron, per_tenant=per_tenant)
