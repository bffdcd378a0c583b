"""The means of payment that Stripe keeps for an account, as our rows: label, last four, expiry.

An event only says that something moved: the customer's list is read again, whole, so that order and
repetition do not matter. One reading at a time per account, without holding a row meanwhile.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from tenants import locks
from tremplin.api import services
from tremplin.billing.models import BillingAccount, PaymentMethod, Subscription
from tremplin.billing.stripe.client import api, mode
from tremplin.billing.stripe.reading import PROVIDER

EVENTS = (
    "customer.updated",
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
)
# What changes which card is charged, though the card itself said nothing.
CHOOSING = frozenset({"customer.subscription.created", "checkout.session.completed"})
NAMES = {"amex": "American Express", "sepa_debit": "SEPA"}


def follow(kind: str, key: str) -> int:
    """Bring the rows up to date after an event about ``key``; return how many there are now."""
    account = _account(kind, key)
    return 0 if account is None else sync(account)


def _account(kind: str, key: str) -> BillingAccount | None:
    """Return whose means of payment an event is about, None when it is nobody's of ours."""
    if kind == "customer.updated":
        return _of_customer(key)
    if kind.startswith("customer.subscription."):
        return _of_customer(str(api().subscriptions.retrieve(key).customer))
    if kind.startswith("checkout.session."):
        return _of_customer(str(api().checkout.sessions.retrieve(key).customer))
    found = api().payment_methods.retrieve(key).to_dict()
    if found.get("customer"):
        return _of_customer(str(found["customer"]))
    # Detached: it names its customer no longer, our row still does.
    row = PaymentMethod.objects.select_related("account").filter(
        provider=PROVIDER, provider_ref=key
    )
    known = row.first()
    return known.account if known is not None else None


def _slot() -> str:
    return f"stripe:{mode()}:customer"


def _of_customer(key: str) -> BillingAccount | None:
    return BillingAccount.objects.filter(provider_refs__contains={_slot(): key}).first()


def sync(account: BillingAccount) -> int:
    """Make our rows those that Stripe has for the account now; return how many."""
    customer = account.provider_refs.get(_slot())
    if not customer:
        return 0
    with transaction.atomic():
        locks.in_transaction(f"stripe-methods:{account.pk}")
        pages = api().payment_methods.list({"customer": customer, "limit": 100})
        found = [row.to_dict() for row in pages.auto_paging_iter()]
        default = _default(customer)
        with services.tenancy().public_write("payment method"):
            kept = [_keep(account, body, body["id"] == default) for body in found]
            PaymentMethod.objects.filter(account=account, provider=PROVIDER).exclude(
                provider_ref__in=kept
            ).delete()
    return len(kept)


def _default(customer: str) -> str:
    """Return what is charged next: the customer's choice, else that of its subscription."""
    settings = api().customers.retrieve(customer).to_dict()["invoice_settings"]
    if settings["default_payment_method"]:
        return str(settings["default_payment_method"])
    running = Subscription.objects.filter(
        provider=PROVIDER,
        ended_at=None,
        account__provider_refs__contains={_slot(): customer},
    ).order_by("-created_at")
    for row in running:
        chosen = api().subscriptions.retrieve(row.provider_ref).to_dict()["default_payment_method"]
        if chosen:
            return str(chosen)
    return ""


def _keep(account: BillingAccount, body: dict[str, Any], is_default: bool) -> str:
    kind = body["type"]
    details = body.get(kind) or {}
    last4 = details.get("last4") or ""
    brand = details.get("brand") or kind
    name = NAMES.get(brand, brand.replace("_", " ").title())
    month, year = details.get("exp_month"), details.get("exp_year")
    PaymentMethod.objects.update_or_create(
        provider=PROVIDER,
        provider_ref=body["id"],
        defaults={
            "account": account,
            "label": f"{name} •••• {last4}" if last4 else name,
            "last4": last4,
            "expires": f"{month:02d}/{year}" if month and year else "",
            "is_default": is_default,
        },
    )
    return str(body["id"])
