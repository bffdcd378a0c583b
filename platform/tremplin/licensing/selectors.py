"""Reads of licensing for pages: what is used, what is left, who sits where."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.utils import formats, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tenants.registry import TenantInfo
from tremplin.api import services
from tremplin.kernel import clock, gate, registry
from tremplin.licensing import (
    entitlements,
    features,
    notices,
    over_limit,
    periods,
    seats,
    snapshots,
)
from tremplin.licensing.compiling import Meter, Snapshot
from tremplin.licensing.errors import UPGRADE_PATH
from tremplin.licensing.features import Feature
from tremplin.licensing.models import License, SeatAssignment, UsageBucket, UsageEvent

CHART_DAYS = 30
TOP_PEOPLE = 20


@dataclass(frozen=True, slots=True)
class MeterRow:
    """One meter as a page shows it; ``maximum`` None is unlimited."""

    feature: str
    label: str
    used: int
    maximum: int | None
    remaining: int | None
    resets_at: datetime | None
    top_up_left: int = 0
    is_personal: bool = False

    @property
    def percent(self) -> int | None:
        """Return how much of the maximum is used, 100 at most, None without a limit."""
        return None if not self.maximum else min(100, self.used * 100 // self.maximum)

    @property
    def variant(self) -> str:
        """Return the colour of the bar: it warns at 80 %, stops at 100 %."""
        if self.percent is None or self.percent < entitlements.SOFT_PERCENT:
            return "default"
        return "warning" if self.percent < 100 else "destructive"


@dataclass(frozen=True, slots=True)
class PersonRow:
    """How much of a meter one person has used."""

    name: str
    used: int


@dataclass(frozen=True, slots=True)
class PersonalMeter:
    """A meter that each person has for herself: the allowance, and who used most."""

    row: MeterRow
    people: tuple[PersonRow, ...]


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A limit or a switch of the plan."""

    label: str
    value: Any
    is_switch: bool


@dataclass(frozen=True, slots=True)
class SeatRow:
    """Somebody on a seat; ``is_losing`` when the plan has too few and she came last."""

    person: UUID
    name: str
    email: str
    is_invited: bool
    since: datetime
    is_losing: bool


@dataclass(frozen=True, slots=True)
class Banner:
    """A line above every page of those who may act."""

    text: str
    url: str
    label: str
    variant: Literal["info", "warning", "destructive"] = "warning"
    testid: str = "licence-banner"


# --- meters -------------------------------------------------------------------------------------


def _name(feature: Feature) -> str:
    return feature.label.in_language(translation.get_language() or "en")


def _metered(snapshot: Snapshot, scope: str) -> list[tuple[Feature, Meter]]:
    declared = features.declared()
    return [
        (declared[key], meter)
        for key, held in snapshot.entitlements.items()
        if held.kind == "metered" and key in declared
        for meter in held.meters
        if meter.scope == scope
    ]


def _row(feature: Feature, meter: Meter, counter: entitlements.Counter) -> MeterRow:
    remaining = None
    if meter.stop is not None:
        remaining = max(0, meter.stop - counter.used) + counter.top_up_left
    return MeterRow(
        feature.key,
        _name(feature),
        counter.used,
        meter.maximum,
        remaining,
        counter.resets_at,
        counter.top_up_left,
        meter.scope == "user",
    )


def space_meters(tenant: TenantInfo) -> list[MeterRow]:
    """Return what the space as a whole has used of its meters in their current periods."""
    wanted = _metered(snapshots.of(tenant), "tenant")
    counters = entitlements.counters(tenant, [(f.key, meter) for f, meter in wanted], None)
    return [
        _row(feature, meter, counter)
        for (feature, meter), counter in zip(wanted, counters, strict=True)
        if meter.maximum != 0 or counter.used or counter.top_up_left
    ]


