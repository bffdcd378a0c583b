"""Billing accounts: made at first use, one per tenant or reseller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from tenants.context import use
from tenants.models import Tenant
from tremplin.api import Problem, services
from tremplin.billing.models import BillingAccount, PriceBook
from tremplin.billing.providers import default_slug
from tremplin.kernel import audit

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

EDITABLE = frozenset(
    {
        "legal_name", "siren", "vat_id", "email", "line1", "line2", "postal_code", "city",
        "country", "currency", "provider", "terms_days", "has_training_exemption",
        "overage_cap_minor",
    }
)  # fmt: skip


def account_of(tenant: TenantInfo) -> BillingAccount:
    """Return the account of a tenant; made with the space's name and mailbox when missing.

    A client that its reseller bills (wholesale) gets the reseller's account as its payer, and
    pays by transfer: the platform collects nothing from it.
    """
    found = BillingAccount.objects.filter(tenant_id=tenant.pk).first()
    if found is not None:
        return found
    payer = _payer(tenant.reseller_pk)
    with transaction.atomic(), services.tenancy().public_write("billing account"):
        return BillingAccount.objects.get_or_create(
            tenant_id=tenant.pk,
            defaults={
                "payer": payer,
                "legal_name": tenant.name,
                "email": tenant.email,
                "provider": "invoice" if payer is not None else default_slug(),
            },
        )[0]


def _payer(reseller_pk: int | None) -> BillingAccount | None:
    from tenants import registry

    reseller = registry.by_pk(reseller_pk) if reseller_pk is not None else None
    if reseller is None:
        return None
    sells = PriceBook.objects.filter(owner_tenant_id=reseller.pk, mode="wholesale").exists()
    return account_of(reseller) if sells else None


@transaction.atomic
def follow_book(reseller: TenantInfo) -> int:
    """Bring the accounts of a reseller's clients to who bills them now; return how many changed.

    Running subscriptions go on as they were bought.
    """
    clients = Tenant.objects.filter(reseller_id=reseller.pk).values_list("pk", flat=True)
    payer = _payer(reseller.pk)
    provider = "invoice" if payer is not None else default_slug()
    with services.tenancy().public_write("billing account"):
        return (
            BillingAccount.objects.filter(tenant_id__in=list(clients))
            .exclude(payer=payer)
            .update(payer=payer, provider=provider)
        )


@transaction.atomic
def update(tenant: TenantInfo, **fields: object) -> BillingAccount:
    """Change fields of the account of ``tenant`` (those of ``EDITABLE``).

    The currency is fixed once something was ordered: ``Problem`` 409.
    """
    unknown = set(fields) - EDITABLE
    if unknown:
        raise ValueError(f"not a field of an account: {sorted(unknown)}")
    account_of(tenant)
    with services.tenancy().public_write("billing account"):
        account = BillingAccount.objects.select_for_update().get(tenant_id=tenant.pk)
        currency = fields.get("currency", account.currency)
        if currency != account.currency and account.orders.exists():
            raise Problem(
                409, "currency_fixed", _("The currency cannot change after a first order.")
            )
        changed = sorted(name for name, value in fields.items() if getattr(account, name) != value)
        for name in changed:
            setattr(account, name, fields[name])
        account.save()
    if changed:
        with use(tenant):
            audit.record("billing.details_changed", data={"fields": changed})
    return account


def lock(account: BillingAccount) -> BillingAccount:
    """Lock an account for the transaction: all writes of billing about it happen one by one.

    Always the first lock taken, so that two writers never wait for each other.
    """
    return BillingAccount.objects.select_for_update().get(pk=account.pk)
