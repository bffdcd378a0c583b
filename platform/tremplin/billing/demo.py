"""What the demo world sells and has sold: prices, the reseller's book, three subscriptions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from tenants import registry
from tenants.context import use
from tremplin.api import services as platform
from tremplin.billing import services
from tremplin.billing.invoicing import numbering
from tremplin.billing.models import Invoice, InvoiceSeries, Order, Payment, Price
from tremplin.kernel import clock
from tremplin.licensing import plans_catalogue
from tremplin.licensing.models import PlanVersion
from tremplin.licensing.services import current_version

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

NAMESPACE = UUID("5be0c3f4-7a55-4d6e-9a0e-0a3d7a1f6a10")
# Identities of companies that are not; the numbers pass their control digits.
IDENTITIES: dict[str, dict[str, str]] = {
    "hq": {
        "legal_name": "Tremplin SAS", "siren": "812345676", "vat_id": "FR19812345676",
        "line1": "12 rue de la République", "postal_code": "69002", "city": "Lyon",
    },
    "passerelle": {
        "legal_name": "Passerelle Conseil SARL", "siren": "908765431", "vat_id": "FR46908765431",
        "line1": "3 quai Rambaud", "postal_code": "69002", "city": "Lyon",
    },
    "mecaformation": {
        "legal_name": "MécaFormation Lyon", "siren": "793102450",
        "line1": "7 rue des Forges", "postal_code": "69007", "city": "Lyon",
    },
    "horizon": {
        "legal_name": "Horizon Code School", "siren": "845120369", "vat_id": "FR48845120369",
        "line1": "21 rue du Port", "postal_code": "44000", "city": "Nantes",
    },
    "volteo": {
        "legal_name": "Voltéo Énergie SA", "siren": "845120369", "vat_id": "FR48845120369",
        "line1": "48 avenue de l’Europe", "postal_code": "38000", "city": "Grenoble",
    },
}  # fmt: skip
BANK = {"iban": "FR7630006000011234567890189", "bic": "AGRIFRPP"}
# Seats above those included, per month; a year costs ten months.
EXTRA_SEAT = {"starter": 250, "ecole": 390, "pro": 450, "expert": 450, "entreprise": 390}
MODULE_MONTH = {"quiz": 1900, "cv": 2900, "interview": 5900, "matching": 4900}
OTHER_MODULE_MONTH = 2900
# What the reseller may ask for a module per month, lowest and highest.
RANGES = {"quiz": (1500, 2500), "interview": (4900, 6900)}
# Between which amounts the demo's reseller may sell.
RANGES = {"interview": (4900, 6900), "quiz": (1500, 2500)}
# (day it happened, space, what): replayed in order so that invoice numbers follow the dates.
HISTORY = (
    ("2026-10-05T09:00:00+02:00", "volteo", "buy"),
    ("2026-10-12T10:00:00+02:00", "volteo", "pay"),
    ("2026-11-02T09:00:00+01:00", "mecaformation", "buy"),
    ("2026-11-03T09:00:00+01:00", "horizon", "buy"),
    ("2026-11-05T09:10:00+01:00", "*", "run"),
    ("2026-11-06T10:00:00+01:00", "mecaformation", "pay"),
    ("2026-11-09T10:00:00+01:00", "horizon", "pay"),
)
# What was sold before the demo opens has numbers of its own: a visitor's first is INV-0001.
PAST_SERIES = {"invoice": "OLD-{n:04d}", "credit_note": "OLD-CN-{n:04d}"}
SHORT_TERMS = {"volteo": 10}


def seed(tenant: TenantInfo, world: dict[str, Any], key: str) -> None:
    """Sell the demo's subscriptions once the last space of the file is there."""
    if key != world["tenants"][-1]["key"]:
        return
    plans_catalogue.sync()
    first = datetime.fromisoformat(HISTORY[0][0])
    with platform.tenancy().public_write("demo plans"):
        PlanVersion.objects.filter(number=1, sold_from__gt=first).update(sold_from=first)
    make_prices(world)
    spaces = [registry.hq(), registry.by_slug(world["reseller"]["key"])]
    spaces += [registry.by_slug(space["key"]) for space in world["tenants"]]
    for space in spaces:
        if space is not None:
            _identify(space)
    reseller = registry.by_slug(world["reseller"]["key"])
    if reseller is not None:
        services.set_book(reseller, discount_percent=Decimal(world["reseller"]["margin_percent"]))
        _ranges(reseller)
    _replay(world)


