"""An invoice from lines: who issues it, when it is due, its number and its shares."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tremplin.api import services
from tremplin.billing import invoicing, ledger, pricing
from tremplin.billing.lateness import collects_itself
from tremplin.billing.lines import Line, totals
from tremplin.billing.models import BillingAccount, Invoice, Order, Subscription
from tremplin.kernel import clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


def issuer_of(tenant: TenantInfo) -> int | None:
    """Return the reseller that invoices its client itself (wholesale), None for the platform."""
    book = pricing.book_of(tenant.reseller_pk)
    return tenant.reseller_pk if book is not None and book.mode == "wholesale" else None


def due_day(account: BillingAccount, tenant: TenantInfo, provider: str) -> date:
    """Return the last day to pay: today for a card, after the account's terms for a transfer."""
    today = clock.now().astimezone(ZoneInfo(tenant.timezone)).date()
    return today if collects_itself(provider) else today + timedelta(days=account.terms_days)


def issue(
    tenant: TenantInfo,
    account: BillingAccount,
    lines: Sequence[Line],
    *,
    provider: str,
    currency: str,
    subscription: Subscription | None = None,
    order: Order | None = None,
    issuer: int | None = None,
    provider_ref: str = "",
) -> Invoice | None:
    """Number and freeze an invoice with its ledger rows; None when nothing is owed.

    Part of the caller's transaction: a number is used only if everything else happened.
    """
    if totals(lines).total_minor <= 0:
        return None
    with services.tenancy().public_write("invoice"):
        draft = invoicing.build(
            lines,
            account=account,
            tenant_id=tenant.pk,
            provider=provider,
            currency=currency,
            subscription=subscription,
            order=order,
            due_on=due_day(account, tenant, provider),
            issuer_tenant_id=issuer,
            locale=tenant.locale,
            provider_ref=provider_ref,
        )
        done = invoicing.finalise(draft, at=clock.now())
        ledger.post_sale(done)
    return done