def quotas_of(tenant: TenantInfo, person: UUID, enabled: frozenset[str]) -> list[MeterRow]:
    """Return what is left to one person, for the card on her home page.

    Meters of modules that are off are left out unless something was counted.
    """
    wanted = _metered(snapshots.of(tenant), "user")
    counters = entitlements.counters(tenant, [(f.key, meter) for f, meter in wanted], person)
    found = []
    for (feature, meter), counter in zip(wanted, counters, strict=True):
        if meter.stop is None or not (meter.maximum or counter.used):
            continue
        if feature.key.partition(".")[0] in enabled or counter.used:
            found.append(_row(feature, meter, counter))
    return found


def personal_meters(tenant: TenantInfo) -> list[PersonalMeter]:
    """Return the meters that each person has, with those who used most in this period."""
    found = []
    for feature, meter in _metered(snapshots.of(tenant), "user"):
        start, end = periods.bounds(meter.reset, clock.now(), tenant.timezone, meter.anchor)
        rows = list(
            UsageBucket.objects.filter(
                tenant_id=tenant.pk, feature=feature.key, period_start=start, used__gt=0
            )
            .exclude(subject="")
            .order_by("-used", "subject")[:TOP_PEOPLE]
        )
        people = services.people().many([UUID(row.subject) for row in rows])
        top = tuple(
            PersonRow(known.display_name if known else _("Deleted account"), row.used)
            for row in rows
            for known in (people.get(UUID(row.subject)),)
        )
        total = sum(row.used for row in rows)
        found.append(
            PersonalMeter(
                MeterRow(
                    feature.key, _name(feature), total, meter.maximum, None, end, is_personal=True
                ),
                top,
            )
        )
    return found


def values(tenant: TenantInfo) -> list[ValueRow]:
    """Return the limits and switches of the plan, limits first."""
    declared = features.declared()
    found = [
        ValueRow(_name(declared[key]), held.value, held.kind == "switch")
        for key, held in snapshots.of(tenant).entitlements.items()
        if held.kind in {"limit", "switch"} and key in declared
    ]
    return sorted(found, key=lambda row: row.is_switch)


def daily(tenant: TenantInfo, feature: str, days: int = CHART_DAYS) -> list[tuple[str, int]]:
    """Return how many units of a feature were counted per local day, the last one today."""
    zone = ZoneInfo(tenant.timezone)
    today = clock.now().astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    start = datetime.combine(first, datetime.min.time(), zone)
    counted: dict[Any, int] = {
        row["day"]: row["total"]
        for row in UsageEvent.objects.filter(tenant_id=tenant.pk, feature=feature, at__gte=start)
        .annotate(day=TruncDate("at", tzinfo=zone))
        .values("day")
        .annotate(total=Sum("quantity"))
    }
    return [
        (formats.date_format(day, "j N"), max(0, counted.get(day, 0)))
        for day in (first + timedelta(days=index) for index in range(days))
    ]


# --- seats --------------------------------------------------------------------------------------


def seat_rows(held: License) -> list[SeatRow]:
    """Return who sits on the seats of a licence, the last ones first."""
    rows = list(SeatAssignment.objects.filter(license=held).order_by("-assigned_at", "-id"))
    people = services.people().many([row.member for row in rows])
    losing = set(over_limit.losing(held))
    return [
        SeatRow(
            row.member,
            people[row.member].display_name if row.member in people else _("Deleted account"),
            people[row.member].email if row.member in people else "",
            row.state == SeatAssignment.State.INVITED,
            row.assigned_at,
            row.member in losing,
        )
        for row in rows
    ]


