"""Our accounts, prices, VAT rates and coupons on Stripe's side: found again or made once.

References are kept by mode in ``provider_refs``; a reference that is lost is found by its lookup
key or its own id, so nothing is ever made twice.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tenants import registry
from tremplin.api import services
from tremplin.billing import pricing
from tremplin.billing.errors import NotFound
from tremplin.billing.models import BillingAccount, Coupon, Price
from tremplin.billing.stripe.client import api, mode

if TYPE_CHECKING:
    from tremplin.licensing.models import Plan

PAGE = 100


# --- customers ----------------------------------------------------------------------------------


def customer(account: BillingAccount) -> str:
    """Return the customer of an account, with the identity that the account has now."""
    known = account.provider_refs.get(_slot("customer"))
    if known is None:
        known = _new_customer(account)
    body = {
        "name": account.legal_name,
        "email": account.email,
        "address": {
            "line1": account.line1,
            "line2": account.line2,
            "postal_code": account.postal_code,
            "city": account.city,
            "country": account.country,
        },
    }
    api().customers.update(known, body)  # type: ignore[arg-type]
    _tax_id(known, account.vat_id)
    return str(known)


def _slot(name: str) -> str:
    return f"stripe:{mode()}:{name}"


def _new_customer(account: BillingAccount) -> str:
    tenant = registry.by_pk(account.tenant_id)
    if tenant is None:
        raise NotFound
    # What never changes only: the same key with other parameters would be refused.
    made = api().customers.create(
        {"metadata": {"djstripe_subscriber": str(tenant.pk), "tenant": str(tenant.uuid)}},
        {"idempotency_key": f"customer:{account.pk}"},
    )
    with services.tenancy().public_write("billing account"):
        account.provider_refs = {**account.provider_refs, _slot("customer"): made.id}
        account.save(update_fields=["provider_refs", "updated_at"])
    return made.id


def _tax_id(customer_id: str, vat_id: str) -> None:
    """Give the customer its VAT number; one that it has no longer is taken away."""
    wanted = vat_id.replace(" ", "").upper()
    found = api().customers.tax_ids.list(customer_id, {"limit": PAGE}).data
    for row in found:
        if row.value != wanted:
            api().customers.tax_ids.delete(customer_id, row.id)
    if wanted and wanted not in {row.value for row in found}:
        api().customers.tax_ids.create(customer_id, {"type": "eu_vat", "value": wanted})


# --- prices -------------------------------------------------------------------------------------


def price(row: Price, amount_minor: int) -> str:
    """Return Stripe's price for one of ours at an agreed base amount (a reseller's may differ)."""
    slot = _slot(str(amount_minor))
    known = row.provider_refs.get(slot)
    if known is not None:
        return str(known)
    lookup = f"{row.pk}-{amount_minor}"
    found = api().prices.list({"lookup_keys": [lookup], "limit": 1}).data
    made = found[0] if found else _new_price(row, amount_minor, lookup)
    with services.tenancy().public_write("prices"):
        row.provider_refs = {**row.provider_refs, slot: made.id}
        row.save(update_fields=["provider_refs"])
    return made.id


def _new_price(row: Price, amount_minor: int, lookup: str) -> Any:
    body: dict[str, Any] = {
        "product": product(row.plan_version.plan),
        "currency": row.currency.lower(),
        "recurring": {"interval": row.interval},
        "lookup_key": lookup,
        "tax_behavior": "exclusive",
        "metadata": {"price": str(row.pk)},
    }
    if row.model == Price.Model.TIERED:
        body |= {"billing_scheme": "tiered", "tiers_mode": "graduated"}
        body["tiers"] = _tiers(row, amount_minor)
    else:
        body["unit_amount"] = amount_minor
    return api().prices.create(body, {"idempotency_key": f"price:{lookup}"})  # type: ignore[arg-type]


def _tiers(row: Price, amount_minor: int) -> list[dict[str, Any]]:
    """Return the tiers counted from the first seat: ours start above those included."""
    base = pricing.included(row)
    tiers: list[dict[str, Any]] = [{"up_to": base, "flat_amount": amount_minor, "unit_amount": 0}]
    for tier in row.tiers:
        up_to = "inf" if tier["up_to"] is None else base + tier["up_to"]
        tiers.append({"up_to": up_to, "unit_amount": tier["unit_minor"]})
    if tiers[-1]["up_to"] != "inf":
        tiers.append({"up_to": "inf", "unit_amount": 0})
    return tiers


def product(plan: Plan) -> str:
    """Return Stripe's product of a plan; its id is ours, so it is found again by itself."""
    from stripe import InvalidRequestError

    key = f"plan_{plan.key}".replace(".", "_")
    try:
        return api().products.retrieve(key).id
    except InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
    made = api().products.create(
        {"id": key, "name": plan.name_en, "metadata": {"plan": plan.key}},
        {"idempotency_key": f"product:{key}"},
    )
    return made.id


# --- VAT and discounts --------------------------------------------------------------------------


def tax_rate(percent: Decimal) -> str:
    """Return Stripe's exclusive VAT rate of a percentage."""
    wanted = float(percent)
    found = api().tax_rates.list({"active": True, "inclusive": False, "limit": PAGE}).data
    for row in found:
        if (row.metadata or {}).get("tremplin") == "vat" and row.percentage == wanted:
            return row.id
    made = api().tax_rates.create(
        {
            "display_name": "TVA",
            "percentage": wanted,
            "inclusive": False,
            "country": "FR",
            "metadata": {"tremplin": "vat"},
        },
        {"idempotency_key": f"vat:{percent.normalize()}"},
    )
    return made.id


def coupon(row: Coupon) -> str:
    """Return Stripe's coupon for one of ours; its id is ours."""
    from stripe import InvalidRequestError

    from tremplin.licensing.models import Plan

    key = f"coupon_{row.pk.hex}"
    try:
        return api().coupons.retrieve(key).id
    except InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
    body: dict[str, Any] = {"id": key, "name": row.code, "duration": row.duration}
    if row.months:
        body["duration_in_months"] = row.months
    if row.percent is not None:
        body["percent_off"] = float(row.percent)
    else:
        body |= {"amount_off": row.amount_minor, "currency": row.currency.lower()}
    if row.plans:
        plans = Plan.objects.filter(key__in=row.plans)
        body["applies_to"] = {"products": [product(plan) for plan in plans]}
    return api().coupons.create(body, {"idempotency_key": key}).id  # type: ignore[arg-type]


# --- portal -------------------------------------------------------------------------------------


def portal_configuration() -> str:
    """Return what the customer portal offers: cards, invoices, VAT number, end at the period."""
    found = api().billing_portal.configurations.list({"active": True, "limit": PAGE}).data
    for row in found:
        if (row.metadata or {}).get("tremplin") == "portal":
            return row.id
    made = api().billing_portal.configurations.create(
        {
            "features": {
                "invoice_history": {"enabled": True},
                "payment_method_update": {"enabled": True},
                "customer_update": {"enabled": True, "allowed_updates": ["address", "tax_id"]},
                "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
            },
            "metadata": {"tremplin": "portal"},
        },
        {"idempotency_key": "portal"},
    )
    return made.id
