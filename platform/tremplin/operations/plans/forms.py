"""Forms of plans: texts, selling dates, prices, coupons, and the move to another version."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.api import Problem
from tremplin.billing.models import Coupon, Price
from tremplin.kernel import clock
from tremplin.licensing.models import Plan, PlanVersion
from tremplin.operations.forms import ReasonForm
from tremplin.operations.plans import selectors, services

CURRENCIES = ("EUR", "CHF", "GBP", "USD", "CAD", "MAD", "TND", "XOF", "XAF")
MOST = Decimal(10_000_000)


class DayField(forms.DateField):
    """A calendar day."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **kwargs)

    def validate(self, value: Any) -> None:
        """Refuse a year that nobody means: its instants do not exist in every time zone."""
        super().validate(value)
        if isinstance(value, date) and not 2000 <= value.year < 2200:
            raise ValidationError(gettext("Choose a day between 2000 and 2199."), "year")


class AmountField(forms.DecimalField):
    """An amount in major units, written with a comma or a point."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_value=MOST, widget=forms.TextInput(attrs={"inputmode": "decimal"}), **kwargs
        )

    def to_python(self, value: Any) -> Any:
        """Read ``1 900,50`` as well as ``1900.50``."""
        return super().to_python(plain_number(value))


def plain_number(value: Any) -> Any:
    """Return a number typed by a person with a point and without spaces."""
    if not isinstance(value, str):
        return value
    return "".join(value.split()).replace(",", ".")


class PlanTextsForm(ReasonForm):
    """The names of a plan and its place on the pricing page."""

    name_fr = forms.CharField(label=_("Name in French"), max_length=80)
    name_en = forms.CharField(label=_("Name in English"), max_length=80)
    summary_fr = forms.CharField(label=_("Summary in French"), max_length=300, required=False)
    summary_en = forms.CharField(label=_("Summary in English"), max_length=300, required=False)
    position = forms.IntegerField(
        label=_("Position on the pricing page"), min_value=0, max_value=1000, initial=0
    )
    is_listed = forms.BooleanField(
        label=_("Shown on the pricing page"), required=False, initial=True
    )
    field_order = (
        "key", "name_fr", "name_en", "summary_fr", "summary_en", "position", "is_listed", "reason",
    )  # fmt: skip

    def names(self) -> dict[str, Any]:
        """Return what was typed, without the key and the reason."""
        return {name: self.cleaned_data[name] for name in services.NAMES}


class NewPlanForm(PlanTextsForm):
    """A plan of the whole space that did not exist."""

    key = forms.SlugField(
        label=_("Key"),
        max_length=60,
        help_text=_("Lower-case letters, digits and hyphens. It never changes."),
    )

    def clean_key(self) -> str:
        """Refuse the keys that belong to modules sold alone."""
        key = str(self.cleaned_data["key"]).lower()
        if key.startswith("module-"):
            raise ValidationError(gettext("A key that starts with “module-” belongs to a module."))
        return key


class WindowForm(ReasonForm):
    """From when to when a version is on sale, in days of the platform."""

    sold_from = DayField(label=_("On sale from"))
    sold_until = DayField(
        label=_("Last day of sale"),
        required=False,
        help_text=_("Leave it empty: it is sold until another version begins."),
    )
    field_order = ("sold_from", "sold_until", "reason")

    def __init__(self, *args: Any, version: PlanVersion, zone: str, **kwargs: Any) -> None:
        self.zone = ZoneInfo(zone)
        self.version = version
        last = version.sold_until
        kwargs.setdefault(
            "initial",
            {
                "sold_from": self._day(version.sold_from) or clock.today(zone),
                "sold_until": self._day(last - timedelta(microseconds=1)) if last else None,
            },
        )
        super().__init__(*args, **kwargs)

    def _day(self, moment: datetime | None) -> date | None:
        return moment.astimezone(self.zone).date() if moment is not None else None

    def window(self) -> tuple[datetime, datetime | None]:
        """Return the first instant and the one that ends the sale.

        The first day as stored keeps its time; today begins now, for what was sold this morning.
        """
        first, last = self.cleaned_data["sold_from"], self.cleaned_data["sold_until"]
        start = self.version.sold_from
        if start is None or self._day(start) != first:
            start = datetime.combine(first, time.min, self.zone)
            now = clock.now()
            start = now if first == now.astimezone(self.zone).date() else start
        if last is None:
            return start, None
        return start, datetime.combine(last + timedelta(days=1), time.min, self.zone)


class PriceForm(ReasonForm):
    """What a version costs in a currency and a rhythm."""

    currency = forms.ChoiceField(label=_("Currency"), choices=[(one, one) for one in CURRENCIES])
    interval = forms.ChoiceField(label=_("Rhythm"), choices=Price.Interval.choices)
    model = forms.ChoiceField(label=_("How it counts"), choices=Price.Model.choices)
    amount = AmountField(label=_("Amount before VAT"))
    included_seats = forms.IntegerField(
        label=_("Seats included"), min_value=0, max_value=100_000, initial=0
    )
    tiers = forms.CharField(
        label=_("Seats above those included"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "One tier per line: how many seats it goes up to, then the amount of one seat. “*” is "
            "for all the others. Example: “50 3.90”, then “* 3.00”."
        ),
    )
    is_free = forms.BooleanField(
        label=_("It costs nothing on purpose"),
        required=False,
        help_text=_("Without this an amount of zero is refused."),
    )
    field_order = (
        "currency", "interval", "model", "amount", "is_free", "included_seats", "tiers", "reason",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Turn amounts into minor units; say at each field what is wrong with it."""
        data: dict[str, Any] = super().clean() or {}
        currency = data.get("currency")
        if currency and data.get("amount") is not None:
            self._amount(data, str(currency))
        if currency and data.get("model") == Price.Model.TIERED:
            try:
                data["read_tiers"] = read_tiers(data.get("tiers", ""), str(currency))
            except ValidationError as error:
                self.add_error("tiers", error)
        elif data.get("tiers"):
            self.add_error("tiers", gettext("Tiers need the price “by tiers of seats”."))
        return data

    def _amount(self, data: dict[str, Any], currency: str) -> None:
        if data["amount"] < 0:
            self.add_error("amount", gettext("Enter an amount above zero."))
        elif data["amount"] == 0 and not data.get("is_free"):
            self.add_error(
                "amount",
                gettext("Enter an amount above zero, or say that it costs nothing on purpose."),
            )
        else:
            try:
                data["minor"] = services.amount_minor(data["amount"], currency)
            except Problem as problem:
                self.add_error("amount", problem.detail)

    def price(self) -> services.NewPrice:
        """Return the price that was typed."""
        data = self.cleaned_data
        return services.NewPrice(
            currency=data["currency"],
            interval=data["interval"],
            model=data["model"],
            amount_minor=data["minor"],
            included_seats=data["included_seats"],
            tiers=data.get("read_tiers", ()),
        )


