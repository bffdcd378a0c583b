"""The purge that was announced, on its day."""

from __future__ import annotations

from tremplin.api import tasks
from tremplin.kernel.current import tenant_required


@tasks.task(queue="bulk", time_limit=900, suspended_ok=True)
def purge_due(slug: str) -> None:
    """Purge a module of the current space unless that was cancelled or moved meanwhile."""
    from tremplin.modules import purge

    purge.run_if_due(tenant_required(), slug)
