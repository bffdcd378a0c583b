"""How clients do: alerts with exact figures, totals only, nobody's name, nobody else's client."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from tenants.context import public_write
from tests.core.billing.engine.conftest import purchase
from tests.core.operations.reseller_money.conftest import NOON, Trade
from tremplin.billing import engine, services
from tremplin.billing.models import Invoice, Price
from tremplin.licensing import services as licensing
from tremplin.licensing.models import License, UsageEvent
from tremplin.operations.reseller import health
from tremplin.testing import freeze

Shop = Callable[..., Price]
SignedIn = Callable[..., Any]
Inside = Callable[..., Any]
pytestmark = pytest.mark.django_db


def _alerts(trade: Trade) -> list[tuple[str, str, str]]:
    (row,) = health.of(trade.reseller)
    return [(alert.kind, alert.variant, alert.text) for alert in row.alerts]


def _seated(trade: Trade, used: int) -> None:
    with public_write("test"):
        License.objects.filter(tenant_id=trade.client.pk).update(seats_used=used)


def test_eighty_percent_of_the_seats_and_all_of_them(trade: Trade, shop: Shop) -> None:
    with freeze(NOON):
        purchase(trade.client, shop("pro", 19000, seats=50))
        _seated(trade, 39)
        assert _alerts(trade) == []
        _seated(trade, 40)
        assert _alerts(trade) == [("seats", "warning", "40 of 50 seats are taken.")]
        _seated(trade, 50)
        assert _alerts(trade) == [("seats_full", "warning", "No seat left: 50 of 50.")]
        _seated(trade, 53)
        with public_write("test"):
            License.objects.filter(tenant_id=trade.client.pk).update(is_over_limit=True)
        assert _alerts(trade) == [("over_limit", "destructive", "3 people more than seats.")]


def test_a_late_payment_and_a_subscription_that_ends(trade: Trade, shop: Shop) -> None:
    with freeze(NOON):
        sub = purchase(trade.client, shop("pro", 19000)).subscription
        assert sub is not None
    with freeze(datetime.fromisoformat("2026-12-06T12:00:00+01:00")):
        engine.run_due()
        services.cancel(sub)
        (row,) = health.of(trade.reseller)
        first = Invoice.objects.filter(tenant_id=trade.client.pk).order_by("finalised_at").first()
        assert first is not None
        assert (row.late_minor, first.total_minor) == (22800, 22800)
        assert _alerts(trade) == [
            ("past_due", "warning", "A payment is late."),
            ("late", "warning", "EUR\u00a0228.00 past due."),
            ("leaving", "warning", "Cancelled: the subscription ends on 3 January."),
        ]
    with freeze(datetime.fromisoformat("2026-12-18T12:00:00+01:00")):
        assert _alerts(trade)[0] == (
            "grace", "destructive", "A payment is late: read-only within a week.",
        )  # fmt: skip


def test_a_trial_that_ends_within_the_week(trade: Trade) -> None:
    with freeze(NOON):
        licensing.start_trial(trade.client, "quiz", days=14)
        assert [alert for alert in _alerts(trade) if alert[0] == "trial"] == []
    with freeze(NOON + timedelta(days=8)):
        assert ("trial", "info", "The trial of Quiz ends on 17 November.") in _alerts(trade)
    with freeze(NOON + timedelta(days=15)):
        (row,) = health.of(trade.reseller)
        assert row.trials == ()


def _count(trade: Trade, units: int, at: datetime, person: str = "") -> None:
    with public_write("test"):
        UsageEvent.objects.create(
            tenant_id=trade.client.pk, feature="interview.sessions", subject=person,
            quantity=units, idempotency_key=uuid4(), at=at,
        )  # fmt: skip


def test_use_is_added_up_over_the_whole_space(trade: Trade) -> None:
    people = [str(uuid4()), str(uuid4())]
    for person in people:
        _count(trade, 3, NOON - timedelta(days=2), person)
    _count(trade, -1, NOON - timedelta(days=1), people[0])
    _count(trade, 4, NOON - timedelta(days=40), people[1])
    _count(trade, 100, NOON - timedelta(days=61), people[1])
    with freeze(NOON):
        (row,) = health.of(trade.reseller)
        assert [(used.units, used.before) for used in row.used] == [(5, 4)]
        assert row.last_use == (NOON - timedelta(days=2)).date()
    with freeze(NOON + timedelta(days=29)):
        assert ("quiet", "info", "Nothing counted was used for 30 days.") in _alerts(trade)


def test_the_worst_comes_first_in_a_constant_number_of_queries(
    trade: Trade, shop: Shop, django_assert_max_num_queries: Any
) -> None:
    from tests.core.operations.reseller_money.conftest import sold_by

    with freeze(NOON):
        price = shop("pro", 19000, seats=50)
        purchase(trade.client, price)
        moved = sold_by(trade.stranger, trade.reseller)
        purchase(moved, price)
        _seated(trade, 45)
        with django_assert_max_num_queries(16):
            rows = health.of(trade.reseller)
    assert [row.figures.tenant.pk for row in rows] == [trade.client.pk, moved.pk]


def _pages(trade: Trade) -> list[str]:
    """Every page of the reseller's console that is read, with this client behind each id."""
    from tremplin.operations.reseller.urls import urlpatterns

    known = {
        "client": str(trade.client.uuid),
        "price": str(Price.objects.first().pk),  # type: ignore[union-attr]
        "slug": "quiz",
        "number": 1,
        "invoice": str(Invoice.objects.filter(tenant_id=trade.client.pk).first().pk),  # type: ignore[union-attr]
    }
    found = []
    for pattern in urlpatterns:
        names = pattern.pattern.converters
        found.append(
            reverse(f"reseller:{pattern.name}", kwargs={name: known[name] for name in names})
        )
    return found


