"""Who owes VAT, the form of numbers, and what an incomplete party is told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.core.billing.invoices.conftest import AT, line
from tests.support import legal_identity


@pytest.mark.parametrize(
    ("country", "vat_id", "code", "rate", "category"),
    [
        ("FR", "", "standard", "20.00", "S"),
        ("FR", "FR48845120369", "standard", "20.00", "S"),
        ("FR", "", "reduced", "5.50", "S"),
        ("MC", "", "standard", "20.00", "S"),
        ("RE", "", "standard", "8.50", "S"),
        ("GF", "", "standard", "0.00", "O"),
        ("BE", "BE0428759497", "standard", "0.00", "AE"),
        ("BE", "BE 0428.759.497", "standard", "0.00", "AE"),
        ("BE", "BE0428759498", "standard", "20.00", "S"),
        ("BE", "DE136695976", "standard", "20.00", "S"),
        ("BE", "", "standard", "20.00", "S"),
        ("GR", "EL094259216", "standard", "0.00", "AE"),
        ("SN", "", "standard", "0.00", "O"),
        ("CH", "CHE123456789", "standard", "0.00", "O"),
        ("FR", "", "training", "20.00", "S"),
        ("FR", "", "unheard-of", "20.00", "S"),
    ],
)
def test_the_buyer_decides_the_rate(country, vat_id, code, rate, category):
    from tremplin.billing.invoicing import tax
    from tremplin.billing.models import BillingAccount

    account = BillingAccount(tenant_id=1, country=country, vat_id=vat_id)
    assert tax.rate_for(account, code) == (Decimal(rate), category)


def test_training_is_exempt_when_the_seller_has_the_title():
    from tremplin.billing.invoicing import tax
    from tremplin.billing.models import BillingAccount

    school = BillingAccount(tenant_id=2, country="FR", has_training_exemption=True)
    buyer = BillingAccount(tenant_id=1, country="FR")
    assert tax.rate_for(buyer, "training", seller=school) == (Decimal("0.00"), "E")
    assert tax.rate_for(buyer, "standard", seller=school) == (Decimal("20.00"), "S")


def test_another_tax_engine_is_chosen_by_name(settings):
    from tremplin.billing.invoicing import tax

    settings.TAX_ENGINE = "nobody"
    tax.engine.cache_clear()
    with pytest.raises(LookupError, match="'nobody'"):
        tax.engine()
    settings.TAX_ENGINE = ""
    assert tax.engine().slug == "french"
    tax.engine.cache_clear()


def test_reverse_charge_says_so_on_paper_and_in_xml(issued, tenant_b):
    from tremplin.billing.invoicing import files

    belgian = legal_identity.give(tenant_b, legal_identity.BELGIAN)
    found = issued(
        line(tax_rate=Decimal("0.00"), tax_category="AE"),
        account=belgian,
        tenant_id=tenant_b.pk,
    )
    assert found.taxes == [
        {
            "rate": "0.00",
            "category": "AE",
            "net_minor": 19_000,
            "tax_minor": 0,
            "reason": "Autoliquidation\u202f: TVA due par le preneur (article 283-2 du CGI).",
            "reason_code": "VATEX-EU-AE",
        }
    ]
    assert (found.buyer["vat_id"], found.buyer["siren"]) == ("BE0428759497", "")
    xml = files.xml_of(found).decode()
    assert "<ram:ExemptionReasonCode>VATEX-EU-AE</ram:ExemptionReasonCode>" in xml
    assert xml.count('schemeID="VA"') == 2


def test_outside_the_scope_no_vat_number_is_in_the_xml(issued, tenant_b):
    from tremplin.billing.invoicing import files

    dakar = legal_identity.give(tenant_b, legal_identity.SENEGALESE)
    found = issued(
        line(unit_minor=125_000, tax_rate=Decimal("0.00"), tax_category="O"),
        account=dakar,
        tenant_id=tenant_b.pk,
        currency="XOF",
        locale="en",
    )
    assert found.taxes[0]["reason"] == (
        "Outside the scope of French VAT (article 259-1° of the French CGI)."
    )
    xml = files.xml_of(found).decode()
    assert xml.count('schemeID="VA"') == 0
    assert xml.count("RateApplicablePercent") == 0
    assert '<ram:TaxTotalAmount currencyID="XOF">0</ram:TaxTotalAmount>' in xml
    assert "<ram:GrandTotalAmount>125000</ram:GrandTotalAmount>" in xml


def test_training_exemption_names_its_article(issued):
    found = issued(line(tax_rate=Decimal("0.00"), tax_category="E"))
    assert found.taxes[0]["reason"] == (
        "Exonération de TVA\u202f: formation professionnelle, article 261-4-4° a du CGI."
    )
    assert found.taxes[0]["reason_code"] == "VATEX-EU-132-1I"


def test_a_seller_without_identity_is_told_what_to_fill(draft, seller, hq):
    from django.utils import translation

    from tremplin.billing import invoicing
    from tremplin.billing.invoicing.errors import IdentityMissing
    from tremplin.billing.models import InvoiceSeries

    waiting = draft()
    legal_identity.give(hq, {"siren": "812345677", "vat_id": "", "line1": " ", "city": ""})
    with translation.override("en"), pytest.raises(IdentityMissing) as refused:
        invoicing.finalise(waiting, at=AT)
    assert refused.value.status == 422
    assert refused.value.extra == {
        "party": "seller",
        "fields": ["siren", "vat_id", "line1", "city"],
    }
    assert refused.value.detail == (
        "The seller's billing details are not complete. "
        "Fill in: SIREN (9 digits), VAT number, address, city."
    )
    waiting.refresh_from_db()
    assert (waiting.state, waiting.number) == ("draft", "")
    assert InvoiceSeries.objects.count() == 0


def test_a_buyer_without_identity_is_told_what_to_fill(draft, buyer, tenant_a):
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing import parties
    from tremplin.billing.invoicing.errors import IdentityMissing

    waiting = draft()
    changed = legal_identity.give(tenant_a, {"siren": "", "postal_code": "", "legal_name": "\x07"})
    with pytest.raises(IdentityMissing) as refused:
        invoicing.finalise(waiting, at=AT)
    assert refused.value.extra == {
        "party": "buyer",
        "fields": ["legal_name", "siren", "postal_code"],
    }
    assert [field for field, _label in parties.missing(changed)] == [
        "legal_name",
        "siren",
        "postal_code",
    ]


def test_reverse_charge_needs_the_number_of_the_buyer(draft, tenant_b):
    from tremplin.billing import invoicing
    from tremplin.billing.invoicing.errors import IdentityMissing

    belgian = legal_identity.give(tenant_b, {**legal_identity.BELGIAN, "vat_id": "BE1"})
    waiting = draft(line(tax_rate=Decimal("0.00"), tax_category="AE"), account=belgian)
    with pytest.raises(IdentityMissing) as refused:
        invoicing.finalise(waiting, at=AT)
    assert refused.value.extra == {"party": "buyer", "fields": ["vat_id"]}
