"""Periodic work of the marketplace (UTC)."""

from __future__ import annotations


def register() -> None:
    """Declare the nightly synchronisation of the listings with what is installed."""
    from tremplin.kernel.schedules import register_schedule

    register_schedule(
        "marketplace.sync",
        "tremplin.marketplace.tasks.sync_listings",
        "25 0 * * *",
        per_tenant=False,
    )
