"""Forms of payments."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.api import Problem
from tremplin.billing.models import Invoice
from tremplin.billing.money import major
from tremplin.billing.orders import open_minor
from tremplin.kernel import clock
from tremplin.operations.forms import ReasonForm
from tremplin.operations.payments.services import Transfer
from tremplin.operations.payments.statements.reading import MAX_BYTES, refusal
from tremplin.operations.plans import services as plans
from tremplin.operations.plans.forms import AmountField, DayField


class PaidForm(ReasonForm):
    """A transfer that arrived for one invoice."""

    amount = AmountField(label=_("Amount that arrived, VAT included"))
    is_part = forms.BooleanField(
        label=_("It is a part payment"),
        required=False,
        help_text=_("The rest stays owed."),
    )
    received_on = DayField(label=_("Day it arrived"))
    reference = forms.CharField(
        label=_("Reference of the transfer"),
        max_length=60,
        help_text=_("As on the bank statement: the same one counts once."),
    )
    field_order = ("amount", "is_part", "received_on", "reference", "reason")

    def __init__(self, *args: Any, invoice: Invoice, zone: str, **kwargs: Any) -> None:
        self.invoice = invoice
        self.zone = zone
        owed: Decimal = major(open_minor(invoice), invoice.currency)
        usual = {"amount": owed, "received_on": clock.today(zone)}
        kwargs["initial"] = usual | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)

    def clean_amount(self) -> Decimal:
        """Refuse what the currency cannot hold, and nothing."""
        amount: Decimal = self.cleaned_data["amount"]
        if amount <= 0:
            raise ValidationError(gettext("Enter an amount above zero."))
        try:
            self.minor = plans.amount_minor(amount, self.invoice.currency)
        except Problem as problem:
            raise ValidationError(problem.detail) from None
        return amount

    def clean_received_on(self) -> date:
        """Refuse a day that has not come."""
        day: date = self.cleaned_data["received_on"]
        if day > clock.today(self.zone):
            raise ValidationError(gettext("This day has not come yet."))
        return day

    def transfer(self) -> Transfer:
        """Return what was typed; a transfer of today arrived now."""
        data = self.cleaned_data
        return Transfer(
            self.minor, data["reference"], moment_of(data["received_on"], self.zone),
            data["is_part"],
        )  # fmt: skip


class StatementForm(forms.Form):
    """A bank statement."""

    file = forms.FileField(
        label=_("Statement of your bank"),
        help_text=_("CAMT.053 (XML) or CSV, at most 10 MB and 2,000 lines."),
        widget=forms.FileInput(
            {"accept": ".xml,.csv,.txt,text/csv,text/xml", "data-testid": "statement-file"}
        ),
    )

    def clean_file(self) -> Any:
        """Refuse a file that is too big before reading it."""
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise ValidationError(refusal("too_big").detail)
        return file


def moment_of(day: date, zone: str) -> datetime:
    """Return an instant of a day: noon, or now on the present day."""
    if day == clock.today(zone):
        return clock.now()
    return datetime.combine(day, time(12), ZoneInfo(zone))
