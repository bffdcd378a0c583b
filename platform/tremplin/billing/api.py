"""Operations ``/api/v1/billing/``: purchases, subscriptions, invoices and usage of the space."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Header, Router, Schema

from tremplin.api.http import Problem, operation
from tremplin.billing import selectors, services
from tremplin.billing.models import Invoice, Order, Quote, Subscription
from tremplin.billing.providers.base import Instructions, Redirect
from tremplin.licensing.models import PlanVersion

router = Router(tags=["billing"])
MOST = 100


class WantedIn(Schema):
    """One thing to buy: the key of a plan (a module's plan is one), its rhythm and its seats."""

    plan: str
    interval: str = "month"
    seats: int | None = None


class PurchaseIn(Schema):
    lines: list[WantedIn]
    coupon: str = ""
    trial: bool = False


class ChangeIn(Schema):
    """Another plan or rhythm, or another number of seats."""

    plan: str = ""
    interval: str = ""
    seats: int | None = None


class PurchaseOut(Schema):
    id: UUID
    state: str
    currency: str
    net_minor: int
    tax_minor: int
    total_minor: int
    subscription: UUID | None
    failure: str
    next: str
    url: str
    instructions: dict[str, str]


class ItemOut(Schema):
    plan: str
    module: str
    seats: int
    amount_minor: int


class SubscriptionOut(Schema):
    id: UUID
    state: str
    currency: str
    interval: str
    period_start: datetime
    period_end: datetime
    trial_end: datetime | None
    cancel_at_period_end: bool
    unpaid_since: datetime | None
    items: list[ItemOut]


class SubscriptionsOut(Schema):
    items: list[SubscriptionOut]


class InvoiceOut(Schema):
    id: UUID
    number: str
    kind: str
    state: str
    currency: str
    issued_on: date | None
    due_on: date | None
    net_minor: int
    tax_minor: int
    total_minor: int
    paid_minor: int
    credited_minor: int


class InvoicesOut(Schema):
    items: list[InvoiceOut]


class MeterOut(Schema):
    feature: str
    allowed: bool
    limit: int | None
    used: int
    remaining: int | None
    resets_at: datetime | None


class UsageOut(Schema):
    items: list[MeterOut]


# --- purchases ----------------------------------------------------------------------------------


@router.post(
    "/billing/purchases",
    response={201: PurchaseOut},
    operation_id="billing_purchase",
    summary="Order plans or modules",
)
@operation(permission="billing.manage")
def create_purchase(
    request: HttpRequest,
    payload: PurchaseIn,
    idempotency_key: str = Header("", alias="Idempotency-Key"),
) -> Any:
    """Order plans or modules; the same key gives the same order.

    ``next`` says what pays it: ``redirect`` (open ``url``), ``instructions`` or ``done``.
    """
    key = _key(idempotency_key)
    tenant = request.tenant  # type: ignore[attr-defined]
    known = Order.objects.filter(idempotency_key=key, tenant_id=tenant.pk).first()
    if known is not None:
        if not _repeats(known, payload):
            from tremplin.billing.errors import KeyReused

            raise KeyReused
        return 201, _purchase(known)
    wanted = [
        services.Wanted(_version(line.plan), line.interval, line.seats) for line in payload.lines
    ]
    quote = services.quote(tenant, wanted, coupon=payload.coupon, trial=payload.trial)
    order = services.place_order(
        tenant,
        quote,
        by=request.ctx.person.id,  # type: ignore[attr-defined]
        idempotency_key=key,
    )
    return 201, _purchase(order)


@router.get(
    "/billing/purchases/{uuid:order}",
    response=PurchaseOut,
    operation_id="billing_read_purchase",
    summary="One order",
)
@operation(permission="billing.view")
def read_purchase(request: HttpRequest, order: UUID) -> Any:
    """Return one order."""
    return _purchase(selectors.order(request.tenant, order))  # type: ignore[attr-defined]


# --- subscriptions ------------------------------------------------------------------------------


@router.get(
    "/billing/subscriptions",
    response=SubscriptionsOut,
    operation_id="billing_list_subscriptions",
    summary="Subscriptions of the space",
)
@operation(permission="billing.view")
def list_subscriptions(request: HttpRequest) -> Any:
    """Return the subscriptions of the space, newest first."""
    rows = selectors.subscriptions(request.tenant)[:MOST]  # type: ignore[attr-defined]
    return {"items": [_subscription(row) for row in rows]}


@router.post(
    "/billing/subscriptions/{uuid:subscription}/change",
    response=SubscriptionOut,
    operation_id="billing_change_subscription",
    summary="Change the plan, the rhythm or the seats",
)
@operation(permission="billing.manage")
def change_subscription(
    request: HttpRequest,
    subscription: UUID,
    payload: ChangeIn,
    idempotency_key: str = Header("", alias="Idempotency-Key"),
) -> Any:
    """Change the plan, the rhythm or the seats: more at once, less at the end of the period."""
    key = _key(idempotency_key)
    tenant = request.tenant  # type: ignore[attr-defined]
    row = selectors.subscription(tenant, subscription)
    if Order.objects.filter(idempotency_key=key, tenant_id=tenant.pk).exists() or (
        row.changes.filter(body__key=str(key)).exists()
    ):
        return _subscription(row)
    wanted = (
        services.Change("plan", _version(payload.plan), payload.interval, payload.seats)
        if payload.plan
        else services.Change("plan", None, payload.interval, payload.seats)
        if payload.interval
        else services.Change("seats", seats=payload.seats)
    )
    quote: Quote = services.preview_change(row, wanted)
    person = request.ctx.person.id  # type: ignore[attr-defined]
    return _subscription(services.change(row, quote, idempotency_key=key, by=person))


@router.post(
    "/billing/subscriptions/{uuid:subscription}/cancel",
    response=SubscriptionOut,
    operation_id="billing_cancel_subscription",
    summary="End a subscription at the end of its period",
)
@operation(permission="billing.manage")
def cancel_subscription(
    request: HttpRequest,
    subscription: UUID,
    idempotency_key: str = Header("", alias="Idempotency-Key"),
) -> Any:
    """End a subscription at the end of its period; a second call changes nothing."""
    _key(idempotency_key)
    row = selectors.subscription(request.tenant, subscription)  # type: ignore[attr-defined]
    person = request.ctx.person.id  # type: ignore[attr-defined]
    return _subscription(services.cancel(row, by=person))


# --- invoices and usage -------------------------------------------------------------------------


@router.get(
    "/billing/invoices",
    response=InvoicesOut,
    operation_id="billing_list_invoices",
    summary="Invoices and credit notes",
)
@operation(permission="billing.view")
def list_invoices(request: HttpRequest) -> Any:
    """Return the invoices and credit notes of the space, latest first."""
    rows = selectors.invoices(request.tenant)[:MOST]  # type: ignore[attr-defined]
    return {"items": [_invoice(row) for row in rows]}


@router.get(
    "/billing/usage",
    response=UsageOut,
    operation_id="billing_read_usage",
    summary="Limits and what is used",
)
@operation(permission="billing.view")
def read_usage(request: HttpRequest) -> Any:
    """Return what the space may use, and used, of every limit and meter."""
    from tremplin.licensing import entitlements, features

    found = entitlements.for_tenant(request.tenant)  # type: ignore[attr-defined]
    items = []
    for key, feature in sorted(features.declared().items()):
        if feature.kind not in {"limit", "metered", "seat"}:
            continue
        decision = found.check(key)
        items.append(
            {
                "feature": key,
                "allowed": decision.allowed,
                "limit": decision.limit,
                "used": decision.used or 0,
                "remaining": decision.remaining,
                "resets_at": decision.resets_at,
            }
        )
    return {"items": items}


# --- steps --------------------------------------------------------------------------------------


def _key(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Problem(
            400,
            "idempotency_key_required",
            _("Send a UUID of your own in the header Idempotency-Key."),
        ) from None


def _version(plan: str) -> PlanVersion:
    from tremplin.billing.errors import NotSold
    from tremplin.licensing.services import current_version

    try:
        return current_version(plan)
    except PlanVersion.DoesNotExist:
        raise NotSold from None


def _repeats(order: Order, payload: PurchaseIn) -> bool:
    """Tell whether a repeated key asks for the same plans and rhythms as its order."""
    items = order.body["items"]
    asked = [(line.plan, line.interval) for line in payload.lines]
    return asked == [(item["plan"], item["interval"]) for item in items] and all(
        line.seats in (None, item["seats"]) for line, item in zip(payload.lines, items, strict=True)
    )


def _purchase(order: Order) -> dict[str, Any]:
    action = services.pay_url(order)
    name = {Redirect: "redirect", Instructions: "instructions"}.get(type(action), "done")
    return {
        "id": order.pk,
        "state": order.state,
        "currency": order.currency,
        "net_minor": order.net_minor,
        "tax_minor": order.tax_minor,
        "total_minor": order.total_minor,
        "subscription": order.subscription_id,
        "failure": order.failure,
        "next": name,
        "url": action.url if isinstance(action, Redirect) else "",
        "instructions": dict(action.rows) if isinstance(action, Instructions) else {},
    }


def _subscription(row: Subscription) -> dict[str, Any]:
    items = row.items.select_related("price__plan_version__plan").order_by("created_at", "id")
    return {
        **{
            name: getattr(row, name)
            for name in (
                "state", "currency", "interval", "period_start", "period_end", "trial_end",
                "cancel_at_period_end", "unpaid_since",
            )
        },
        "id": row.pk,
        "items": [
            {
                "plan": item.price.plan_version.plan.key,
                "module": item.price.plan_version.plan.module,
                "seats": item.quantity,
                "amount_minor": item.amount_minor,
            }
            for item in items
        ],
    }  # fmt: skip


def _invoice(row: Invoice) -> dict[str, Any]:
    names = InvoiceOut.model_fields
    return {name: getattr(row, name) for name in names}
