"""The form of what a version gives: one row per feature, with the inputs of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils import translation
from django.utils.translation import gettext, gettext_lazy

from tremplin.billing.cards import module_name
from tremplin.kernel import registry
from tremplin.licensing import features
from tremplin.licensing.features import Feature
from tremplin.licensing.models import PlanEntitlement, PlanVersion
from tremplin.operations.forms import ReasonForm
from tremplin.operations.plans.services import DURATIONS, Content, Value

MOST = 10**12
MODES = (
    ("none", gettext_lazy("Not included")),
    ("amount", gettext_lazy("This many")),
    ("unlimited", gettext_lazy("Unlimited")),
)
LABELS = {
    "trial_days": gettext_lazy("Trial"),
    "past_due_days": gettext_lazy("Late payment, full access"),
    "grace_days": gettext_lazy("Then last days, nothing new"),
    "read_only_days": gettext_lazy("Read-only after the end"),
    "keep_days": gettext_lazy("Data kept after the end"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One feature of the form: its names of inputs start with ``prefix``."""

    feature: Feature
    prefix: str
    stored: PlanEntitlement | None

    @property
    def label(self) -> str:
        """Return the feature's name in the reader's language."""
        return self.feature.label.in_language(translation.get_language() or "en")

    @property
    def is_switch(self) -> bool:
        """Return whether the feature is on or off."""
        return self.feature.kind == "switch"

    @property
    def is_metered(self) -> bool:
        """Return whether units are counted per period."""
        return self.feature.kind == "metered"


