"""Forms of billing: what to buy, the legal identity, the simulated card."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from stdnum.fr import siren as siren_number

from tremplin.billing import cards, countries, money, pricing
from tremplin.billing.cards import PlanCard
from tremplin.billing.invoicing import tax
from tremplin.billing.models import BillingAccount, Price
from tremplin.billing.pricing import Offer
from tremplin.licensing.overage import Terms

# Monaco shares the French VAT without the French register of companies.
_HAS_SIREN = tax.FRENCH_VAT - {"MC"}


class SeatsField(forms.IntegerField):
    """A whole number of seats, with the words for a wrong one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Seats"),
            min_value=1,
            max_value=pricing.MOST_SEATS,
            error_messages={
                "invalid": _("Enter a whole number of seats."),
                "min_value": _("Take at least one seat."),
            },
            **kwargs,
        )


class CheckoutForm(forms.Form):
    """The rhythm, the seats and a code, for one version."""

    interval = forms.ChoiceField(label=_("Rhythm"), widget=forms.RadioSelect)
    seats = SeatsField()
    coupon = forms.CharField(
        label=_("Discount code"), max_length=40, required=False, help_text=_("If you have one.")
    )

    def __init__(self, *args: Any, card: PlanCard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.card = card
        choices = [(item.price.interval, _offer_text(item)) for item in card.offers]
        field = self.fields["interval"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  declared above
        field.choices = choices
        field.initial = choices[0][0]
        if all(item.price.model == Price.Model.FLAT for item in card.offers):
            del self.fields["seats"]
        else:
            included = pricing.included(card.first.price)
            self.fields["seats"].initial = included
            self.fields["seats"].help_text = _("%(seats)s are included.") % {
                "seats": cards.seats_text(included)
            }

    def offer(self) -> Offer:
        """Return the offer of the chosen rhythm."""
        wanted = self.cleaned_data["interval"]
        return next(item for item in self.card.offers if item.price.interval == wanted)


def _offer_text(offer: Offer) -> str:
    from tremplin.billing.money import amount_text

    amount = amount_text(offer.amount_minor, offer.price.currency)
    return f"{amount} {cards.interval_text(offer.price.interval)}"


class ChangePlanForm(forms.Form):
    """Another plan or another rhythm: one choice per offer."""

    offer = forms.ChoiceField(label=_("New plan"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, found: list[PlanCard], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["offer"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  declared above
        self.offers = {
            str(item.price.pk): item
            for card in found
            for item in card.offers
            if item.price.interval != Price.Interval.ONCE
        }
        field.choices = [
            (
                key,
                _("%(name)s: %(price)s")
                % {
                    "name": cards.plan_name(item.price.plan_version),
                    "price": _offer_text(item),
                },
            )
            for key, item in self.offers.items()
        ]

    def chosen(self) -> Offer:
        """Return the chosen offer."""
        return self.offers[self.cleaned_data["offer"]]


class ChangeSeatsForm(forms.Form):
    """Another number of seats."""

    seats = SeatsField()


class DetailsForm(forms.ModelForm):
    """The legal identity that invoices print; numbers are checked offline."""

    country = forms.ChoiceField(label=_("Country"))

    class Meta:
        model = BillingAccount
        fields = (
            "legal_name", "siren", "vat_id", "email", "line1", "line2", "postal_code", "city",
            "country",
        )  # fmt: skip

    def __init__(self, *args: Any, required: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  declared above
        field.choices = countries.choices(get_language() or "en")
        self.fields["siren"].help_text = _(
            "Nine digits. A French organisation has one, and its invoices must show it."
        )
        self.fields["vat_id"].help_text = _(
            "With the letters of the country, such as FR83404833048. Leave empty without one."
        )
        # A SIREN is usually copied with its spaces.
        self.fields["siren"] = forms.CharField(
            label=self.fields["siren"].label,
            help_text=self.fields["siren"].help_text,
            max_length=20,
            required=False,
        )
        for name in ("legal_name", "line1", "postal_code", "city", *required):
            self.fields[name].required = True
        for name, purpose in {
            "legal_name": "organization",
            "email": "email",
            "line1": "address-line1",
            "line2": "address-line2",
            "postal_code": "postal-code",
            "city": "address-level2",
            "country": "country",
        }.items():
            self.fields[name].widget.attrs["autocomplete"] = purpose

    def _post_clean(self) -> None:
        """Leave the row alone: the service writes it, under its lock."""

    def clean_siren(self) -> str:
        """Check nine digits and their key (Luhn, as INSEE numbers companies)."""
        found = "".join(self.cleaned_data["siren"].split())
        if found and not siren_number.is_valid(found):
            raise forms.ValidationError(
                _("This is not a SIREN: check its nine digits."), code="bad_siren"
            )
        return found

    def clean_vat_id(self) -> str:
        """Return the number without the spaces and dots that people copy."""
        return "".join(self.cleaned_data["vat_id"].split()).replace(".", "").upper()

    def clean(self) -> dict[str, Any]:
        """Check the VAT number for the country (format only: VIES is not asked), and the SIREN."""
        cleaned = super().clean() or {}
        country, number = cleaned.get("country", ""), cleaned.get("vat_id", "")
        siren = cleaned.get("siren", "")
        if number and not tax.is_vat_id(number, country):
            self.add_error(
                "vat_id", _("This is not a VAT number of the country of the address: check it.")
            )
        elif number and siren and country in _HAS_SIREN and not number.endswith(siren):
            self.add_error("vat_id", _("This VAT number does not match the SIREN."))
        if country in _HAS_SIREN and not siren and "siren" not in self.errors:
            self.add_error("siren", _("A French organisation has a SIREN: invoices must show it."))
        return cleaned


class ForgetfulInput(forms.TextInput):
    """An input that never shows again what was typed."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, None, attrs)


class CardForm(forms.Form):
    """The simulated card: the number is compared with the test numbers and forgotten."""

    number = forms.CharField(
        label=_("Card number"),
        max_length=30,
        widget=ForgetfulInput(
            attrs={"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"}
        ),
        help_text=_("One of the test numbers below. Never type a real card here."),
    )

    def clean_number(self) -> str:
        """Return the digits alone; anything else is not a card number."""
        found = "".join(self.cleaned_data["number"].split()).replace("-", "")
        if not (found.isascii() and found.isdigit()):
            raise forms.ValidationError(_("Enter digits only."), code="bad_card")
        return found


class PayerForm(forms.Form):
    """How the space pays, among the means that are set up."""

    provider = forms.ChoiceField(label=_("Means of payment"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["provider"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  declared above
        field.choices = choices


class CapForm(forms.Form):
    """How much may be billed per period beyond the plan, for one feature, in its currency."""

    cap = forms.DecimalField(
        min_value=0,
        max_digits=12,
        error_messages={
            "invalid": _("Enter an amount, for example 50."),
            "min_value": _("Enter an amount of zero or more."),
        },
    )

    def __init__(self, *args: Any, terms: Terms, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.terms = terms
        # Several forms of this kind are on one page.
        self.auto_id = f"cap-{terms.feature.replace('.', '-')}-%s"
        field = self.fields["cap"]
        field.label = _("At most per period, before VAT (%(currency)s)") % {
            "currency": terms.currency
        }
        field.help_text = _("0: nothing beyond the plan.")
        field.initial = money.major(terms.cap_minor, terms.currency)

    def clean_cap(self) -> Any:
        """Refuse a fraction of the smallest unit of the currency."""
        found = self.cleaned_data["cap"]
        try:
            money.minor(found, self.terms.currency)
        except ValueError as error:
            raise forms.ValidationError(
                _("%(currency)s has %(digits)s decimals at most.")
                % {"currency": self.terms.currency, "digits": money.digits(self.terms.currency)},
                code="too_precise",
            ) from error
        return found

    def cap_minor(self) -> int:
        """Return the amount in minor units."""
        return money.minor(self.cleaned_data["cap"], self.terms.currency)
