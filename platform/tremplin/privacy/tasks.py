"""Daily work: erasures that are due and retention."""

from __future__ import annotations

from tremplin.api.tasks import task
from tremplin.privacy import services


@task(queue="bulk", time_limit=600)
def daily() -> None:
    """Erase the persons whose grace period is over, then apply the retention rules."""
    services.run_due_erasures()
    services.apply_retention()
