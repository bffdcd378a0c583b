"""Forms of sales: what is sold, who sells, a purchase, a refund, a transfer that arrived."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from stdnum import bic as bic_number
from stdnum import iban as iban_number

from tremplin.billing import money
from tremplin.billing.forms import DetailsForm
from tremplin.billing.sales import catalogue, sellers
from tremplin.billing.sales.models import Entry, Seller

_MOST_DIGITS = 12


class AmountField(forms.DecimalField):
    """An amount of money above zero, in major units of one currency; cleaned to minor units."""

    def __init__(self, *, currency: str, highest_minor: int, **kwargs: Any) -> None:
        super().__init__(localize=True, **kwargs)
        self.currency = currency
        self.highest_minor = highest_minor
        self.widget.attrs.update({"inputmode": "decimal", "autocomplete": "off"})

    def clean(self, value: Any) -> Any:
        """Return the amount in minor units, exact: a fraction of the smallest coin is refused."""
        amount: Decimal | None = super().clean(value)
        if amount is None:
            return None
        if amount <= 0:
            raise forms.ValidationError(_("The price must be above zero."), code="not_positive")
        # Exact arithmetic on a number of a million digits would fail, or take the server's time.
        if amount.adjusted() > _MOST_DIGITS:
            amount = Decimal(10) ** _MOST_DIGITS
        try:
            minor = money.minor(amount, self.currency)
        except ValueError as error:
            count = money.digits(self.currency)
            text = (
                _("An amount in %(currency)s has no decimals.")
                if count == 0
                else _("An amount in %(currency)s has at most %(count)s decimals.")
            )
            raise forms.ValidationError(
                text, code="decimals", params={"currency": self.currency, "count": count}
            ) from error
        if minor > self.highest_minor:
            raise forms.ValidationError(
                _("At most %(amount)s."),
                code="too_high",
                params={"amount": money.amount_text(self.highest_minor, self.currency)},
            )
        return minor


class EntryForm(forms.ModelForm):
    """One thing that the space sells."""

    class Meta:
        model = Entry
        fields = ("kind", "title", "summary", "tax_code", "is_on_sale")
        widgets = {"summary": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, seller: Seller, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seller = seller
        self.currency = self.instance.currency or seller.currency
        price = AmountField(
            currency=self.currency,
            highest_minor=catalogue.HIGHEST_MINOR,
            label=_("Price in %(currency)s, VAT included") % {"currency": self.currency},
        )
        if self.instance.price_minor:
            price.initial = money.major(self.instance.price_minor, self.currency)
        self.fields["price"] = price
        self.fields["kind"].choices = [  # type: ignore[attr-defined]
            ("", _("Choose…")),
            *Entry.Kind.choices,
        ]
        self.fields["title"].help_text = _("Leave empty for the name of the service.")
        self.fields["summary"].help_text = _("Leave empty for our description, in each language.")
        self.fields["is_on_sale"].help_text = _("Hidden, nobody can buy it, not by its address.")

    def _post_clean(self) -> None:
        """Leave the row alone: the service writes it."""

    def clean(self) -> dict[str, Any]:
        """Ask a title where no kind gives one; the exemption of training needs its certificate."""
        cleaned = super().clean() or {}
        if cleaned.get("kind") == Entry.Kind.OTHER and not cleaned.get("title", "").strip():
            self.add_error("title", _("Give this service a title."))
        exempt = cleaned.get("tax_code") == Entry.TaxCode.TRAINING
        if (
            exempt
            and self.seller.vat == Seller.Vat.FRENCH
            and not self.seller.has_training_exemption
        ):
            self.add_error(
                "tax_code", _("Your details do not say that your trainings are exempt from VAT.")
            )
        return cleaned

    def values(self) -> dict[str, Any]:
        """Return the fields of the entry."""
        fields = dict(self.cleaned_data)
        fields["price_minor"] = fields.pop("price")
        return {**fields, "currency": self.currency}


class SellerForm(DetailsForm):
    """The space as a seller: identity, VAT, bank, terms."""

    currency = forms.ChoiceField(
        label=_("Currency of new prices"), choices=[(code, code) for code in sellers.CURRENCIES]
    )

    class Meta:
        model = Seller
        fields = (
            *DetailsForm.Meta.fields, "currency", "vat", "own_rate", "has_training_exemption",
            "takes_transfers", "iban", "bic", "transfer_days", "terms",
        )  # fmt: skip
        widgets = {"terms": forms.Textarea(attrs={"rows": 6})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["own_rate"] = forms.DecimalField(
            label=self.fields["own_rate"].label,
            min_value=0,
            max_value=100,
            decimal_places=2,
            required=False,
            localize=True,
            initial=self.instance.own_rate,
        )
        self.fields["transfer_days"] = forms.IntegerField(
            label=self.fields["transfer_days"].label,
            min_value=1,
            max_value=90,
            initial=self.instance.transfer_days,
        )
        for name, length in (("iban", 50), ("bic", 20)):  # usually copied with spaces
            self.fields[name] = forms.CharField(
                label=self.fields[name].label, max_length=length, required=False
            )
        self.fields["vat_id"].help_text = _("Needed to charge VAT, such as FR83404833048.")
        self.fields["terms"].help_text = _("Shown to each buyer, who accepts them.")

    def clean_own_rate(self) -> Decimal:
        """Return the rate, 0 when nothing was typed."""
        return self.cleaned_data["own_rate"] or Decimal("0.00")

    def clean_iban(self) -> str:
        """Check the country's length and the control digits (ISO 13616)."""
        found = "".join(self.cleaned_data["iban"].split()).upper()
        if found and not iban_number.is_valid(found):
            raise forms.ValidationError(_("This is not an IBAN: check it."), code="bad_iban")
        return found

    def clean_bic(self) -> str:
        """Check the form of a BIC (ISO 9362)."""
        found = "".join(self.cleaned_data["bic"].split()).upper()
        if found and not bic_number.is_valid(found):
            raise forms.ValidationError(_("This is not a BIC: check it."), code="bad_bic")
        return found

    def clean(self) -> dict[str, Any]:
        """Ask an IBAN for transfers, a VAT number to charge VAT, and one idea of the VAT."""
        cleaned = super().clean()
        if cleaned.get("takes_transfers") and not cleaned.get("iban") and "iban" not in self.errors:
            self.add_error("iban", _("A transfer needs your IBAN."))
        if cleaned.get("vat") != Seller.Vat.FRENCH and cleaned.get("has_training_exemption"):
            self.add_error(
                "has_training_exemption", _("Choose this with the VAT of the country only.")
            )
        return cleaned


