"""Work of billing in the background."""

from __future__ import annotations

from tremplin.api.tasks import task
from tremplin.billing.invoicing import tasks as invoice_tasks
from tremplin.billing.stripe import tasks as stripe_tasks
from tremplin.kernel.tasks import public_task

# Workers find the tasks of applications: these two packages are none.
__all__ = ["invoice_tasks", "reconcile", "run_due", "send_reminder", "stripe_tasks"]


@public_task(queue="default", time_limit=600)
def run_due() -> None:
    """Renew, collect, remind and close what is due."""
    from tremplin.billing import engine

    engine.run_due()


@public_task(queue="bulk", time_limit=900)
def reconcile() -> None:
    """Apply what was left and log every difference between provider, ledger and licences."""
    import logging

    from tremplin.billing import reconciliation

    for difference in reconciliation.run(repair=True):
        logging.getLogger(__name__).error("billing difference: %s", difference)


@task(queue="default", time_limit=60, suspended_ok=True)
def send_reminder(invoice: str, step: int) -> None:
    """Send one reminder of a late invoice of the current space; that of another does not exist."""
    from tremplin.billing import dunning
    from tremplin.billing.models import Invoice
    from tremplin.kernel.current import tenant_required

    late = (
        Invoice.objects.select_related("account")
        .filter(pk=invoice, tenant_id=tenant_required().pk)
        .first()
    )
    if late is not None:
        dunning.send(late, step)
