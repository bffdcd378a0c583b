"""Forms of the reseller's console, and of the operator about resellers."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tremplin.billing.money import digits, minor
from tremplin.licensing import trials
from tremplin.operations.reseller.catalogue import typed

AMOUNT = re.compile(r"(-?[0-9]{1,9})(?:[.,]([0-9]+))?")
BLANKS = str.maketrans("", "", " \u00a0\u202f")


class AmountField(forms.CharField):
    """An amount typed in major units, with a comma or a dot; its value is in minor units.

    ``1,900`` is refused as one with too many decimals: guessing thousands would move a decimal
    point. Empty is None when the field is not required.
    """

    def __init__(self, *, currency: str, **options: Any) -> None:
        options.setdefault("max_length", 20)
        options.setdefault(
            "widget", forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        )
        super().__init__(**options)
        self.currency = currency

    def prepare_value(self, value: Any) -> Any:
        """Return an amount as people of this language type it."""
        return typed(value, self.currency) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        """Return the amount in minor units. Raises ``ValidationError``."""
        text = super().clean(value).translate(BLANKS)
        if not text:
            return None
        found = AMOUNT.fullmatch(text)
        if found is None:
            raise ValidationError(_("Enter an amount in figures, like 55 or 55.50."), "invalid")
        places = digits(self.currency)
        if len(found[2] or "") > places:
            raise ValidationError(self._too_many(places), "decimals")
        return minor(Decimal(f"{found[1]}.{found[2] or 0}"), self.currency)

    def _too_many(self, places: int) -> str:
        if not places:
            return _("%(currency)s has no decimals: enter a whole number.") % {
                "currency": self.currency
            }
        return ngettext(
            "Use at most %(places)s decimal.", "Use at most %(places)s decimals.", places
        ) % {"places": places}


class RetailForm(forms.Form):
    """What the clients of a reseller pay; empty is the public price."""

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = AmountField(
            currency=currency, required=False, label=gettext_lazy("Your price")
        )


class ShownForm(forms.Form):
    """Whether clients see a module."""

    hidden = forms.TypedChoiceField(
        choices=[("1", ""), ("0", "")], coerce=lambda value: value == "1", required=True
    )


class SettleForm(forms.Form):
    """A transfer that arrived: the reference on the bank statement."""

    reference = forms.CharField(label=gettext_lazy("Reference of the transfer"), max_length=60)


class PercentField(AmountField):
    """A percentage with at most two decimals, from 0 to 100; its value is a ``Decimal``."""

    def __init__(self, **options: Any) -> None:
        # Two decimals, like the cents of a euro.
        super().__init__(currency="EUR", **options)

    def prepare_value(self, value: Any) -> Any:
        """Return a percentage as people of this language type it."""
        return typed(int(value.scaleb(2)), "EUR") if isinstance(value, Decimal) else value

    def clean(self, value: Any) -> Any:
        """Return the percentage. Raises ``ValidationError``."""
        found = super().clean(value)
        if found is None:
            return None
        if not 0 <= found <= 100_00:
            raise ValidationError(_("Enter a percentage from 0 to 100."), "range")
        return Decimal(found).scaleb(-2)


class TermsForm(forms.Form):
    """What the operator agrees with a reseller."""

    discount = PercentField(
        label=gettext_lazy("Discount on the public prices, in percent"),
        help_text=gettext_lazy(
            "A quarter off 190.00 leaves a cost of 142.50 and a margin of 47.50."
        ),
    )
    mode = forms.ChoiceField(
        label=gettext_lazy("Who bills the clients"),
        choices=[
            ("wholesale", gettext_lazy("Wholesale: the reseller bills them, we bill the reseller")),
            ("commission", gettext_lazy("Commission: we bill them and pay the reseller its share")),
        ],
    )


class LimitsForm(forms.Form):
    """The reseller's cost of one price, and the range of what it may ask."""

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in (
            ("cost", gettext_lazy("Cost")),
            ("lowest", gettext_lazy("Lowest price")),
            ("highest", gettext_lazy("Highest price")),
        ):
            self.fields[name] = AmountField(currency=currency, required=False, label=label)

    def clean(self) -> dict[str, Any]:
        """Refuse negative amounts and a range upside down."""
        data: dict[str, Any] = super().clean() or {}
        for name in ("cost", "lowest", "highest"):
            if (data.get(name) or 0) < 0:
                self.add_error(name, _("An amount cannot be negative."))
        lowest, highest = data.get("lowest"), data.get("highest")
        if lowest is not None and highest is not None and highest < lowest:
            self.add_error("highest", _("The highest price is below the lowest one."))
        return data


class PayoutForm(forms.Form):
    """A transfer of commission that left."""

    currency = forms.RegexField(regex=r"[A-Z]{3}")
    reference = forms.CharField(label=gettext_lazy("Reference of the transfer"), max_length=80)


class HelpForm(forms.Form):
    """A request for help of somebody who runs a space."""

    subject = forms.CharField(label=gettext_lazy("Subject"), min_length=3, max_length=120)
    message = forms.CharField(
        label=gettext_lazy("Message"),
        min_length=10,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy(
            "Say what you did, what happened and when. Leave out personal data of your people."
        ),
    )


class TrialForm(forms.Form):
    """Another trial of a module for a client, with its reason."""

    def __init__(self, *args: Any, modules: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["module"] = forms.ChoiceField(label=gettext_lazy("Module"), choices=modules)
        self.order_fields(["module", "days", "reason"])

    days = forms.IntegerField(
        label=gettext_lazy("Days"), min_value=1, max_value=trials.LONGEST_DAYS, initial=14
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=trials.REASON[0],
        max_length=trials.REASON[1],
        help_text=gettext_lazy("The client reads it in its log."),
    )
