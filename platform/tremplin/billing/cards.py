"""The plans as a reader compares them: price by rhythm, seats, modules, limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.formats import number_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from tremplin.billing import pricing
from tremplin.billing.models import Price
from tremplin.billing.pricing import Offer
from tremplin.kernel import registry
from tremplin.licensing import features, seats
from tremplin.licensing.models import PlanEntitlement, PlanItem, PlanVersion

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a card: what, and how much."""

    label: str
    value: str
    is_included: bool = True


@dataclass(frozen=True, slots=True)
class PlanCard:
    """A plan that one space can buy now, in the reader's language."""

    version: PlanVersion
    name: str
    summary: str
    month: Offer | None
    year: Offer | None
    once: Offer | None
    seats: int | None
    facts: tuple[Fact, ...]
    modules: tuple[str, ...]
    is_current: bool = False

    @property
    def is_free(self) -> bool:
        """Tell whether the plan costs nothing in every rhythm."""
        return all(item.amount_minor == 0 for item in self.offers)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Return its offers, monthly first."""
        return tuple(item for item in (self.month, self.year, self.once) if item is not None)

    @property
    def first(self) -> Offer:
        """Return the offer that the card opens with."""
        return self.offers[0]

    @property
    def saving_minor(self) -> int:
        """Return what a year costs less than twelve months."""
        if self.month is None or self.year is None:
            return 0
        return max(0, 12 * self.month.amount_minor - self.year.amount_minor)


def plan_name(version: PlanVersion) -> str:
    """Return the name of a version's plan in the reader's language."""
    plan = version.plan
    return plan.name_fr if _is_french() else plan.name_en


def interval_text(interval: str) -> str:
    """Return « per month », « per year » or « once »."""
    return {"month": _("per month"), "year": _("per year"), "once": _("once")}[interval]


def module_name(slug: str) -> str:
    """Return the name of an installed module, else its slug."""
    manifest = registry.manifest_of(slug)
    return slug if manifest is None else manifest.name.in_language(get_language() or "en")


def plan_cards(
    tenant: TenantInfo,
    *,
    module: str | None = "",
    currency: str = "EUR",
    current: Iterable[PlanVersion] = (),
) -> list[PlanCard]:
    """Return what ``tenant`` can buy, cheapest position first.

    ``module`` "" lists the plans of the whole space, a slug those of one module. On a reseller's
    own host these are the prices that it asks from its clients.
    """
    found = _offers(tenant, currency, module)
    versions: dict[Any, list[Offer]] = {}
    for item in found:
        versions.setdefault(item.price.plan_version_id, []).append(item)
    entitlements = PlanEntitlement.objects.filter(version__in=versions)
    items = PlanItem.objects.filter(version__in=versions)
    running = {version.pk for version in current}
    return [
        _card(
            group,
            [row for row in entitlements if row.version_id == pk],
            [row.module for row in items if row.version_id == pk],
            is_current=pk in running,
        )
        for pk, group in versions.items()
    ]


def plans_with_module(tenant: TenantInfo, slug: str, *, currency: str = "EUR") -> list[PlanCard]:
    """Return the plans of the whole space that open the module ``slug``; the running one is marked."""
    held = seats.plan_license(tenant)
    current = [held.plan_version] if held is not None and held.plan_version is not None else []
    holders = set(PlanItem.objects.filter(module=slug).values_list("version_id", flat=True))
    return [
        card
        for card in plan_cards(tenant, currency=currency, current=current)
        if card.version.pk in holders
    ]


def _offers(tenant: TenantInfo, currency: str, module: str | None) -> list[Offer]:
    found = pricing.offers(tenant, currency=currency, module=module)
    if tenant.kind != "reseller":
        return found
    own = [pricing.offer_to_reseller(tenant, item.price) for item in found]
    return [item for item in own if not item.is_hidden]


def _card(
    offers: Sequence[Offer],
    entitlements: Sequence[PlanEntitlement],
    modules: Sequence[str],
    *,
    is_current: bool,
) -> PlanCard:
    by_interval = {item.price.interval: item for item in offers}
    version = offers[0].price.plan_version
    places = next((row.value for row in entitlements if row.feature == "people.seats"), None)
    plan = version.plan
    return PlanCard(
        version=version,
        name=plan_name(version),
        summary=plan.summary_fr if _is_french() else plan.summary_en,
        month=by_interval.get(Price.Interval.MONTH),
        year=by_interval.get(Price.Interval.YEAR),
        once=by_interval.get(Price.Interval.ONCE),
        seats=places,
        facts=tuple(facts_of(entitlements)),
        modules=tuple(
            module_name(slug) for slug in modules if registry.manifest_of(slug) is not None
        ),
        is_current=is_current,
    )


def facts_of(entitlements: Sequence[PlanEntitlement]) -> list[Fact]:
    """Return what a version entitles to, in the order of the declared features."""
    declared = features.declared()
    rows = {row.feature: row for row in entitlements}
    language = get_language() or "en"
    found = []
    for key, feature in declared.items():
        row = rows.get(key)
        if row is None:
            continue
        label = feature.label.in_language(language)
        if feature.kind == "switch":
            found.append(Fact(label, _("Yes") if row.value else _("No"), bool(row.value)))
        elif feature.kind == "config":
            found.append(Fact(label, str(row.value)))
        else:
            found.append(Fact(label, amount_of(row), row.value != 0))
    return found


def amount_of(row: PlanEntitlement) -> str:
    """Return how much a limit or a meter allows: « 30 per person and month », « unlimited »."""
    if row.value is None:
        return _("Unlimited")
    amount = number_format(row.value, force_grouping=True)
    per_person = row.scope == PlanEntitlement.Scope.USER
    texts = {
        ("month", True): _("%(n)s per person and month"),
        ("month", False): _("%(n)s per month"),
        ("week", True): _("%(n)s per person and week"),
        ("week", False): _("%(n)s per week"),
        ("day", True): _("%(n)s per person and day"),
        ("day", False): _("%(n)s per day"),
        ("period", True): _("%(n)s per person and period"),
        ("period", False): _("%(n)s per period"),
    }
    text = texts.get((row.reset, per_person))
    return text % {"n": amount} if text else amount


def seats_text(many: int) -> str:
    """Return « 100 seats »."""
    return ngettext("%(n)s seat", "%(n)s seats", many) % {
        "n": number_format(many, force_grouping=True)
    }


def _is_french() -> bool:
    return (get_language() or "en").startswith("fr")
