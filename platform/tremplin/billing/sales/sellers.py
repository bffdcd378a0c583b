"""Who sells: the space's own identity, its VAT, its means of payment, and whether its shop is open."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from pydantic import BaseModel

from tremplin.billing.invoicing import parties, tax, wording
from tremplin.billing.models import BillingAccount
from tremplin.billing.sales.models import Entry, Seller
from tremplin.kernel import audit, settings_store
from tremplin.kernel.current import tenant_required

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

CURRENCIES = ("EUR", "CHF", "GBP", "USD", "CAD", "MAD", "XOF", "XAF")
SIMULATED = frozenset({"demo", "test", "dev"})
_IDENTITY = (
    "legal_name", "siren", "vat_id", "email", "line1", "line2", "postal_code", "city", "country",
)  # fmt: skip


class SalesSettings(BaseModel):
    """Whether the menu shows the shop; kept with the settings, which every page has at hand."""

    tremplin_module: ClassVar[str] = "sales"

    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Tax:
    """The VAT of a sale: its rate in percent, its category (UNTDID 5305), why there is none."""

    rate: Decimal
    category: str
    reason: str


@dataclass(frozen=True, slots=True)
class Way:
    """A way to pay: ``slug`` is ``stripe``, ``sandbox`` or ``invoice`` (bank transfer)."""

    slug: str
    label: str


def get() -> Seller:
    """Return the seller of the current space; before the first save, what billing knows of it."""
    found = Seller.objects.filter(pk=1).first()
    if found is not None:
        return found
    tenant = tenant_required()
    account = BillingAccount.objects.filter(tenant_id=tenant.pk).first()
    seller = Seller(legal_name=tenant.name, email=tenant.email)
    if account is not None:
        for name in (*_IDENTITY, "currency", "has_training_exemption"):
            setattr(seller, name, getattr(account, name) or getattr(seller, name))
    return seller


@transaction.atomic
def save(**fields: Any) -> Seller:
    """Store the seller's details; invoices already issued keep what they say. Audited."""
    seller = get()
    changed = sorted(name for name, value in fields.items() if getattr(seller, name) != value)
    for name in changed:
        setattr(seller, name, fields[name])
    seller.pk = 1
    seller.save()
    audit.record("sales.seller_changed", data={"fields": changed})
    refresh()
    return seller


def account_of(seller: Seller) -> BillingAccount:
    """Return the seller as the account that invoicing reads; it is never stored."""
    bank = {"iban": seller.iban, "bic": seller.bic} if seller.takes_transfers else {}
    return BillingAccount(
        **{name: getattr(seller, name) for name in _IDENTITY},
        currency=seller.currency,
        has_training_exemption=seller.has_training_exemption,
        provider_refs={"bank": bank},
    )


def tax_of(seller: Seller, tax_code: str) -> Tax:
    """Return the VAT of a service sold to a person, due where the seller is (art. 259-2° CGI)."""
    if seller.vat == Seller.Vat.FRANCHISE:
        return Tax(tax.ZERO, "E", _("VAT not applicable, article 293 B of the French CGI."))
    if seller.vat == Seller.Vat.OWN:
        if seller.own_rate:
            return Tax(seller.own_rate, "S", "")
        return Tax(tax.ZERO, "O", _("No VAT is due where the seller is established."))
    answer = tax.engine().rate_for(
        tax.TaxQuestion(
            seller_country=seller.country,
            buyer_country=seller.country,
            buyer_vat_id="",
            tax_code=tax_code,
            seller_has_training_exemption=seller.has_training_exemption,
        )
    )
    return Tax(answer.rate, answer.category, wording.reason(answer.category))


def missing(seller: Seller) -> list[tuple[str, str]]:
    """Return the fields that the law wants on an invoice and that are not filled, with labels."""
    codes = Entry.objects.filter(is_on_sale=True).values_list("tax_code", flat=True).distinct()
    sold = {tax_of(seller, code).category for code in codes}
    if seller.vat == Seller.Vat.OWN:
        sold = set()  # a VAT number of elsewhere has no common form
    return parties.missing(account_of(seller), party="seller", categories=sold)


def ways(tenant: TenantInfo, seller: Seller | None = None) -> list[Way]:
    """Return how people can pay here: by card on the space's own account, by transfer."""
    from tremplin.billing.stripe import client, connected

    found = []
    if not client.problems() and connected.could_charge(tenant):
        found.append(Way("stripe", _("Card")))
    elif settings.MODE in SIMULATED:
        found.append(Way("sandbox", _("Card (simulated: no money moves)")))
    known = seller if seller is not None else get()
    if known.takes_transfers and known.iban:
        found.append(Way("invoice", _("Bank transfer")))
    return found


def is_ready(tenant: TenantInfo) -> bool:
    """Tell whether the space may sell: a stored, complete identity and a way to be paid."""
    seller = Seller.objects.filter(pk=1).first()
    return seller is not None and not missing(seller) and bool(ways(tenant, seller))


def refresh() -> bool:
    """Open or close the menu's shop after a change; return whether it is open."""
    tenant = tenant_required()
    is_open = is_ready(tenant) and Entry.objects.filter(is_on_sale=True).exists()
    if is_open != shows_shop(tenant):
        settings_store.write("tenant", tenant, "sales", {"is_open": is_open}, model=SalesSettings)
    return is_open


def shows_shop(tenant: TenantInfo) -> bool:
    """Tell whether the menu of ``tenant`` shows the shop, without asking its tables."""
    return settings_store.effective(SalesSettings, tenant, "sales").is_open
