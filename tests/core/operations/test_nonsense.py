"""Nonsense typed by hand into every form of the new consoles: refused in words, never an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest

from tests.core.operations.operator import operator
from tests.isolation.asking import ask
from tests.isolation.routes import Route, routes
from tests.isolation.world import World, address, furnish

pytestmark = pytest.mark.django_db

REASON = {"reason": "A ticket of today"}
NONSENSE = (
    "", "-1", "0", "9" * 400, "1e999999", "NaN", "²", "0001-01-01", "9999-12-31", "a\x00b",
    "=1+1|<b>'\"\r\nBcc: a@b.example", "x" * 6000, "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
IDENTITY = {
    "legal_name": "Atlas", "siren": "793102450", "vat_id": "FR85793102450",
    "email": "a@atlas.example", "line1": "7 rue des Forges", "line2": "", "postal_code": "69007",
    "city": "Lyon", "country": "FR",
}  # fmt: skip
TEXTS = {
    "name_fr": "Nom", "name_en": "Name", "summary_fr": "", "summary_en": "", "position": "1",
    "is_listed": "on",
}  # fmt: skip
BUYER = {
    "name": "Ann",
    "line1": "",
    "postal_code": "",
    "city": "",
    "way": "sandbox",
    "agreed": "on",
}
ENTRY = {
    "kind": "other", "title": "Service", "summary": "", "tax_code": "standard",
    "is_on_sale": "on", "price": "25",
}  # fmt: skip
METER = {
    "trial_days": "14", "past_due_days": "7", "grace_days": "7", "read_only_days": "30",
    "keep_days": "90", "modules": "quiz", "f0_on": "on", "f1_mode": "amount", "f1_amount": "5",
}  # fmt: skip

# What each page takes, with values that make sense: one of them at a time is replaced.
FORMS: dict[str, dict[str, str]] = {
    "operations:support": {"subject": "A question", "message": "Something does not work."},
    "operations:export": {},
    "operations:plan_new": {"key": "new", **TEXTS, **REASON},
    "operations:first_prices": REASON,
    "operations:plan": {**TEXTS, **REASON},
    "operations:plan_new_version": REASON,
    "operations:plan_edit": {**METER, **REASON},
    "operations:plan_window": {"sold_from": "2027-01-01", "sold_until": "2027-12-31", **REASON},
    "operations:plan_price": {
        "currency": "EUR", "interval": "month", "model": "tiered", "amount": "10", "is_free": "",
        "included_seats": "5", "tiers": "50 3.90\n* 3", **REASON,
    },
    "operations:plan_price_stop": REASON,
    "operations:plan_move": {"target": "", "notice": "2027-01-01", **REASON},
    "operations:plan_keep": REASON,
    "operations:coupons": {
        "code": "LESS20", "percent": "20", "amount": "", "currency": "EUR",
        "duration": "repeating", "months": "3", "max_redemptions": "5",
        "last_day": "2027-01-01", **REASON,
    },
    "operations:coupon_switch": REASON,
    "operations:payment": {
        "amount": "1", "is_part": "on", "received_on": "2026-11-01", "reference": "V1", **REASON,
    },
    "operations:payment_retry": REASON,
    "operations:statements": {"file": ""},
    "operations:statement": {"digest": ""},
    "operations:suspend": REASON,
    "operations:resume": {},
    "operations:space_plan": {"version": "", "until": "2027-01-01", **REASON},
    "operations:space_give": {
        "feature": "ai.tokens", "amount": "5", "until": "2027-01-01", **REASON,
    },
    "operations:licence_extend": {"until": "2027-01-01", **REASON},
    "operations:licence_end": REASON,
    "operations:view_space": {"role": "admin", "email": "", **REASON},
    "operations:reseller_terms": {"discount": "25", "mode": "wholesale"},
    "operations:reseller_price": {"cost": "40", "lowest": "49", "highest": "69"},
    "operations:reseller_payout": {"currency": "EUR", "reference": "V1"},
    "operations:view_client": {"role": "admin", "email": "", **REASON},
    "reseller:client_new": {
        "key": "8ab0cb5a-4a0f-4c4e-8f0a-6f2a4c1f6a11", "name": "Campus Atlas",
        "slug": "campus-atlas", "kind": "school", "locale": "fr", "email": "d@atlas.example",
        "plan": "", "template": "",
    },
    "reseller:brand": {
        "primary": "#1e40af", "accent": "#0f766e", "legal_footer": "Atlas", "sender": "",
        "support_email": "help@atlas.example", "lock_primary": "on", "lock_logo": "",
        "logo_remove": "", "use_primary": "", "logo": "",
    },
    "reseller:brand_restore": {},
    "reseller:health_client": {"module": "quiz", "days": "14", **REASON},
    "reseller:catalogue_price": {"amount": "55"},
    "reseller:catalogue_module": {"hidden": "1"},
    "reseller:invoice_paid": {"reference": "V1"},
    "billing:beyond": {"feature": "ai.tokens", "cap": "50"},
    "billing:details": {**IDENTITY, "next": "/console/"},
    "billing:methods": {"provider": "sandbox", "portal": ""},
    "billing:card_replace": {"number": "4242424242424242"},
    "billing:checkout": {"interval": "month", "seats": "100", "coupon": ""},
    "billing:quote": {},
    "billing:pay": {},
    "billing:order": {},
    "billing:order_pay": {},
    "billing:order_cancel": {},
    "billing:sandbox": {"number": "4242424242424242"},
    "billing:sandbox_confirm": {"answer": "accept"},
    "billing:change_plan": {"offer": ""},
    "billing:change_seats": {"seats": "120"},
    "billing:cancel": {},
    "billing:undo_cancel": {},
    "billing:undo_change": {},
    "billing:change": {},
    "billing:invoice_pay": {},
    "licensing:seat_policy": {"licence": "", "policy": "manual"},
    "licensing:seat_assign": {"licence": "", "email": "ann@atlas.example"},
    "licensing:seat_release": {"licence": "", "person": ""},
    "sales:entry": {**BUYER, "shown": "2500 EUR", "key": str(uuid4())},
    "sales:order": {},
    "sales:pay": {},
    "sales:cancel": {},
    "sales:card": {"number": "4242424242424242"},
    "sales:confirm": {"answer": "accept"},
    "sales:sale": {},
    "sales:refund": {"key": str(uuid4()), "amount": "5", "reason": "A mistake"},
    "sales:mark_paid": {"day": "2026-11-01", "reference": "V1"},
    "sales:deliver": {},
    "sales:sale_cancel": {},
    "sales:entry_new": ENTRY,
    "sales:entry_edit": ENTRY,
    "sales:seller": {
        **IDENTITY, "currency": "EUR", "vat": "french", "own_rate": "20", "terms": "",
        "has_training_exemption": "", "takes_transfers": "on", "transfer_days": "14",
        "iban": "FR7630006000011234567890189", "bic": "",
    },
    "sales:connect": {},
    "marketplace:module_trial": {},
    "marketplace:module_switch": {"state": "off"},
    "marketplace:module_settings": {"value": "1"},
    "marketplace:module_rate": {"stars": "5", "text": "Useful", "withdraw": ""},
    "marketplace:module_uninstall": {},
    "marketplace:module_export": {},
    "marketplace:module_keep": {},
    "marketplace:listings_sync": {},
    "marketplace:listing_move": {"state": "delisted", "note": "A reason"},
    "marketplace:listing_texts": {"text_en": "Text", "text_fr": "Texte", "tags": "a, b"},
    "marketplace:listing_stop": REASON,
    "marketplace:listing_release": {},
    "marketplace:screenshot_add": {"picture": "", "alt_en": "a", "alt_fr": "a", "language": "en"},
    "marketplace:screenshot_change": {"action": "up"},
    "marketplace:rating_answer": {"text": "Thanks"},
    "marketplace:publisher": {
        "name": "Tremplin", "website": "https://a.example", "support_email": "a@a.example",
        "security_email": "a@a.example", "share_percent": "20",
    },
}  # fmt: skip
NAMESPACES = ("operations", "reseller", "billing", "licensing", "sales", "marketplace")
# Query parameters that mean something, all sent at once.
ASKED = ("month", "page", "q", "view", "state", "currency", "measure", "plan", "kind", "offer",
         "interval", "rhythm", "target", "notice", "name", "next", "category", "price")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """The furnished client of a reseller, and who is where."""

    world: World
    facts: dict[str, str]
    own: dict[str, dict[str, str]]
    hosts: dict[str, str]
    cookies: dict[str, str]

    def send(self, route: Route, data: dict[str, str] | None, query: str = "") -> Any:
        who = _who(route)
        world = replace(self.world, ids={**self.world.ids, **self.own.get(route.name, {})})
        path = address(route.name, route.pattern, world) + query
        method = "GET" if data is None else "POST"
        return ask(self.hosts[who], method, path, cookie=self.cookies[who], data=data, watched="")


def _who(route: Route) -> str:
    name, _colon, page = route.name.partition(":")
    if route.text.startswith("platform/"):
        return "hq"
    if route.text.startswith("reseller/"):
        return "reseller"
    return "learner" if (name, route.access) == ("sales", "sales.buy") else "admin"


@pytest.fixture
def stage(tenant_a: Any, hq: Any, space: Any, inside: Any, client_for: Any, settings: Any) -> Stage:
    from tests.core.billing.engine.conftest import identify
    from tests.core.operations.reseller_money.conftest import sold_by
    from tremplin.billing import services

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    reseller = space("passerelle")
    identify(reseller)
    services.set_book(reseller, discount_percent=25)
    client = sold_by(tenant_a, reseller)
    world = furnish(client, hq)
    cookies = dict(world.cookies)
    for who, place, role in (
        ("hq", hq, "platform_admin"), ("reseller", reseller, "reseller_owner"),
    ):  # fmt: skip
        browser = operator(place, role, inside, client_for)
        cookies[who] = browser.cookies["sessionid"].value
    hosts = {"hq": hq.primary_host, "reseller": reseller.primary_host}
    world_facts, own = _more(world, reseller, hq)
    hosts |= dict.fromkeys(("admin", "learner"), world.host)
    return Stage(world, world_facts, own, hosts, cookies)


def _more(world: World, reseller: Any, hq: Any) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return values for fields, and ids of what a page needs in another state than the world's."""
    from tenants.branding import presets
    from tenants.context import use
    from tests.core.billing.engine.conftest import make_price, purchase
    from tremplin.billing import guards
    from tremplin.billing.models import Invoice
    from tremplin.licensing.models import Plan
    from tremplin.operations.plans import services as plans

    plan = Plan.objects.get(pk=world.ids["plan"])
    with use(hq):
        draft = {"plan_version": str(plans.new_version(plan, reason="A new year").pk)}
    module = make_price("module-other", 1_000, module="other")
    with mock.patch.object(guards, "_guards", []):  # the marketplace sells no such module
        order = purchase(world.tenant, module)
    transfer = {"invoice": str(Invoice.objects.get(order=order).pk)}
    preset = presets.publish(
        reseller, presets.PresetValues(primary="#1e40af"), frozenset(), author=None
    )
    trade = {"space": str(reseller.uuid)}
    own = {
        "operations:plan_edit": draft,
        "operations:plan_window": draft,
        "operations:payment": transfer,
        "reseller:invoice_paid": transfer,
        "reseller:brand_restore": {"brand_number": str(preset.number)},
        "operations:reseller": trade,
        "operations:reseller_terms": trade,
        "operations:reseller_price": trade,
        "operations:reseller_payout": trade,
    }
    facts = {
        "version": world.ids["plan_version"],
        "target": draft["plan_version"],
        "offer": world.ids["price"],
        "person": world.ids["person"],
        "licence": world.ids["licence"],
        "plan": plan.key,
    }
    return facts, own