def make_prices(world: dict[str, Any]) -> None:
    """Create the missing prices of plans and modules, in euros, per month and per year."""
    for block in world["platform"]["plans"]:
        extra = EXTRA_SEAT.get(block["key"])
        _prices(block["key"], block["eur_month"] * 100, block["seats"], extra)
    for facts in plans_catalogue.module_plans():
        _prices(facts.key, MODULE_MONTH.get(facts.module, OTHER_MODULE_MONTH), 0, None)


def _prices(plan: str, month_minor: int, seats: int, extra: int | None) -> None:
    version = current_version(plan)
    with platform.tenancy().public_write("prices"):
        for interval, months in (("month", 1), ("year", 10)):
            tiers = [] if extra is None else [{"up_to": None, "unit_minor": extra * months}]
            Price.objects.get_or_create(
                plan_version=version,
                currency="EUR",
                interval=interval,
                is_active=True,
                defaults={
                    "model": Price.Model.FLAT if extra is None else Price.Model.TIERED,
                    "amount_minor": month_minor * months,
                    "included_seats": seats,
                    "tiers": tiers,
                },
            )


def _ranges(reseller: TenantInfo) -> None:
    """Allow each module that the reseller sells alone between two amounts, per month in euros."""
    for module, (lowest, highest) in RANGES.items():
        price = Price.objects.filter(
            plan_version__plan__key=plans_catalogue.module_plan(module),
            interval="month",
            currency="EUR",
            is_active=True,
        ).first()
        if price is not None:
            services.set_range(reseller, price, lowest=lowest, highest=highest)


def _identify(space: TenantInfo) -> None:
    account = services.account_of(space)
    for name, value in IDENTITIES.get(space.slug, {}).items():
        setattr(account, name, value)
    account.terms_days = SHORT_TERMS.get(space.slug, account.terms_days)
    account.provider_refs = {**account.provider_refs, "bank": BANK}
    with platform.tenancy().public_write("demo accounts"):
        account.save()


def _replay(world: dict[str, Any]) -> None:
    from tremplin.billing import engine

    plans = {space["key"]: space["plan"] for space in world["tenants"]}
    is_fresh = not InvoiceSeries.objects.filter(issuer_tenant_id=None).exists()
    if is_fresh:
        for code, template in PAST_SERIES.items():
            numbering.choose_template(None, code, template)
    for moment, slug, action in HISTORY:
        at = datetime.fromisoformat(moment)
        space = registry.by_slug(slug)
        with clock.frozen_at(at):
            if action == "run":
                engine.run_due(at)
            elif space is None:
                continue
            elif action == "buy":
                _buy(space, plans[slug])
            else:
                _pay(space, at)
    engine.run_due()
    if is_fresh:
        for code in PAST_SERIES:
            numbering.close(None, code)
        with platform.tenancy().public_write("demo series"):
            InvoiceSeries.objects.filter(issuer_tenant_id=None, last_number=0).delete()


def _buy(space: TenantInfo, plan: str) -> None:
    key = uuid5(NAMESPACE, f"{space.slug}|{plan}")
    if Order.objects.filter(idempotency_key=key).exists():
        return
    made = services.quote(space, [services.Wanted(current_version(plan), "month")])
    with use(space):
        services.place_order(space, made, by=None, idempotency_key=key, provider="invoice")


def _pay(space: TenantInfo, at: datetime) -> None:
    invoice = (
        Invoice.objects.filter(tenant_id=space.pk, state=Invoice.State.OPEN)
        .order_by("finalised_at")
        .first()
    )
    # Loading the world again must not pay the invoice that is late on purpose.
    was_paid = Payment.objects.filter(account__tenant_id=space.pk, at=at).exists()
    if invoice is not None and not was_paid:
        services.mark_paid(invoice, by=None, at=at, reference=f"VIR {invoice.number}")
