"""Legal identities that an invoice accepts: valid SIREN and VAT numbers of companies that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenants.registry import TenantInfo
    from tremplin.billing.models import BillingAccount

PLATFORM = {
    "legal_name": "Tremplin SAS",
    "siren": "812345676",
    "vat_id": "FR19812345676",
    "line1": "12 rue de la République",
    "postal_code": "69002",
    "city": "Lyon",
    "country": "FR",
}
RESELLER = {
    "legal_name": "Passerelle Conseil SARL",
    "siren": "908765431",
    "vat_id": "FR46908765431",
    "line1": "3 quai Rambaud",
    "postal_code": "69002",
    "city": "Lyon",
    "country": "FR",
}
COMPANY = {
    "legal_name": "Voltéo Énergie SA",
    "siren": "845120369",
    "vat_id": "FR48845120369",
    "line1": "48 avenue de l’Europe",
    "postal_code": "38000",
    "city": "Grenoble",
    "country": "FR",
}
SCHOOL = {
    "legal_name": "MécaFormation Lyon",
    "siren": "793102450",
    "vat_id": "",
    "line1": "7 rue des Forges",
    "postal_code": "69007",
    "city": "Lyon",
    "country": "FR",
}
BELGIAN = {
    "legal_name": "Atelier du Nord SRL",
    "siren": "",
    "vat_id": "BE0428759497",
    "line1": "Rue Haute 14",
    "postal_code": "1000",
    "city": "Bruxelles",
    "country": "BE",
}
SENEGALESE = {
    "legal_name": "École Teranga SARL",
    "siren": "",
    "vat_id": "",
    "line1": "Avenue Cheikh Anta Diop",
    "postal_code": "",
    "city": "Dakar",
    "country": "SN",
    "currency": "XOF",
}
BY_SLUG = {
    "hq": PLATFORM,
    "passerelle": RESELLER,
    "autre": {**RESELLER, "legal_name": "Autre Réseau SARL"},
    "volteo": COMPANY,
    "mecaformation": SCHOOL,
    "lycee": {**SCHOOL, "legal_name": "Lycée des Métiers"},
    "atelier": {**COMPANY, "legal_name": "Atelier Nord"},
}


def give(tenant: TenantInfo, identity: dict[str, Any] | None = None) -> BillingAccount:
    """Complete the billing account of a space (that of ``hq`` is the platform's)."""
    from tremplin.api import services
    from tremplin.billing.accounts import account_of

    account = account_of(tenant)
    for name, value in (identity or BY_SLUG[tenant.slug]).items():
        setattr(account, name, value)
    with services.tenancy().public_write("test identity"):
        account.save()
    return account
