"""Recording payments by hand, with their reason, and trying a card again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.api import Problem
from tremplin.api import services as platform
from tremplin.billing import accounts
from tremplin.billing import services as billing
from tremplin.billing.models import Invoice, Payment
from tremplin.billing.money import amount_text
from tremplin.billing.orders import open_minor
from tremplin.kernel import audit


class AlreadyPaid(Problem):
    """Nothing is open on the invoice (409)."""

    def __init__(self, number: str) -> None:
        super().__init__(
            409,
            "already_paid",
            _("Nothing is owed on %(number)s any more: no second payment was recorded.")
            % {"number": number},
        )


class ReferenceUsed(Problem):
    """This transfer was recorded for the invoice before (409)."""

    def __init__(self, reference: str) -> None:
        super().__init__(
            409,
            "reference_used",
            _("The transfer “%(reference)s” was recorded already.") % {"reference": reference},
        )


class OtherAmount(Problem):
    """The amount is not what is owed (422)."""

    def __init__(self, owed_minor: int, currency: str, *, is_more: bool) -> None:
        owed = {"owed": amount_text(owed_minor, currency)}
        text = (
            _("More than what is owed (%(owed)s): check the invoice and the amount.")
            if is_more
            else _("%(owed)s are owed: say that it is a part payment, or enter that amount.")
        )
        super().__init__(422, "other_amount", text % owed, {"owed_minor": owed_minor})


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that arrived: minor units of the invoice's currency, the bank's reference, when."""

    amount_minor: int
    reference: str
    at: datetime
    is_part: bool = False


def mark_paid(invoice: Invoice, transfer: Transfer, *, by: UUID, reason: str) -> Invoice:
    """Record a transfer for an invoice, once.

    The second of two clicks waits for the first, then finds the invoice paid. Raises ``AlreadyPaid`` and
    ``ReferenceUsed`` (409), ``OtherAmount`` (422).
    """
    with transaction.atomic(), platform.tenancy().public_write("payment"):
        accounts.lock(invoice.account)
        row = Invoice.objects.select_related("account").get(pk=invoice.pk)
        reference = transfer.reference.strip()
        if Payment.objects.filter(
            provider="invoice", provider_ref=f"{row.pk}:{reference}"
        ).exists():
            raise ReferenceUsed(reference)
        owed = open_minor(row)
        if row.state != Invoice.State.OPEN or owed == 0:
            raise AlreadyPaid(row.number)
        amount = transfer.amount_minor
        if amount > owed or amount <= 0 or (amount < owed and not transfer.is_part):
            raise OtherAmount(owed, row.currency, is_more=amount > owed)
        paid = billing.mark_paid(
            row, by=by, at=transfer.at, reference=reference, amount_minor=amount
        )
        audit.record(
            "operations.marked_paid",
            target=f"invoice:{row.pk}",
            data={
                "reason": reason,
                "number": row.number,
                "amount_minor": amount,
                "currency": row.currency,
                "reference": reference,
            },
        )
    return paid


def retry(invoice: Invoice, *, reason: str) -> bool:
    """Charge the kept means of payment again now; return whether the invoice is paid."""
    paid = billing.retry_payment(invoice)
    audit.record(
        "operations.payment_retried",
        target=f"invoice:{invoice.pk}",
        data={"reason": reason, "number": invoice.number, "paid": paid},
    )
    return paid
