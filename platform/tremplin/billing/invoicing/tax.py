"""VAT of a sale: the port ``tremplin.tax.v1`` and the French rules that implement it by default.

Categories are those of EN 16931 (UNTDID 5305): S taxed, AE reverse charge, E exempt, O outside the
scope of French VAT. Numbers are checked by form only, offline.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from django.conf import settings
from stdnum import exceptions as stdnum_errors
from stdnum.eu import vat as eu_vat

if TYPE_CHECKING:
    from tremplin.billing.models import BillingAccount

GROUP = "tremplin.tax.v1"
ZERO = Decimal("0.00")
STANDARD = Decimal("20.00")
RATES = {
    "standard": STANDARD,
    "intermediate": Decimal("10.00"),
    "reduced": Decimal("5.50"),
    "super_reduced": Decimal("2.10"),
}
# Codes of a price whose service is training: exempt when the seller has the certificate.
TRAINING = frozenset({"training", "exempt"})
EU = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)
# Art. 296 CGI: Guadeloupe, Martinique, Réunion. Art. 294: French Guiana and Mayotte apply no VAT.
OVERSEAS_RATES = {"standard": Decimal("8.50"), "intermediate": Decimal("2.10")}
OVERSEAS = frozenset({"GP", "MQ", "RE"})
FRENCH_VAT = frozenset({"FR", "MC"}) | OVERSEAS


@dataclass(frozen=True, slots=True)
class TaxQuestion:
    """Who buys what from whom: countries (ISO 3166), the buyer's VAT number, the price's code."""

    seller_country: str
    buyer_country: str
    buyer_vat_id: str
    tax_code: str
    seller_has_training_exemption: bool = False


@dataclass(frozen=True, slots=True)
class TaxAnswer:
    """A rate in percent and its category."""

    rate: Decimal
    category: str


class TaxEngine(Protocol):
    """What a tax service answers; registered as an entry point of ``tremplin.tax.v1``."""

    slug: str

    def rate_for(self, question: TaxQuestion) -> TaxAnswer: ...


class FrenchRules:
    """A seller established in France and a service sold to an organisation."""

    slug = "french"

    def rate_for(self, question: TaxQuestion) -> TaxAnswer:
        """Return the rate: art. 259-1 CGI gives the place, 283-2 who owes, 261-4-4° a training."""
        if question.tax_code in TRAINING and question.seller_has_training_exemption:
            return TaxAnswer(ZERO, "E")
        country = question.buyer_country.upper()
        if country in OVERSEAS:
            rate = OVERSEAS_RATES.get(question.tax_code)
            if rate is None:
                rate = (
                    OVERSEAS_RATES["standard"] if question.tax_code in TRAINING else Decimal("2.10")
                )
            return TaxAnswer(rate, "S")
        if country not in EU and country != "MC":
            return TaxAnswer(ZERO, "O")
        if country not in FRENCH_VAT and is_vat_id(question.buyer_vat_id, country):
            return TaxAnswer(ZERO, "AE")
        return TaxAnswer(RATES.get(question.tax_code, STANDARD), "S")


@cache
def engine() -> TaxEngine:
    """Return the engine named by ``TREMPLIN_TAX_ENGINE``; the French rules without it.

    Raises ``LookupError`` for a name that no installed distribution offers.
    """
    slug = settings.TAX_ENGINE
    if slug in ("", FrenchRules.slug):
        return FrenchRules()
    for point in entry_points(group=GROUP, name=slug):
        found: TaxEngine = point.load()()
        return found
    raise LookupError(f"no installed distribution offers the tax engine {slug!r}")


def rate_for(
    account: BillingAccount, tax_code: str, *, seller: BillingAccount | None = None
) -> tuple[Decimal, str]:
    """Return the VAT rate in percent and the category of a sale to ``account``.

    ``seller`` is the account of the reseller or school that sells (None: the platform, in France).
    """
    answer = engine().rate_for(
        TaxQuestion(
            seller_country=seller.country if seller is not None else "FR",
            buyer_country=account.country,
            buyer_vat_id=account.vat_id,
            tax_code=tax_code,
            seller_has_training_exemption=seller is not None and seller.has_training_exemption,
        )
    )
    return answer.rate, answer.category


def normal_vat_id(number: str) -> str:
    """Return a VAT number without spaces and dots, in capitals."""
    try:
        return str(eu_vat.compact(number))
    except stdnum_errors.ValidationError:
        return "".join(number.split()).upper()


def is_vat_id(number: str, country: str) -> bool:
    """Tell whether ``number`` has the form, check digits included, of a VAT number of ``country``.

    Outside the Union any non-empty number will do: there is no common form.
    """
    if not number:
        return False
    country = "FR" if country in FRENCH_VAT else country
    if country not in EU:
        return True
    prefix = {"GR": "EL"}.get(country, country)
    clean = normal_vat_id(number)
    return clean.startswith(prefix) and bool(eu_vat.is_valid(clean))
