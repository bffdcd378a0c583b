"""The catalogue of a reseller: prices inside the range, hidden modules, nobody else's book."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.core.operations.reseller_money.conftest import Trade
from tremplin.billing import guards, pricing, services
from tremplin.billing.errors import BadAmount, PriceOutOfRange
from tremplin.billing.models import Price, PriceBookEntry
from tremplin.kernel.models import AuditEvent
from tremplin.marketplace import services as marketplace

Shop = Callable[..., Price]
SignedIn = Callable[..., Any]
Inside = Callable[..., Any]
pytestmark = pytest.mark.django_db
CATALOGUE = "/reseller/catalogue/"


@pytest.fixture
def interview(trade: Trade, shop: Shop) -> Price:
    """A module at 59 EUR that may be sold between 49 and 69 EUR."""
    price = shop("module-interview", 5900, module="interview")
    services.set_range(trade.reseller, price, lowest=4900, highest=6900)
    return price


@pytest.fixture
def owner(trade: Trade, signed_in: SignedIn) -> Any:
    return signed_in(trade.reseller, "reseller_owner")


def _address(price: Price) -> str:
    return f"{CATALOGUE}prices/{price.pk}/"


def test_55_euros_is_asked_from_the_clients_alone(
    trade: Trade, interview: Price, owner: Any, inside: Inside
) -> None:
    page = owner.get(CATALOGUE).content.decode()
    assert "EUR\u00a049.00 to EUR\u00a069.00" in page
    answer = owner.post(_address(interview), {"amount": "55"}, follow=True)
    assert (answer.status_code, answer.redirect_chain) == (200, [(CATALOGUE, 302)])
    assert "Your clients pay EUR\u00a055.00 from now on." in answer.content.decode()
    offered = pricing.offer(trade.client, interview)
    assert (offered.amount_minor, offered.cost_minor, offered.margin_minor) == (5500, 4425, 1075)
    assert pricing.offer(trade.stranger, interview).amount_minor == 5900
    with inside(trade.reseller):
        event = AuditEvent.objects.get(kind="reseller.price_set")
    assert (event.target, event.data) == (
        f"price:{interview.pk}", {"retail_minor": 5500, "currency": "EUR"},
    )  # fmt: skip
    # Nothing typed: the public price again.
    owner.post(_address(interview), {"amount": ""})
    assert pricing.offer(trade.client, interview).amount_minor == 5900


@pytest.mark.parametrize("amount", ["70", "69,01", "48.99", "0", "-5", "999999999"])
def test_an_amount_outside_the_range_is_refused_with_the_range(
    trade: Trade, interview: Price, owner: Any, amount: str
) -> None:
    answer = owner.post(_address(interview), {"amount": amount})
    assert answer.status_code == 422
    assert "The price must be between EUR\u00a049.00 and EUR\u00a069.00." in answer.content.decode()
    french = owner.post(_address(interview), {"amount": amount}, headers={"accept-language": "fr"})
    assert french.status_code == 422
    assert pricing.offer(trade.client, interview).amount_minor == 5900


def test_the_refusal_is_french_for_french_readers(
    trade: Trade, interview: Price, inside: Inside, client_for: Callable[..., Any]
) -> None:
    from tremplin.identity import mfa
    from tremplin.identity.services import create_person

    with inside(trade.reseller):
        person = create_person(
            email="julie@passerelle.example", first_name="Julie", last_name="Roux",
            roles=["reseller_owner"], locale="fr",
        )  # fmt: skip
        mfa.enrol_totp(person, "JBSWY3DPEHPK3PXP")
    browser = client_for(trade.reseller, person)
    answer = browser.post(_address(interview), {"amount": "70"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Le prix doit être compris entre 49,00\u202fEUR et 69,00\u202fEUR." in page
    # What was typed stays, and so does a comma.
    assert 'value="70"' in page
    browser.post(_address(interview), {"amount": "55,5"})
    assert pricing.offer(trade.client, interview).amount_minor == 5550
    assert 'value="55,50"' in browser.get(CATALOGUE).content.decode()


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("55.555", "Use at most 2 decimals."),
        ("1,900", "Use at most 2 decimals."),
        ("cheap", "Enter an amount in figures, like 55 or 55.50."),
        ("5e3", "Enter an amount in figures, like 55 or 55.50."),
        ("٥٥", "Enter an amount in figures, like 55 or 55.50."),
        ("1" * 21, "Ensure this value has at most 20 characters (it has 21)."),
        ("1234567890", "Enter an amount in figures, like 55 or 55.50."),
    ],
)
def test_what_is_no_amount_is_refused(
    trade: Trade, interview: Price, owner: Any, amount: str, text: str
) -> None:
    answer = owner.post(_address(interview), {"amount": amount})
    assert answer.status_code == 422
    assert text in answer.content.decode()
    assert PriceBookEntry.objects.get(price=interview).retail_minor is None


def test_without_range_nothing_and_less_are_refused(trade: Trade, shop: Shop, owner: Any) -> None:
    price = shop("pro", 19000)
    for amount in ("0", "-1", "0,00"):
        answer = owner.post(_address(price), {"amount": amount})
        assert answer.status_code == 422
        assert "Enter an amount above zero." in answer.content.decode()
    owner.post(_address(price), {"amount": "0.01"})
    assert pricing.offer(trade.client, price).amount_minor == 1
    francs = shop("afrique", 15000, currency="XOF")
    answer = owner.post(_address(francs), {"amount": "15000.5"})
    assert answer.status_code == 422
    assert "XOF has no decimals: enter a whole number." in answer.content.decode()
    owner.post(_address(francs), {"amount": "16\u202f000"})
    assert pricing.offer(trade.client, francs).amount_minor == 16000


def test_what_the_platform_narrows_is_followed(trade: Trade, interview: Price) -> None:
    services.set_retail(trade.reseller, interview, 6900)
    services.set_range(trade.reseller, interview, lowest=4900, highest=6000)
    assert pricing.offer(trade.client, interview).amount_minor == 6000
    services.set_range(trade.reseller, interview, lowest=6200, highest=None)
    assert pricing.offer(trade.client, interview).amount_minor == 6200


def test_a_commission_is_never_below_what_the_platform_is_due(trade: Trade, shop: Shop) -> None:
    price = shop("pro", 19000)
    services.set_retail(trade.reseller, price, 10000)
    services.set_book(trade.reseller, discount_percent=Decimal(25), mode="commission")
    with pytest.raises(PriceOutOfRange) as refused:
        services.set_retail(trade.reseller, price, 14249)
    assert refused.value.extra == {"min_minor": 14250, "max_minor": None, "currency": "EUR"}
    services.set_retail(trade.reseller, price, 14250)
    with pytest.raises(BadAmount):
        services.set_retail(trade.rival, price, 0)


def test_a_price_that_is_not_sold_is_no_address(
    trade: Trade, shop: Shop, interview: Price, owner: Any, signed_in: SignedIn
) -> None:
    from tenants.context import public_write

    for key in (uuid4(), trade.client.uuid):
        assert owner.post(f"{CATALOGUE}prices/{key}/", {"amount": "55"}).status_code == 404
    with public_write("test"):
        Price.objects.filter(pk=interview.pk).update(is_active=False)
    assert owner.post(_address(interview), {"amount": "55"}).status_code == 404
    assert owner.post(f"{CATALOGUE}modules/nothing/", {"hidden": "1"}).status_code == 404
    assert owner.get(_address(interview)).status_code == 405


def test_each_reseller_has_its_own_book(
    trade: Trade, interview: Price, owner: Any, signed_in: SignedIn
) -> None:
    """The same address in another reseller's space changes the book of that one alone."""
    other = signed_in(trade.rival, "reseller_owner")
    other.post(_address(interview), {"amount": "99"})
    assert pricing.offer(trade.stranger, interview).amount_minor == 9900
    assert pricing.offer(trade.client, interview).amount_minor == 5900
    owner.post(_address(interview), {"amount": "55"})
    assert pricing.offer(trade.stranger, interview).amount_minor == 9900


