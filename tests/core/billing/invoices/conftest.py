"""A seller, buyers and lines; the clock stands on 21 November 2026 in the afternoon of Paris."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import legal_identity

if TYPE_CHECKING:
    from tenants.registry import TenantInfo
    from tremplin.billing.models import BillingAccount, Invoice

AT = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)


def line(**fields: Any) -> Any:
    """Return a line of 190 euros at 20 % for a month, changed by ``fields``."""
    from tremplin.billing.lines import Line

    known: dict[str, Any] = {
        "description": "Plan Pro",
        "quantity": 1,
        "unit_minor": 19_000,
        "tax_rate": Decimal("20.00"),
        "period_start": datetime(2026, 11, 20, 23, 0, tzinfo=UTC),
        "period_end": datetime(2026, 12, 20, 23, 0, tzinfo=UTC),
    }
    return Line(**{**known, **fields})


@pytest.fixture
def at() -> datetime:
    return AT


@pytest.fixture
def seller(hq: TenantInfo) -> BillingAccount:
    """The platform, with everything an invoice wants of it."""
    return legal_identity.give(hq)


@pytest.fixture
def buyer(tenant_a: TenantInfo) -> BillingAccount:
    """A school in Lyon."""
    return legal_identity.give(tenant_a)


@pytest.fixture
def draft(seller: BillingAccount, buyer: BillingAccount) -> Callable[..., Invoice]:
    """Return ``draft(*lines, **options)``: a stored draft, for the school in euros."""
    from tremplin.billing import invoicing

    def make(*lines: Any, **options: Any) -> Invoice:
        known: dict[str, Any] = {
            "account": buyer,
            "tenant_id": buyer.tenant_id,
            "provider": "invoice",
            "currency": "EUR",
            "due_on": date(2026, 12, 21),
        }
        return invoicing.build(lines or (line(),), **{**known, **options})

    return make


@pytest.fixture
def issued(draft: Callable[..., Invoice]) -> Callable[..., Invoice]:
    """Return ``issued(*lines, **options)``: the same, finalised."""
    from tremplin.billing import invoicing

    def make(*lines: Any, at: datetime = AT, **options: Any) -> Invoice:
        return invoicing.finalise(draft(*lines, **options), at=at)

    return make