def _routes(namespace: str) -> Iterator[Route]:
    for route in routes():
        known = route.name.partition(":")[0] == namespace
        if known and not route.name.startswith("operations:start"):
            yield route


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_nonsense_is_never_an_error(stage: Stage, namespace: str) -> None:
    broken: dict[str, str] = {}
    for route in _routes(namespace):
        if route.name not in FORMS:
            continue
        form = {name: said or stage.facts.get(name, "") for name, said in FORMS[route.name].items()}
        tries = [form] + [
            {**form, field: wrong} for field in form for wrong in NONSENSE if form[field] != wrong
        ]
        for data in tries:
            asked = stage.send(route, data)
            if asked.status >= 500:
                changed = {key: data[key][:60] for key in data if data[key] != form[key]}
                broken[f"{route.name} {changed}"] = asked.error[-700:]
    assert broken == {}


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_nonsense_in_the_address_is_never_an_error(stage: Stage, namespace: str) -> None:
    from urllib.parse import urlencode

    broken: dict[str, str] = {}
    for route in _routes(namespace):
        for wrong in (*NONSENSE, "9999-12", "0001-01", "2999-12", "-9" * 30):
            query = "?" + urlencode(dict.fromkeys(ASKED, wrong))
            asked = stage.send(route, None, query)
            if asked.status >= 500:
                broken[f"{route.name} {wrong[:60]!r}"] = asked.error[-700:]
    assert broken == {}


def test_every_address_that_takes_a_form_is_tried(stage: Stage) -> None:
    """An empty form is refused or accepted by the pages above only; the others show themselves."""
    taking = {
        route.name: status
        for namespace in NAMESPACES
        for route in _routes(namespace)
        if route.name not in FORMS
        and (status := stage.send(route, {}).status) not in {200, 404, 405}
    }
    assert taking == {}
    known = {route.name for namespace in NAMESPACES for route in _routes(namespace)}
    assert set(FORMS) - known == set()
