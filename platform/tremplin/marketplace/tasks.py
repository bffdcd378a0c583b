"""Background work of the marketplace."""

from __future__ import annotations

from tremplin.kernel.tasks import public_task


@public_task(time_limit=300)
def sync_listings() -> None:
    """Bring the listings up to date with the installed modules."""
    from tremplin.marketplace import services

    services.sync()
