"""What a provider reports: immutable facts, in the order they arrive, perhaps twice.

``event_id`` is unique per provider. ``version`` orders the facts about one object: a fact older
than what is stored is ignored. Amounts are in minor units of ``currency``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

# Outcome of a stored row that waits to leave for its provider, the other way round.
TO_SEND = "to_send"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The common part. References of the provider are strings, ours are UUIDs when it knows them.

    ``version`` 0 means: use the microseconds of ``occurred_at``.
    """

    provider: str
    event_id: str
    occurred_at: datetime
    version: int = 0
    order: UUID | None = None
    subscription: UUID | None = None
    subscription_ref: str = ""
    invoice: UUID | None = None
    invoice_ref: str = ""

    @property
    def at_version(self) -> int:
        """Return the number that orders the facts about one object."""
        return self.version or int(self.occurred_at.timestamp() * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemState:
    """One item of a provider's subscription; ``price`` is our row."""

    price: UUID
    quantity: int
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionState(Fact):
    """The current state of a provider's subscription, whole: it replaces what was known."""

    state: Literal["trialing", "active", "past_due", "ended"]
    period_start: datetime
    period_end: datetime
    trial_end: datetime | None = None
    cancel_at_period_end: bool = False
    ended_at: datetime | None = None
    items: tuple[ItemState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLineState:
    """A line of an invoice that the provider issued."""

    description: str
    quantity: int
    net_minor: int
    tax_rate: str = "0"
    price: UUID | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceState(Fact):
    """The current state of an invoice that the provider issued (it keeps its own number)."""

    state: Literal["open", "paid", "void", "uncollectible"]
    number: str
    currency: str
    net_minor: int
    tax_minor: int
    total_minor: int
    paid_minor: int = 0
    issued_on: date
    due_on: date | None = None
    pdf_url: str = ""
    lines: tuple[InvoiceLineState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettled(Fact):
    """Money arrived for an invoice or an order."""

    payment_ref: str
    currency: str
    amount_minor: int
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(Fact):
    """An attempt was refused; ``failure`` is a short code (``card_declined``)."""

    payment_ref: str
    currency: str
    amount_minor: int
    failure: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded(Fact):
    """Money went back: ``refunded_minor`` is the total given back so far of that payment."""

    payment_ref: str
    currency: str
    refunded_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute(Fact):
    """The holder of the card contests a payment; ``won`` gives the money back to the seller."""

    payment_ref: str
    currency: str
    amount_minor: int
    outcome: Literal["opened", "won", "lost"]


BillingFact: TypeAlias = (
    SubscriptionState | InvoiceState | PaymentSettled | PaymentFailed | Refunded | Dispute
)
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        SubscriptionState,
        InvoiceState,
        PaymentSettled,
        PaymentFailed,
        Refunded,
        Dispute,
    )
}
_MOMENTS = frozenset({"occurred_at", "period_start", "period_end", "trial_end", "ended_at"})
_DAYS = frozenset({"issued_on", "due_on"})
_UUIDS = frozenset({"order", "subscription", "invoice", "price"})


def to_json(fact: BillingFact) -> dict[str, Any]:
    """Return a fact as JSON values, with its kind."""
    return {"kind": type(fact).__name__, **_plain(asdict(fact))}


def from_json(body: dict[str, Any]) -> BillingFact:
    """Return the fact that ``to_json`` wrote."""
    values = dict(body)
    kind = KINDS[values.pop("kind")]
    known = {item.name for item in fields(kind)}
    values = {key: _value(key, value) for key, value in values.items() if key in known}
    if kind is SubscriptionState:
        values["items"] = tuple(ItemState(**_row(row)) for row in values["items"])
    if kind is InvoiceState:
        values["lines"] = tuple(InvoiceLineState(**_row(row)) for row in values["lines"])
    found: BillingFact = kind(**values)
    return found


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {key: _value(key, value) for key, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _value(key: str, value: Any) -> Any:
    if value is None:
        return None
    if key in _MOMENTS:
        return datetime.fromisoformat(value)
    if key in _DAYS:
        return date.fromisoformat(value)
    return UUID(value) if key in _UUIDS else value
