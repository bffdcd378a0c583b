"""The list of spaces with their plan, seats, revenue, activity and AI use; and one of them whole.

Figures only: nothing here reads who the people of a space are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from psycopg import sql

from tenants.registry import TenantInfo
from tremplin.billing.models import Invoice, Subscription, SubscriptionItem
from tremplin.kernel import clock
from tremplin.licensing import notices, seats, snapshots
from tremplin.licensing.models import EntitlementSnapshot, Grant, License, UsageBucket
from tremplin.operations import selectors
from tremplin.operations.reseller.figures import plan_licences
from tremplin.operations.revenue.selectors import space_mrr
from tremplin.operations.selectors import SpaceRow

TOKENS = "ai.tokens"
# Meters are renewed every month at the latest: an older period is over.
PERIOD = timedelta(days=32)
FIRST_PERIOD = datetime.fromisoformat("1971-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Revenue:
    """What a space brings the platform per month, in one currency."""

    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """AI tokens of the present period; ``maximum`` None is unlimited (or no plan)."""

    used: int
    maximum: int | None

    @property
    def percent(self) -> int | None:
        """Return how much of the cap is used, None without a cap."""
        return None if not self.maximum else self.used * 100 // self.maximum


@dataclass(frozen=True, slots=True)
class ListedSpace:
    """One line of the list. ``licence_state`` is that of the plan now, ``none`` without plan."""

    row: SpaceRow
    plan_key: str
    plan_label: str
    licence_state: str
    seats_used: int
    seats_total: int | None
    revenue: tuple[Revenue, ...]
    tokens: Tokens
    last_activity: datetime | None = None

    @property
    def tenant(self) -> TenantInfo:
        """Return the space."""
        return self.row.tenant

    @property
    def state_label(self) -> str:
        """Return the state of the plan in the reader's language."""
        if self.licence_state == "none":
            return _("No plan")
        return str(License.State(self.licence_state).label)

    @property
    def state_variant(self) -> str:
        """Return the colour of the state."""
        return {
            "active": "success", "trialing": "info", "past_due": "warning", "grace": "destructive",
            "suspended": "destructive",
        }.get(self.licence_state, "muted")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """What the list is narrowed to; empty strings narrow nothing."""

    query: str = ""
    kind: str = ""
    status: str = ""
    plan: str = ""
    reseller: str = ""
    state: str = ""


def listed() -> list[ListedSpace]:
    """Return the spaces by name, in a number of queries that does not follow theirs."""
    rows = selectors.spaces()
    licences = plan_licences([row.tenant.pk for row in rows])
    revenue = space_mrr()
    used, caps = _tokens_used(), _token_caps()
    return [
        _listed(
            row,
            licences.get(row.tenant.pk),
            revenue.get(row.tenant.pk, {}),
            Tokens(used.get(row.tenant.pk, 0), caps.get(row.tenant.pk)),
        )
        for row in rows
    ]


def _listed(
    row: SpaceRow, held: License | None, revenue: dict[str, int], tokens: Tokens
) -> ListedSpace:
    version = held.plan_version if held is not None else None
    return ListedSpace(
        row=row,
        plan_key=version.plan.key if version is not None else "",
        plan_label=notices.name_of(held) if held is not None else "",
        licence_state=snapshots.current_state(held).state if held is not None else "none",
        seats_used=held.seats_used if held is not None else 0,
        seats_total=seats.limit_of(held) if held is not None else None,
        revenue=tuple(Revenue(code, amount) for code, amount in sorted(revenue.items())),
        tokens=tokens,
    )


def fits(item: ListedSpace, wish: Wish) -> bool:
    """Return whether a line is among what is asked."""
    tenant, text = item.tenant, wish.query.lower()
    resellers = {"": True, "direct": tenant.reseller_pk is None and tenant.kind != "reseller"}
    return (
        (
            not text
            or any(text in one.lower() for one in (tenant.name, tenant.slug, *item.row.hosts))
        )
        and wish.kind in ("", tenant.kind)
        and wish.status in ("", tenant.status)
        and wish.plan in ("", item.plan_key)
        and wish.state in ("", item.licence_state)
        and resellers.get(wish.reseller, item.row.reseller == wish.reseller)
    )


def _tokens_used() -> dict[int, int]:
    rows = UsageBucket.objects.filter(
        feature=TOKENS, subject="", period_start__gt=max(clock.now() - PERIOD, FIRST_PERIOD)
    ).order_by("period_start")
    return {row.tenant_id: row.used for row in rows}


def _token_caps() -> dict[int, int | None]:
    found: dict[int, int | None] = {}
    for pk, body in EntitlementSnapshot.objects.values_list("tenant_id", "body"):
        for item in body["entitlements"]:
            if item["feature"] == TOKENS:
                meters = [meter for meter in item["meters"] if meter["scope"] == "tenant"]
                found[pk] = meters[0]["maximum"] if meters else None
    return found


def last_activity(spaces: Iterable[TenantInfo]) -> dict[int, datetime]:
    """Return when anybody was last seen in each of a page of spaces: one query, no person read."""
    parts = [
        sql.SQL("SELECT {}, max(last_seen_at) FROM {}").format(
            sql.Literal(space.pk), sql.Identifier(space.schema_name, "usersessions_usersession")
        )
        for space in spaces
        if space.ready
    ]
    if not parts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(" UNION ALL ").join(parts).as_string(cursor.connection))
        return {pk: seen for pk, seen in cursor.fetchall() if seen is not None}


# --- one space ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LicenceRow:
    """A licence of a space with its name and its state now."""

    held: License
    name: str
    state: str
    seats_total: int | None

    @property
    def state_label(self) -> str:
        """Return the state in the reader's language."""
        return str(License.State(self.state).label)

    @property
    def is_running(self) -> bool:
        """Return whether something can still be done with it."""
        return self.state != License.State.ENDED

    @property
    def is_given(self) -> bool:
        """Return whether no subscription pays for it: its end is the operator's to move."""
        return self.held.subscription is None


def licences(tenant: TenantInfo) -> list[LicenceRow]:
    """Return the licences of a space, running ones first, the latest twenty of the ended."""
    rows = (
        License.objects.filter(tenant_id=tenant.pk)
        .select_related("plan_version__plan")
        .order_by("module", "-created_at")[:60]
    )
    found = [
        LicenceRow(
            row, notices.name_of(row), snapshots.current_state(row).state, seats.limit_of(row)
        )
        for row in rows
    ]
    return sorted(found, key=lambda item: not item.is_running)[:40]


def subscriptions(tenant: TenantInfo) -> QuerySet[Subscription]:
    """Return the subscriptions of a space with their items, latest first."""
    return (
        Subscription.objects.filter(tenant_id=tenant.pk)
        .prefetch_related("items__price__plan_version__plan")
        .order_by("-created_at")
    )


def invoices(tenant: TenantInfo) -> Sequence[Invoice]:
    """Return the latest twenty invoices and credit notes of a space."""
    rows = Invoice.objects.filter(tenant_id=tenant.pk).exclude(state=Invoice.State.DRAFT)
    return list(rows.order_by("-finalised_at")[:20])


def grants(tenant: TenantInfo) -> Sequence[Grant]:
    """Return what a space was given beside its plans, latest first."""
    return list(Grant.objects.filter(tenant_id=tenant.pk).order_by("-created_at")[:20])


def item_names(items: Iterable[SubscriptionItem]) -> str:
    """Return the plans of a subscription in words."""
    from tremplin.billing.cards import plan_name

    return ", ".join(plan_name(item.price.plan_version) for item in items)
