"""What the schools of the demo sell to their people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tremplin.billing.demo import BANK, IDENTITIES
from tremplin.billing.sales import catalogue, sellers
from tremplin.billing.sales.models import Entry, Seller

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

# (kind, price in cents, on sale) by space.
SOLD = {
    "mecaformation": (("premium_cv", 2900, True), ("document_check", 1500, True)),
    "horizon": (("code_audit", 6000, True), ("portfolio", 1900, False)),
}
VAT_IDS = {"mecaformation": "FR85793102450"}


def seed(tenant: TenantInfo, world: dict[str, Any], key: str) -> None:
    """Open the shop of a school of the file, once."""
    if key not in SOLD or Seller.objects.exists():
        return
    sellers.save(
        **{"vat_id": VAT_IDS.get(key, ""), **IDENTITIES[key]},
        email=tenant.email,
        country="FR",
        takes_transfers=True,
        **BANK,
    )
    for kind, price_minor, is_on_sale in SOLD[key]:
        catalogue.save(
            None,
            kind=kind,
            currency="EUR",
            price_minor=price_minor,
            tax_code=Entry.TaxCode.STANDARD,
            is_on_sale=is_on_sale,
        )
