"""Periodic work of billing (UTC); tasks are named, not imported, so that start-up stays light."""

from __future__ import annotations


def register() -> None:
    """Declare the hourly run of the engine and the nightly reconciliation."""
    from tremplin.kernel.schedules import register_schedule

    register_schedule(
        "billing.run_due", "tremplin.billing.tasks.run_due", "5 * * * *", per_tenant=False
    )
    register_schedule(
        "billing.reconcile", "tremplin.billing.tasks.reconcile", "50 3 * * *", per_tenant=False
    )