def usage(tenant: TenantInfo) -> dict[str, Any]:
    """Return everything that ``licensing/usage.html`` shows."""
    held = seats.seat_license(tenant)
    status = seats.status(tenant)
    personal = personal_meters(tenant)
    of_space = space_meters(tenant)
    charted = next((row for row in [*[item.row for item in personal], *of_space] if row.used), None)
    return {
        "plan_name": notices.name_of(held) if held is not None else "",
        "is_unlimited": snapshots.of(tenant).is_unlimited,
        "seats": status,
        "seats_percent": status.used * 100 // status.total if status.total else None,
        "seats_open_until": snapshots.open_until(held) if held is not None else None,
        "seats_after": held.seats_total if held is not None else None,
        "seats_close_at": over_limit.closes_at(held) if held is not None else None,
        "seats_invited": SeatAssignment.objects.filter(
            license=held, state=SeatAssignment.State.INVITED
        ).count()
        if held is not None
        else 0,
        "space_meters": of_space,
        "personal_meters": personal,
        "plan_values": values(tenant),
        "chart": daily(tenant, charted.feature) if charted is not None else [],
        "chart_label": charted.label if charted is not None else "",
        "upgrade_url": UPGRADE_PATH,
    }


def banners(tenant: TenantInfo) -> list[Banner]:
    """Return what the administrators must see on every page: too many people, a late payment."""
    held = seats.seat_license(tenant)
    if held is None:
        return _read_only_modules(tenant)
    found = []
    state = snapshots.current_state(held).state
    texts = {
        "past_due": _("A payment is late: pay the open invoice to keep everything running."),
        "grace": _("A payment is late: nobody can be added, and the space will be read-only."),
        "suspended": _("Your plan is suspended: everything can be read and exported."),
    }
    if state in texts:
        found.append(
            Banner(
                texts[state],
                UPGRADE_PATH,
                _("See what to pay"),
                "destructive" if state == "suspended" else "warning",
                f"licence-{state.replace('_', '-')}",
            )
        )
    when = over_limit.closes_at(held)
    if when is not None:
        extra = held.seats_used - (held.seats_total or 0)
        text = ngettext(
            "%(count)s person more than your plan allows. Choose whom to remove before %(date)s.",
            "%(count)s people more than your plan allows. Choose whom to remove before %(date)s.",
            extra,
        ) % {
            "count": extra,
            "date": formats.date_format(when.astimezone(ZoneInfo(tenant.timezone)), "DATE_FORMAT"),
        }
        found.append(Banner(text, "/console/billing/seats/", _("Choose"), testid="over-limit"))
    if state != "suspended":
        found += _read_only_modules(tenant)
    return found


def _read_only_modules(tenant: TenantInfo) -> list[Banner]:
    """Return why modules can only be read, until when, and where they are renewed; no query."""
    found = []
    for slug, info in gate.states(tenant).items():
        manifest = registry.manifest_of(slug)
        until = info.readable_until
        if manifest is None or until is None or info.purge_at is not None:
            continue
        text = _("The licence of %(module)s has ended: read and export until %(date)s.") % {
            "module": manifest.name.in_language(translation.get_language() or "en"),
            "date": formats.date_format(until.astimezone(ZoneInfo(tenant.timezone)), "DATE_FORMAT"),
        }
        url = f"/console/modules/{slug}/"
        found.append(Banner(text, url, _("Renew"), testid=f"read-only-{slug}"))
    return found


def export_rows(tenant: TenantInfo) -> list[list[object]]:
    """Return the ledger of the space by month, feature and person, for a spreadsheet."""
    zone = ZoneInfo(tenant.timezone)
    counted: dict[tuple[str, str, str], int] = defaultdict(int)
    for feature, subject, quantity, at in UsageEvent.objects.filter(
        tenant_id=tenant.pk
    ).values_list("feature", "subject", "quantity", "at"):
        counted[at.astimezone(zone).strftime("%Y-%m"), feature, subject] += quantity
    people = services.people().many({UUID(who) for _m, _f, who in counted if who})
    found: list[list[object]] = []
    for (month, feature, who), total in sorted(counted.items()):
        known = people.get(UUID(who)) if who else None
        name = "" if not who else known.display_name if known else _("Deleted account")
        found.append([month, notices.label_of(feature), name, total])
    return found