class ContentForm(ReasonForm):
    """Modules, values of features and days of a version."""

    modules = forms.MultipleChoiceField(
        label=gettext_lazy("Modules that come with it"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, version: PlanVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version = version
        held = list(version.items.values_list("module", flat=True))
        known = sorted({entry.slug for entry in registry.installed()} | set(held))
        field = self.fields["modules"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  declared above
        field.choices = [(slug, module_name(slug)) for slug in known]
        field.initial = held
        for name in DURATIONS:
            self.fields[name] = forms.IntegerField(
                label=LABELS[name], min_value=0, max_value=3650, initial=getattr(version, name)
            )
        self.rows = _rows(version)
        for row in self.rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        stored, prefix = row.stored, row.prefix
        if row.is_switch:
            self.fields[f"{prefix}_on"] = forms.BooleanField(
                label=row.label, required=False, initial=bool(stored and stored.value)
            )
            return
        if row.feature.kind == "config":
            self.fields[f"{prefix}_text"] = forms.CharField(
                label=row.label, required=False, max_length=200,
                initial="" if stored is None else stored.value,
            )  # fmt: skip
            return
        mode = "none" if stored is None else "unlimited" if stored.value is None else "amount"
        self.fields[f"{prefix}_mode"] = forms.ChoiceField(
            label=row.label, choices=MODES, initial=mode
        )
        self.fields[f"{prefix}_amount"] = forms.IntegerField(
            label=gettext("%(feature)s: how many") % {"feature": row.label},
            required=False, min_value=0, max_value=MOST,
            initial=None if stored is None else stored.value,
        )  # fmt: skip
        if row.is_metered:
            self._add_meter(row)

    def _add_meter(self, row: Row) -> None:
        stored, prefix = row.stored, row.prefix
        self.fields[f"{prefix}_reset"] = forms.ChoiceField(
            label=gettext("%(feature)s: renewed") % {"feature": row.label},
            choices=PlanEntitlement.Reset.choices,
            initial=stored.reset if stored else PlanEntitlement.Reset.MONTH,
        )
        self.fields[f"{prefix}_scope"] = forms.ChoiceField(
            label=gettext("%(feature)s: counted for") % {"feature": row.label},
            choices=PlanEntitlement.Scope.choices,
            initial=stored.scope if stored else PlanEntitlement.Scope.TENANT,
        )
        self.fields[f"{prefix}_overage"] = forms.ChoiceField(
            label=gettext("%(feature)s: beyond the limit") % {"feature": row.label},
            choices=PlanEntitlement.Overage.choices,
            initial=stored.overage if stored else PlanEntitlement.Overage.DENY,
        )
        self.fields[f"{prefix}_percent"] = forms.IntegerField(
            label=gettext("%(feature)s: tolerated percentage") % {"feature": row.label},
            required=False, min_value=0, max_value=1000,
            initial=stored.overage_percent if stored else 0,
        )  # fmt: skip
        self.fields[f"{prefix}_unit"] = forms.IntegerField(
            label=gettext("%(feature)s: price of a unit beyond, in cents")
            % {"feature": row.label},
            required=False, min_value=1, max_value=MOST,
            initial=stored.overage_unit_minor if stored else None,
        )  # fmt: skip

    def groups(self) -> Iterator[tuple[Row, list[Any]]]:
        """Return each row with its bound fields, for the template."""
        for row in self.rows:
            yield row, [self[name] for name in self.fields if name.startswith(f"{row.prefix}_")]

    def day_fields(self) -> list[Any]:
        """Return the bound fields of the days."""
        return [self[name] for name in DURATIONS]

    def clean(self) -> dict[str, Any]:
        """Ask for an amount where one is said to count, and a price where excess is billed."""
        data: dict[str, Any] = super().clean() or {}
        seen: set[tuple[str, str]] = set()
        for row in self.rows:
            prefix = row.prefix
            if data.get(f"{prefix}_mode") == "amount" and data.get(f"{prefix}_amount") is None:
                if not self.has_error(f"{prefix}_amount"):
                    self.add_error(f"{prefix}_amount", gettext("Enter how many."))
            if not row.is_metered or data.get(f"{prefix}_mode") == "none":
                continue
            key = (row.feature.key, str(data.get(f"{prefix}_scope")))
            if key in seen:
                self.add_error(f"{prefix}_scope", gettext("This is counted above already."))
            seen.add(key)
            is_billed = data.get(f"{prefix}_overage") == PlanEntitlement.Overage.BILL
            if is_billed and not data.get(f"{prefix}_unit"):
                self.add_error(f"{prefix}_unit", gettext("Enter the price of a unit."))
        return data

    def content(self) -> Content:
        """Return what was typed."""
        data = self.cleaned_data
        values = [value for row in self.rows if (value := self._value(row)) is not None]
        days = {name: data[name] for name in DURATIONS}
        return Content(tuple(data["modules"]), (*values, *self._kept()), days)

    def _value(self, row: Row) -> Value | None:
        data, prefix, key = self.cleaned_data, row.prefix, row.feature.key
        if row.is_switch:
            return Value(key, True) if data[f"{prefix}_on"] else None
        if row.feature.kind == "config":
            return Value(key, data[f"{prefix}_text"]) if data[f"{prefix}_text"] else None
        mode = data[f"{prefix}_mode"]
        if mode == "none":
            return None
        amount = data[f"{prefix}_amount"] if mode == "amount" else None
        if not row.is_metered:
            return Value(key, amount)
        overage = data[f"{prefix}_overage"]
        return Value(
            key,
            amount,
            reset=data[f"{prefix}_reset"],
            scope=data[f"{prefix}_scope"],
            overage=overage,
            overage_percent=data[f"{prefix}_percent"] or 0,
            overage_unit_minor=data[f"{prefix}_unit"] if overage == "bill" else None,
            overage_cap_minor=row.stored.overage_cap_minor if row.stored else None,
        )

    def _kept(self) -> list[Value]:
        """Return the values of features that no installed module declares: they stay."""
        declared = {row.feature.key for row in self.rows}
        return [
            Value(
                item.feature, item.value, item.reset, item.scope, item.overage,
                item.overage_percent, item.overage_unit_minor, item.overage_cap_minor,
            )
            for item in self.version.entitlements.all()
            if item.feature not in declared
        ]  # fmt: skip


def _rows(version: PlanVersion) -> list[Row]:
    """Return a row per feature, and one more per scope where a meter counts for both."""
    stored: dict[str, list[PlanEntitlement]] = {}
    for item in version.entitlements.order_by("feature", "scope"):
        stored.setdefault(item.feature, []).append(item)
    module = version.plan.module
    found: list[Row] = []
    for feature in features.declared().values():
        if module and feature.module != module:
            continue
        held: list[PlanEntitlement | None] = [*stored.get(feature.key, ())]
        found += [Row(feature, f"f{len(found) + n}", item) for n, item in enumerate(held or [None])]
    return found