class BuyForm(forms.Form):
    """The name on the invoice, the way to pay, and the agreement that the law asks for."""

    name = forms.CharField(label=_("Name on the invoice"), max_length=120)
    line1 = forms.CharField(label=_("Address"), max_length=160, required=False)
    postal_code = forms.CharField(label=_("Postal code"), max_length=20, required=False)
    city = forms.CharField(label=_("City"), max_length=80, required=False)
    way = forms.ChoiceField(label=_("Means of payment"), widget=forms.RadioSelect)
    agreed = forms.BooleanField(
        label=_(
            "I ask for the service now, and I know that I can no longer withdraw once it is done."
        ),
        error_messages={"required": _("Tick this box to order.")},
    )
    shown = forms.CharField(widget=forms.HiddenInput, max_length=40)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, ways: list[sellers.Way], terms: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["way"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  declared above
        field.choices = [(way.slug, way.label) for way in ways]
        field.initial = ways[0].slug if ways else None
        if terms:
            self.fields["agreed"].label = _(
                "I accept the terms of sale, I ask for the service now, and I know that I can no "
                "longer withdraw once it is done."
            )
        for name, purpose in {
            "name": "name",
            "line1": "address-line1",
            "postal_code": "postal-code",
            "city": "address-level2",
        }.items():
            self.fields[name].widget.attrs["autocomplete"] = purpose

    def buyer(self) -> dict[str, str]:
        """Return what the invoice prints of the buyer."""
        return {name: self.cleaned_data[name] for name in ("name", "line1", "postal_code", "city")}


class RefundForm(forms.Form):
    """How much is given back, and why."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(label=_("Reason, printed on the credit note"), max_length=200)

    def __init__(self, *args: Any, currency: str, left_minor: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        amount = AmountField(
            currency=currency,
            highest_minor=left_minor,
            label=_("Amount in %(currency)s") % {"currency": currency},
        )
        amount.initial = money.major(left_minor, currency)
        self.fields = {"key": self.fields["key"], "amount": amount, "reason": self.fields["reason"]}


class TransferForm(forms.Form):
    """A transfer that arrived."""

    day = forms.DateField(
        label=_("Day of the transfer"), widget=forms.DateInput(attrs={"type": "date"})
    )
    reference = forms.CharField(label=_("Reference at the bank"), max_length=120, required=False)
