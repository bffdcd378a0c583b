"""The nightly comparison of invoices."""

from __future__ import annotations

VERIFY = "tremplin.billing.invoicing.tasks.verify_invoices"


def register() -> None:
    """Declare the schedule; called when billing starts. The task is named, not imported: it needs
    the libraries that make files.
    """
    from tremplin.kernel.schedules import register_schedule

    register_schedule("billing.verify-invoices", VERIFY, "40 2 * * *", per_tenant=False)