def read_tiers(text: str, currency: str) -> tuple[tuple[int | None, int], ...]:
    """Return tiers as (up to, minor units) from lines like ``50 3.90``; ``*`` ends them.

    Raises ``ValidationError`` with what is wrong.
    """
    found: list[tuple[int | None, int]] = []
    for number, line in enumerate((row for row in text.splitlines() if row.strip()), 1):
        try:
            limit, amount = line.split(maxsplit=1)
            up_to = None if limit == "*" else int(limit)
            value = Decimal(plain_number(amount))
        except (ValueError, InvalidOperation):
            raise ValidationError(
                gettext("Line %(number)s is not understood: write “50 3.90”.") % {"number": number}
            ) from None
        former = found[-1][0] if found else 0
        if former is None or (up_to is not None and up_to <= former):
            raise ValidationError(
                gettext("Line %(number)s: each tier goes further than the one before.")
                % {"number": number}
            )
        if not value.is_finite() or not 0 <= value <= MOST:
            raise ValidationError(
                gettext("Line %(number)s: enter an amount of zero or more.") % {"number": number}
            )
        try:
            found.append((up_to, services.amount_minor(value, currency)))
        except Problem as problem:
            raise ValidationError(problem.detail) from None
    if not found or found[-1][0] is not None:
        raise ValidationError(
            gettext("The last tier is for all the other seats: begin it with “*”.")
        )
    return tuple(found)


def tiers_text(price: Price) -> str:
    """Return stored tiers as ``read_tiers`` reads them."""
    from tremplin.billing.money import major

    return "\n".join(
        f"{'*' if tier['up_to'] is None else tier['up_to']} "
        f"{major(tier['unit_minor'], price.currency)}"
        for tier in price.tiers
    )


