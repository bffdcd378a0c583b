"""Seller and buyer as printed: what the law wants of each, and the copy frozen on an invoice."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from stdnum.fr import siren as siren_number

from tenants import registry
from tenants.branding import services as branding
from tremplin.billing import accounts
from tremplin.billing.invoicing import tax
from tremplin.billing.invoicing.errors import IdentityMissing
from tremplin.billing.models import BillingAccount

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenants.registry import TenantInfo

TAXED = frozenset({"S", "AE"})
DEFAULT_COLOR = "#1e40af"


def plain(text: str) -> str:
    """Return ``text`` on one line, without the control characters that XML refuses."""
    kept = "".join(
        " " if character in "\n\r\t\u2028\u2029" else character
        for character in unicodedata.normalize("NFC", text)
        if character in "\n\r\t" or unicodedata.category(character) not in {"Cc", "Cs", "Cn"}
    )
    return " ".join(kept.split(" ")).strip()


def issuer_tenant(issuer_tenant_id: int | None) -> TenantInfo:
    """Return the space that issues: a reseller or school, or the operator's. Raises ``LookupError``."""
    found = registry.hq() if issuer_tenant_id is None else registry.by_pk(issuer_tenant_id)
    if found is None:
        raise LookupError("the issuer's space does not exist")
    return found


def seller_account(issuer_tenant_id: int | None) -> BillingAccount:
    """Return the account that holds the seller's legal identity (that of hq for the platform)."""
    return accounts.account_of(issuer_tenant(issuer_tenant_id))


def missing(
    account: BillingAccount, *, party: str = "buyer", categories: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """Return the fields to fill or correct, each with its label in the reader's language.

    ``categories`` are the VAT categories sold: a taxed sale needs the seller's VAT number, a
    reverse charge the buyer's. Art. 242 nonies A of annex II of the CGI lists the particulars.
    """
    found: list[tuple[str, str]] = []
    sold = set(categories)
    if not plain(account.legal_name):
        found.append(("legal_name", _("legal name")))
    if account.country in tax.FRENCH_VAT - {"MC"} and not siren_number.is_valid(account.siren):
        found.append(("siren", _("SIREN (9 digits)")))
    needs_vat = (party == "seller" and sold & TAXED) or (party == "buyer" and "AE" in sold)
    if (needs_vat or account.vat_id) and not tax.is_vat_id(account.vat_id, account.country):
        found.append(("vat_id", _("VAT number")))
    if not plain(account.line1):
        found.append(("line1", _("address")))
    if not plain(account.postal_code) and account.country in tax.EU | tax.FRENCH_VAT:
        found.append(("postal_code", _("postal code")))
    if not plain(account.city):
        found.append(("city", _("city")))
    if len(account.country) != 2 or not account.country.isalpha():
        found.append(("country", _("country")))
    return found


def require(
    account: BillingAccount, issuer_tenant_id: int | None = None, *, categories: Iterable[str] = ()
) -> BillingAccount:
    """Return the seller's account. Raises ``IdentityMissing`` for the seller, then the buyer."""
    sold = tuple(categories)
    seller = seller_account(issuer_tenant_id)
    if lacking := missing(seller, party="seller", categories=sold):
        raise IdentityMissing("seller", lacking)
    if lacking := missing(account, party="buyer", categories=sold):
        raise IdentityMissing("buyer", lacking)
    return seller


def _identity(account: BillingAccount) -> dict[str, Any]:
    return {
        "name": plain(account.legal_name),
        "siren": account.siren,
        "vat_id": tax.normal_vat_id(account.vat_id) if account.vat_id else "",
        "line1": plain(account.line1),
        "line2": plain(account.line2),
        "postal_code": plain(account.postal_code),
        "city": plain(account.city),
        "country": account.country.upper(),
    }


def frozen_buyer(account: BillingAccount) -> dict[str, Any]:
    """Return the buyer as printed: its legal identity, no mailbox and no person."""
    return _identity(account)


def frozen_seller(account: BillingAccount, tenant: TenantInfo) -> dict[str, Any]:
    """Return the seller as printed, with its bank, its zone and the look its invoices have."""
    bank = account.provider_refs.get("bank") or {}
    published = branding.published(tenant)
    logo = (published.mail_logo_file or published.logo_file) if published is not None else ""
    return {
        **_identity(account),
        "iban": "".join(str(bank.get("iban", "")).split()).upper(),
        "bic": str(bank.get("bic", "")).strip().upper(),
        "zone": tenant.timezone,
        "brand": plain(tenant.brand.short_name or tenant.name),
        "color": tenant.brand.primary or DEFAULT_COLOR,
        "on_color": tenant.brand.primary_foreground or "#ffffff",
        "logo": logo,
    }
