"""How the clients of a reseller do: totals of the spaces and what needs a call, never people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db.models import F, Max, Q, Sum
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tremplin.billing.models import Invoice, Subscription
from tremplin.billing.money import amount_text
from tremplin.kernel import clock
from tremplin.licensing import notices, snapshots
from tremplin.licensing.models import License, UsageEvent
from tremplin.marketplace import catalogue as marketplace
from tremplin.operations.reseller import figures
from tremplin.operations.reseller.figures import ClientFigures

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

PERIOD = timedelta(days=30)
TRIAL_ENDS_SOON = timedelta(days=7)
SEATS_WARN, SEATS_FULL = 80, 100
ORDER = {"destructive": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to talk about with a client; ``kind`` is a stable code."""

    kind: str
    variant: str
    text: str


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a metered feature a space used in the last 30 days, and in the 30 before."""

    label: str
    units: int
    before: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that runs: of the plan, or of a module."""

    name: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ClientHealth:
    """One client; ``late_minor`` is what it owes past the due date, VAT included."""

    figures: ClientFigures
    alerts: tuple[Alert, ...]
    used: tuple[Used, ...]
    trials: tuple[Trial, ...]
    late_minor: int
    last_use: date | None

    @property
    def worst(self) -> str:
        """Return the colour of the most serious alert, ``success`` without any."""
        return min(
            (alert.variant for alert in self.alerts), key=ORDER.__getitem__, default="success"
        )


def of(reseller: TenantInfo) -> list[ClientHealth]:
    """Return the health of every client, the most serious first, in sixteen queries at most."""
    rows = figures.client_figures(reseller)
    facts = _Facts.of([row.tenant.pk for row in rows])
    found = [_health(row, facts) for row in rows]
    return sorted(found, key=lambda row: ORDER.get(row.worst, 3))


def of_client(reseller: TenantInfo, client: TenantInfo) -> ClientHealth:
    """Return the health of one client of ``reseller``."""
    return next(row for row in of(reseller) if row.figures.tenant.pk == client.pk)


