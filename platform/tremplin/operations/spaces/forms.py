"""Forms about one space, and the filters of the list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tenants.models import Tenant
from tremplin.billing.cards import plan_name
from tremplin.kernel import clock
from tremplin.licensing import features
from tremplin.licensing.models import License, PlanVersion
from tremplin.operations.forms import ReasonForm
from tremplin.operations.plans.forms import DayField
from tremplin.operations.spaces.selectors import ListedSpace, Wish

MOST = 10**12


class FilterForm(forms.Form):
    """What the list of spaces is narrowed to."""

    q = forms.CharField(label=_("Name or address"), required=False, max_length=100)
    kind = forms.ChoiceField(label=_("Kind"), required=False)
    status = forms.ChoiceField(label=_("Status"), required=False)
    plan = forms.ChoiceField(label=_("Plan"), required=False)
    state = forms.ChoiceField(label=_("State of the plan"), required=False)
    reseller = forms.ChoiceField(label=_("Reseller"), required=False)

    def __init__(self, *args: Any, spaces: Sequence[ListedSpace], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plans = {item.plan_key: item.plan_label for item in spaces if item.plan_key}
        resellers = sorted({item.row.reseller for item in spaces if item.row.reseller})
        every: tuple[str, Any] = ("", _("All"))
        choices_of: dict[str, list[tuple[str, Any]]] = {
            "kind": [*Tenant.Kind.choices],
            "status": [*Tenant.Status.choices],
            "plan": sorted(plans.items(), key=lambda pair: pair[1]),
            "state": [*License.State.choices, ("none", _("No plan"))],
            "reseller": [("direct", _("Direct")), *((name, name) for name in resellers)],
        }
        for name, choices in choices_of.items():
            self.fields[name].choices = [every, *choices]  # type: ignore[attr-defined]
            self.fields[name].widget.attrs["class"] = "select w-full"
        self.fields["q"].widget.attrs["class"] = "input w-full"

    def wish(self) -> Wish:
        """Return the filters that make sense; what does not narrows nothing."""
        self.is_valid()
        data = self.cleaned_data
        return Wish(
            query=data.get("q", ""),
            **{
                name: data.get(name, "") for name in ("kind", "status", "plan", "state", "reseller")
            },
        )


class UntilForm(ReasonForm):
    """A new last day."""

    until = DayField(label=_("Last day"))
    field_order: tuple[str, ...] = ("until", "reason")

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = ZoneInfo(zone)

    def clean_until(self) -> date | None:
        """Refuse a day that is over, and one too far away to be meant."""
        day: date | None = self.cleaned_data["until"]
        today = clock.today(str(self.zone))
        if day is not None and not today <= day <= today + timedelta(days=3660):
            raise ValidationError(gettext("Choose a day from today on, within ten years."))
        return day

    def until_at(self) -> datetime | None:
        """Return the instant that ends the day."""
        day: date | None = self.cleaned_data["until"]
        if day is None:
            return None
        return datetime.combine(day + timedelta(days=1), time.min, self.zone)


class GivePlanForm(UntilForm):
    """A plan that costs nothing, until a day or without end."""

    version = forms.ModelChoiceField(PlanVersion.objects.none(), label=_("Plan"), empty_label=None)
    field_order: tuple[str, ...] = ("version", "until", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        now = clock.now()
        self.fields["until"].required = False
        self.fields["until"].help_text = gettext("Leave it empty: it has no end.")
        field = self.fields["version"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  declared above
        field.queryset = (
            PlanVersion.objects.filter(plan__module="", sold_from__lte=now)
            .filter(Q(sold_until=None) | Q(sold_until__gt=now))
            .select_related("plan")
            .order_by("plan__position")
        )
        field.label_from_instance = plan_name  # type: ignore[method-assign,assignment]


class GiveForm(UntilForm):
    """An amount or a value of one feature."""

    feature = forms.ChoiceField(label=_("Feature"))
    amount = forms.IntegerField(
        label=_("How many"),
        required=False,
        min_value=1,
        max_value=MOST,
        help_text=_("For what is counted or limited. Leave it empty for what is on or off."),
    )
    field_order: tuple[str, ...] = ("feature", "amount", "until", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = translation.get_language() or "en"
        self.declared = {
            key: item for key, item in features.declared().items() if item.kind != "config"
        }
        self.fields["feature"].choices = [  # type: ignore[attr-defined]
            (key, item.label.in_language(language)) for key, item in self.declared.items()
        ]
        self.fields["until"].required = False
        self.fields["until"].help_text = gettext("Leave it empty: it has no end.")

    def clean(self) -> dict[str, Any]:
        """Ask for an amount where the feature has one."""
        data: dict[str, Any] = super().clean() or {}
        feature = self.declared.get(data.get("feature", ""))
        if feature is None or self.has_error("amount"):
            return data
        if feature.kind == "switch" and data.get("amount") is not None:
            self.add_error("amount", gettext("This is on or off: leave the amount empty."))
        elif feature.kind != "switch" and data.get("amount") is None:
            self.add_error("amount", gettext("Enter how many."))
        return data

    def value(self) -> Any:
        """Return the value to give."""
        amount = self.cleaned_data["amount"]
        return True if amount is None else amount