def test_no_page_names_anybody_of_a_client(
    trade: Trade, shop: Shop, signed_in: SignedIn, inside: Inside
) -> None:
    """Names, addresses and ids of people never leave their space, nor another reseller's client."""
    from tremplin.identity.models import User
    from tremplin.identity.services import create_person

    with inside(trade.client):
        for number in range(3):
            person = create_person(
                email=f"secret{number}@people.example", first_name="Zéphyrine",
                last_name=f"Quibolle{number}", roles=["learner"], locale="fr",
            )  # fmt: skip
            _count(trade, 1, NOON, str(person.pk))
        hidden = [str(user.pk) for user in User.objects.all()]
        hidden += list(User.objects.values_list("email", flat=True))
    hidden += ["Zéphyrine", "Quibolle", "secret", trade.stranger.name, str(trade.stranger.uuid)]
    with freeze(NOON):
        purchase(trade.client, shop("pro", 19000, seats=50))
        purchase(trade.stranger, shop("expert", 29000))
        owner = signed_in(trade.reseller, "reseller_owner")
        seen = 0
        for address in _pages(trade):
            answer = owner.get(address)
            if answer.status_code == 405:
                continue
            assert answer.status_code in {200, 302, 404}, address
            content = answer.content.decode("utf-8", errors="replace")
            leaked = [text for text in hidden if text in content]
            assert leaked == [], address
            seen += answer.status_code == 200
    assert seen >= 9


def test_another_s_client_is_no_address(trade: Trade, shop: Shop, signed_in: SignedIn) -> None:
    with freeze(NOON):
        purchase(trade.stranger, shop("pro", 19000))
        owner = signed_in(trade.reseller, "reseller_owner")
        for address in (
            f"/reseller/health/{trade.stranger.uuid}/",
            f"/reseller/health/{trade.reseller.uuid}/",
            f"/reseller/health/{uuid4()}/",
        ):
            assert owner.get(address).status_code == 404
        assert owner.get(f"/reseller/health/{trade.client.uuid}/").status_code == 200
        school = signed_in(trade.client, "admin")
        for pattern in ("health/", "catalogue/", "statement/", "statement/csv/", "invoices/"):
            assert school.get(f"/reseller/{pattern}").status_code == 404
        page = owner.get("/reseller/health/").content.decode()
    # Counters of the database never show.
    assert not re.search(rf'data-[a-z]+="{trade.client.pk}"', page)