class CouponForm(ReasonForm):
    """A discount code: a percentage or an amount."""

    code = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$",
        label=_("Code"),
        error_messages={"invalid": _("3 to 40 letters, digits, hyphens or underscores.")},
    )
    percent = AmountField(label=_("Percentage off"), required=False, decimal_places=2)
    amount = AmountField(label=_("Or amount off, before VAT"), required=False)
    currency = forms.ChoiceField(
        label=_("Currency of the amount"), choices=[(one, one) for one in CURRENCIES]
    )
    duration = forms.ChoiceField(label=_("For how long"), choices=Coupon.Duration.choices)
    months = forms.IntegerField(
        label=_("Months"), required=False, min_value=1, max_value=120,
        help_text=_("For a discount of some months."),
    )  # fmt: skip
    plans = forms.MultipleChoiceField(
        label=_("Only for these plans"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None checked: for every plan."),
    )
    max_redemptions = forms.IntegerField(
        label=_("Used at most"), required=False, min_value=1, max_value=1_000_000
    )
    last_day = DayField(label=_("Last day"), required=False)
    field_order = (
        "code", "percent", "amount", "currency", "duration", "months", "max_redemptions",
        "last_day", "plans", "reason",
    )  # fmt: skip

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = ZoneInfo(zone)
        self.fields["plans"].choices = [  # type: ignore[attr-defined]
            (plan.key, selectors.name_of(plan))
            for plan in Plan.objects.order_by("module", "position", "key")
        ]

    def clean_last_day(self) -> date | None:
        """Refuse a day that is over."""
        day: date | None = self.cleaned_data["last_day"]
        if day is not None and day < clock.today(str(self.zone)):
            raise ValidationError(gettext("This day is over: choose a later one."))
        return day

    def clean(self) -> dict[str, Any]:
        """Keep one kind of discount, above zero, with the decimals of its currency."""
        data: dict[str, Any] = super().clean() or {}
        percent, amount = data.get("percent"), data.get("amount")
        if not self.has_error("percent") and not self.has_error("amount"):
            if (percent is None) == (amount is None):
                self.add_error("percent", gettext("Enter a percentage or an amount, not both."))
            elif percent is not None and not 0 < percent <= 100:
                self.add_error("percent", gettext("Enter more than 0 and at most 100."))
            elif amount is not None and amount <= 0:
                self.add_error("amount", gettext("Enter an amount above zero."))
            elif amount is not None and data.get("currency"):
                try:
                    data["minor"] = services.amount_minor(amount, data["currency"])
                except Problem as problem:
                    self.add_error("amount", problem.detail)
        if data.get("duration") == Coupon.Duration.REPEATING and not data.get("months"):
            if not self.has_error("months"):
                self.add_error("months", gettext("Say for how many months."))
        return data

    def values(self) -> dict[str, Any]:
        """Return the fields of the coupon."""
        data = self.cleaned_data
        last = data["last_day"]
        has_amount = data.get("amount") is not None
        return {
            "percent": data["percent"],
            "amount_minor": data["minor"] if has_amount else None,
            "currency": data["currency"] if has_amount else "",
            "duration": data["duration"],
            "months": data["months"] if data["duration"] == Coupon.Duration.REPEATING else None,
            "plans": data["plans"],
            "max_redemptions": data["max_redemptions"],
            "valid_until": datetime.combine(last + timedelta(days=1), time.min, self.zone)
            if last
            else None,
        }


class MoveForm(ReasonForm):
    """Where the holders of a version go, and from when."""

    target = forms.ModelChoiceField(
        PlanVersion.objects.none(), label=_("Move to"), empty_label=None
    )
    notice = DayField(
        label=_("Not before"),
        help_text=_("Each holder moves at the first renewal on or after this day."),
    )
    field_order = ("target", "notice", "reason")

    def __init__(self, *args: Any, version: PlanVersion, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = ZoneInfo(zone)
        field = self.fields["target"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  declared above
        field.queryset = version.plan.versions.exclude(pk=version.pk).exclude(sold_from=None)
        field.label_from_instance = _version_label  # type: ignore[method-assign]

    def clean_notice(self) -> date:
        """Refuse a day that is over."""
        day: date = self.cleaned_data["notice"]
        if day < clock.today(str(self.zone)):
            raise ValidationError(gettext("This day is over: choose a later one."))
        return day

    def notice_at(self) -> datetime:
        """Return the first instant of the day."""
        return datetime.combine(self.cleaned_data["notice"], time.min, self.zone)


def _version_label(row: PlanVersion) -> str:
    return gettext("Version %(number)s") % {"number": row.number}