def modules_to_try(client: TenantInfo) -> list[tuple[str, str]]:
    """Return the modules that a client does not have now and that its reseller shows: slug, name."""
    held = {module for row in snapshots.running(client) for module in snapshots.modules_of(row)}
    shown = marketplace.cards_of(client)
    return sorted(
        ((card.slug, card.name) for card in shown if card.on_sale and card.slug not in held),
        key=lambda pair: pair[1],
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is read once for all clients, by their key."""

    used: dict[int, list[Used]]
    last: dict[int, datetime]
    licences: dict[int, License]
    trials: dict[int, list[License]]
    late: dict[int, int]
    leaving: dict[int, datetime]

    @classmethod
    def of(cls, keys: Sequence[int]) -> _Facts:
        trials: dict[int, list[License]] = defaultdict(list)
        running = (
            License.objects.filter(tenant_id__in=keys, ended_at=None)
            .filter(Q(source=License.Source.TRIAL) | Q(state=License.State.TRIALING))
            .exclude(valid_until=None)
            .select_related("plan_version__plan")
            .order_by("valid_until")
        )
        for row in running:
            trials[row.tenant_id].append(row)
        leaving = Subscription.objects.filter(
            tenant_id__in=keys, ended_at=None, cancel_at_period_end=True
        ).order_by("-period_end")
        return cls(
            used=_used(keys),
            last=dict(
                UsageEvent.objects.filter(tenant_id__in=keys, quantity__gt=0)
                .values_list("tenant_id")
                .annotate(last=Max("at"))
            ),
            licences=figures.plan_licences(keys),
            trials=trials,
            late=_late(keys),
            leaving=dict(leaving.values_list("tenant_id", "period_end")),
        )


def _used(keys: Sequence[int]) -> dict[int, list[Used]]:
    now = clock.now()
    first = now - PERIOD
    rows = (
        UsageEvent.objects.filter(tenant_id__in=keys, at__gt=first - PERIOD, at__lte=now)
        .values("tenant_id", "feature")
        .annotate(
            units=Sum("quantity", filter=Q(at__gt=first), default=0),
            before=Sum("quantity", filter=Q(at__lte=first), default=0),
        )
        .order_by("tenant_id", "feature")
    )
    found: dict[int, list[Used]] = defaultdict(list)
    for row in rows:
        label = notices.label_of(row["feature"])
        found[row["tenant_id"]].append(Used(label, max(row["units"], 0), max(row["before"], 0)))
    return found


def _late(keys: Sequence[int]) -> dict[int, int]:
    open_minor = F("total_minor") - F("credited_minor") - F("paid_minor")
    rows = (
        Invoice.objects.filter(
            tenant_id__in=keys,
            kind=Invoice.Kind.INVOICE,
            state=Invoice.State.OPEN,
            due_on__lt=clock.now().date(),
        )
        .values_list("tenant_id")
        .annotate(owed=Sum(open_minor))
    )
    return dict(rows)


def _health(row: ClientFigures, facts: _Facts) -> ClientHealth:
    key = row.tenant.pk
    zone = ZoneInfo(row.tenant.timezone)
    held = facts.licences.get(key)
    last = facts.last.get(key)
    trials = tuple(
        Trial(notices.name_of(licence), licence.valid_until.astimezone(zone))
        for licence in facts.trials.get(key, ())
        if licence.valid_until is not None and snapshots.current_state(licence).state == "trialing"
    )
    late = facts.late.get(key, 0)
    alerts = [
        *_state_alerts(row, late),
        *_seat_alerts(row, held),
        *_trial_alerts(trials),
        *_quiet_alerts(facts.leaving.get(key), last, zone),
    ]
    return ClientHealth(
        figures=row,
        alerts=tuple(sorted(alerts, key=lambda alert: ORDER[alert.variant])),
        used=tuple(facts.used.get(key, ())),
        trials=trials,
        late_minor=late,
        last_use=last.astimezone(zone).date() if last is not None else None,
    )


def _state_alerts(row: ClientFigures, late_minor: int) -> list[Alert]:
    texts = {
        "past_due": ("warning", _("A payment is late.")),
        "grace": ("destructive", _("A payment is late: read-only within a week.")),
        "suspended": ("destructive", _("Read-only: a payment is missing.")),
        "ended": ("destructive", _("The plan has ended.")),
        "closed": ("destructive", _("The space is not open.")),
    }
    found = []
    if row.state in texts:
        variant, text = texts[row.state]
        found.append(Alert(row.state, variant, text))
    if late_minor > 0:
        amount = amount_text(late_minor, row.currency)
        found.append(Alert("late", "warning", _("%(amount)s past due.") % {"amount": amount}))
    return found


def _seat_alerts(row: ClientFigures, held: License | None) -> list[Alert]:
    if held is not None and held.is_over_limit and held.seats_total is not None:
        extra = held.seats_used - held.seats_total
        text = ngettext(
            "%(extra)s person more than seats.", "%(extra)s people more than seats.", extra
        ) % {"extra": extra}
        return [Alert("over_limit", "destructive", text)]
    used = row.seats_percent
    if used is None or used < SEATS_WARN:
        return []
    values = {"used": row.seats_used, "total": row.seats_total}
    if used >= SEATS_FULL:
        return [Alert("seats_full", "warning", _("No seat left: %(used)s of %(total)s.") % values)]
    return [Alert("seats", "warning", _("%(used)s of %(total)s seats are taken.") % values)]


def _trial_alerts(trials: Sequence[Trial]) -> list[Alert]:
    soon = clock.now() + TRIAL_ENDS_SOON
    return [
        Alert(
            "trial",
            "info",
            _("The trial of %(name)s ends on %(date)s.")
            % {"name": trial.name, "date": date_format(trial.ends_at, "j F")},
        )
        for trial in trials
        if trial.ends_at <= soon
    ]


def _quiet_alerts(leaves_at: datetime | None, last: datetime | None, zone: ZoneInfo) -> list[Alert]:
    found = []
    if leaves_at is not None:
        day = date_format(leaves_at.astimezone(zone), "j F")
        text = _("Cancelled: the subscription ends on %(date)s.") % {"date": day}
        found.append(Alert("leaving", "warning", text))
    if last is not None and last < clock.now() - PERIOD:
        found.append(Alert("quiet", "info", _("Nothing counted was used for 30 days.")))
    return found
