"""Work after commit: the file, its transmission, and the nightly comparison."""

from __future__ import annotations

import logging
from uuid import UUID

from tremplin.billing.invoicing import files, integrity, letters, transport
from tremplin.billing.models import Invoice
from tremplin.kernel.tasks import public_task, runner

logger = logging.getLogger(__name__)


@public_task(queue="default", time_limit=60, max_retries=5)
def render_invoice(invoice: str) -> None:
    """Make the file of one invoice, then hand it to the transport if there is one."""
    row = Invoice.objects.filter(pk=UUID(invoice)).first()
    if row is None or row.series_id is None:
        return
    files.read(row)
    if transport.chosen() is not None:
        runner.enqueue(send_invoice, invoice=invoice)


@public_task(queue="default", time_limit=60, max_retries=5)
def mail_invoice(invoice: str) -> None:
    """Send one invoice to the mailbox of the buyer."""
    row = Invoice.objects.filter(pk=UUID(invoice)).first()
    if row is not None:
        letters.send(row)


@public_task(queue="default", time_limit=120, max_retries=5)
def send_invoice(invoice: str) -> None:
    """Transmit one invoice, once; a repeated call carries the same key."""
    row = Invoice.objects.filter(pk=UUID(invoice)).first()
    if row is not None:
        transport.send(row)


@public_task(queue="bulk", time_limit=1800, max_retries=1)
def verify_invoices() -> int:
    """Compare every final invoice with its fingerprint; return how many do not hold."""
    return integrity.report_to_operator(integrity.verify())
