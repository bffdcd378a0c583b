"""Reads of the plan pages: plans with what they cost and who holds them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import translation
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from tremplin.billing.cards import module_name
from tremplin.billing.models import Price, VersionMove
from tremplin.kernel import clock
from tremplin.licensing import features
from tremplin.licensing.models import License, Plan, PlanEntitlement, PlanVersion


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version with its active prices and its holders; ``status`` says where it stands."""

    version: PlanVersion
    status: str
    prices: tuple[Price, ...]
    holders: int

    @property
    def status_label(self) -> str:
        """Return the status in the reader's language."""
        return {
            "draft": _("Draft"),
            "coming": _("On sale later"),
            "sold": _("On sale"),
            "closed": _("No longer sold"),
        }[self.status]

    @property
    def variant(self) -> str:
        """Return the colour of its badge."""
        return {"sold": "success", "coming": "info", "draft": "outline"}.get(self.status, "muted")

    @property
    def is_frozen(self) -> bool:
        """Return whether something was sold from it."""
        return self.version.first_sold_at is not None


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan with the version on sale (or its latest) and all its holders."""

    plan: Plan
    name: str
    versions: tuple[VersionRow, ...] = field(default_factory=tuple)

    @property
    def holders(self) -> int:
        """Return how many spaces hold any of its versions."""
        return sum(row.holders for row in self.versions)

    @property
    def current(self) -> VersionRow | None:
        """Return the version on sale, else the latest."""
        sold = [row for row in self.versions if row.status == "sold"]
        return sold[-1] if sold else self.versions[-1] if self.versions else None


def status_of(version: PlanVersion, now: datetime) -> str:
    """Return ``draft``, ``coming``, ``sold`` or ``closed``."""
    if version.sold_from is None:
        return "draft"
    if version.sold_from > now:
        return "coming"
    return "closed" if version.sold_until is not None and version.sold_until <= now else "sold"


def name_of(plan: Plan) -> str:
    """Return a plan's name in the reader's language."""
    french = (translation.get_language() or "en").startswith("fr")
    return plan.name_fr if french else plan.name_en


def plans() -> list[PlanRow]:
    """Return every plan, those of the whole space first, in four queries."""
    return _rows(Plan.objects.all())


def plan(found: Plan) -> PlanRow:
    """Return one plan with its versions, oldest first."""
    return _rows(Plan.objects.filter(pk=found.pk))[0]


def _rows(wanted: Any) -> list[PlanRow]:
    now = clock.now()
    holders: Counter[Any] = Counter(
        dict(
            License.objects.exclude(state=License.State.ENDED)
            .filter(plan_version__isnull=False, ended_at=None)
            .values_list("plan_version")
            .annotate(many=Count("id"))
        )
    )
    prices: dict[Any, list[Price]] = defaultdict(list)
    for price in Price.objects.filter(is_active=True).order_by("currency", "interval"):
        prices[price.plan_version_id].append(price)
    rows = wanted.prefetch_related("versions").order_by("module", "position", "key")
    return [
        PlanRow(
            row,
            name_of(row),
            tuple(
                VersionRow(
                    version,
                    status_of(version, now),
                    tuple(prices[version.pk]),
                    holders[version.pk],
                )
                for version in row.versions.all()
            ),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Given:
    """One value of a version in words."""

    label: str
    text: str
    note: str = ""


def given(version: PlanVersion) -> list[Given]:
    """Return what a version gives, in words, by feature."""
    declared = features.declared()
    language = translation.get_language() or "en"
    found = []
    for item in version.entitlements.all():
        feature = declared.get(item.feature)
        label = feature.label.in_language(language) if feature is not None else item.feature
        found.append(Given(label, _text(item), _note(item)))
    return found


def _text(item: PlanEntitlement) -> str:
    if item.value is None:
        return _("Unlimited")
    if isinstance(item.value, bool):
        return _("Yes") if item.value else _("No")
    return (
        number_format(item.value, force_grouping=True)
        if isinstance(item.value, int)
        else str(item.value)
    )


def _note(item: PlanEntitlement) -> str:
    if item.reset == PlanEntitlement.Reset.NONE:
        return ""
    beyond = item.get_overage_display()
    if item.overage == PlanEntitlement.Overage.GRACE:
        beyond += _(" (%(percent)s%%)") % {"percent": item.overage_percent}
    parts = [item.get_reset_display(), item.get_scope_display()]
    return " · ".join([*parts, _("beyond the limit: %(what)s") % {"what": beyond}])


def modules_of(version: PlanVersion) -> list[str]:
    """Return the names of the modules that come with a version."""
    return [module_name(item.module) for item in version.items.all()]


def waiting_moves(version: PlanVersion) -> int:
    """Return how many holders of a version wait to move."""
    return VersionMove.objects.filter(
        license__plan_version=version, state=VersionMove.State.WAITING
    ).count()