def test_who_may_see_and_who_may_set(
    trade: Trade, interview: Price, signed_in: SignedIn, client_for: Callable[..., Any]
) -> None:
    staff = signed_in(trade.reseller, "reseller_staff")
    page = staff.get(CATALOGUE)
    assert page.status_code == 200
    assert "price-save" not in page.content.decode()
    assert staff.post(_address(interview), {"amount": "55"}).status_code == 403
    assert staff.post(f"{CATALOGUE}modules/quiz/", {"hidden": "1"}).status_code == 403
    assert signed_in(trade.client, "admin").get(CATALOGUE).status_code == 404
    assert client_for(trade.reseller).get(CATALOGUE).status_code == 302


def test_a_hidden_module_is_out_of_reach_for_clients(
    trade: Trade,
    shop: Shop,
    owner: Any,
    signed_in: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guards, "_guards", [marketplace.guard_sale])
    price = shop("module-quiz", 1900, module="quiz")
    admin, stranger = signed_in(trade.client, "admin"), signed_in(trade.stranger, "admin")
    assert admin.get("/console/modules/quiz/").status_code == 200
    answer = owner.post(f"{CATALOGUE}modules/quiz/", {"hidden": "1"}, follow=True)
    assert "Quiz is hidden: your clients cannot try or buy it." in answer.content.decode()
    assert 'data-testid="hidden-quiz"' in answer.content.decode()

    assert admin.get("/console/modules/quiz/").status_code == 404
    assert 'data-testid="module-quiz"' not in admin.get("/console/modules/").content.decode()
    assert admin.post("/console/modules/quiz/trial/").status_code in {302, 404, 409}
    bought = _buy(admin)
    assert (bought.status_code, bought.json()["code"]) == (422, "hidden")
    checkout = admin.get(f"/console/billing/buy/{price.plan_version_id}/")
    assert checkout.status_code in {302, 404}
    from tremplin.billing.models import Order
    from tremplin.licensing.models import License

    assert not License.objects.filter(tenant_id=trade.client.pk).exists()
    assert not Order.objects.filter(tenant_id=trade.client.pk).exists()
    # The other reseller's client buys it as before.
    assert stranger.get("/console/modules/quiz/").status_code == 200
    assert _buy(stranger).status_code == 201

    owner.post(f"{CATALOGUE}modules/quiz/", {"hidden": "0"})
    assert admin.get("/console/modules/quiz/").status_code == 200
    assert _buy(admin).status_code == 201
    assert owner.post(f"{CATALOGUE}modules/quiz/", {"hidden": "maybe"}).status_code == 422


def _buy(browser: Any) -> Any:
    return browser.post(
        "/api/v1/billing/purchases",
        {"lines": [{"plan": "module-quiz"}]},
        content_type="application/json",
        headers={"idempotency-key": str(uuid4())},
    )
