"""Selling modules: by their own plan, delisted, stopped; and the publisher's part."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.core.billing.engine.conftest import card, identify, make_price, purchase

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo
    from tremplin.billing.models import Price
    from tremplin.marketplace.models import Listing

pytestmark = pytest.mark.usefixtures("listed")


@pytest.fixture
def quiz_price(tenant_a: TenantInfo, tenant_b: TenantInfo) -> Price:
    """The module quiz alone: 19 EUR a month."""
    from tremplin.licensing import snapshots

    snapshots.forget()
    identify(tenant_a, tenant_b)
    return make_price("quiz-alone", 1900, module="quiz")


def listing() -> Listing:
    """Return the listing of the quiz."""
    from tremplin.marketplace.models import Listing

    return Listing.objects.get(pk="quiz")


def test_a_module_is_bought_alone_and_its_trial_converts(
    quiz_price: Price, tenant_a: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.kernel import gate
    from tremplin.licensing.models import License, Trial

    admin = admin_of(tenant_a)
    page = admin.get("/console/modules/quiz/").content.decode()
    assert page.count('data-testid="buy-quiz-alone"') == 1
    admin.post("/console/modules/quiz/trial/")
    card(tenant_a, quiz_price)
    held = License.objects.exclude(state="ended").get(tenant_id=tenant_a.pk, module="quiz")
    assert (held.source, held.state) == ("subscription", "active")
    assert Trial.objects.get(tenant_id=tenant_a.pk).converted_at is not None
    assert gate.mode(tenant_a, "quiz") == "on"


def test_a_delisted_module_is_sold_no_more_and_stays_where_it_is(
    quiz_price: Price, tenant_a: TenantInfo, tenant_b: TenantInfo, admin_of: Callable[..., Client]
) -> None:
    from tremplin.api import Problem
    from tremplin.kernel import gate
    from tremplin.marketplace import reviewing

    holder, other = admin_of(tenant_a), admin_of(tenant_b)
    holder.post("/console/modules/quiz/trial/")
    reviewing.move(listing(), "suspended", by=None, note="Sales stop")
    assert gate.mode(tenant_a, "quiz") == "on"
    assert holder.get("/console/modules/quiz/").status_code == 200
    assert other.get("/console/modules/quiz/").status_code == 404
    assert 'data-testid="module-quiz"' not in other.get("/console/modules/").content.decode()
    with pytest.raises(Problem) as refused:
        purchase(tenant_b, quiz_price)
    assert (refused.value.status, refused.value.code) == (409, "module_not_on_sale")
    reviewing.move(listing(), "published", by=None)
    assert other.get("/console/modules/quiz/").status_code == 200


def test_a_security_stop_switches_off_everywhere_with_a_notice(
    quiz_price: Price,
    tenant_a: TenantInfo,
    tenant_b: TenantInfo,
    admin_of: Callable[..., Client],
    inside: Callable[..., object],
) -> None:
    from tremplin.api import Problem
    from tremplin.kernel import gate
    from tremplin.marketplace import reviewing
    from tremplin.notifications.models import Notification

    holder = admin_of(tenant_a)
    admin_of(tenant_b)
    holder.post("/console/modules/quiz/trial/")
    assert reviewing.stop(listing(), by=None, reason="A hole in the import") == 1
    assert reviewing.stop(listing(), by=None, reason="Again") == 0
    assert gate.mode(tenant_a, "quiz") == "off"
    told = {}
    for tenant in (tenant_a, tenant_b):
        with inside(tenant):  # type: ignore[attr-defined]
            told[tenant.slug] = Notification.objects.filter(key="marketplace.security_stop").count()
    # The administrator of the test and the owner of the space; nobody where it was off.
    assert told == {"mecaformation": 2, "lycee": 0}
    holder.post("/console/modules/quiz/switch/", {"state": "on"})
    assert gate.mode(tenant_a, "quiz") == "off"
    with pytest.raises(Problem) as refused:
        purchase(tenant_b, quiz_price)
    assert refused.value.code == "module_stopped"
    assert reviewing.release(listing(), by=None) == 1
    assert gate.mode(tenant_a, "quiz") == "on"


def test_a_publisher_earns_its_part_of_the_net(quiz_price: Price, tenant_a: TenantInfo) -> None:
    from tenants.context import public_write
    from tremplin.billing import ledger
    from tremplin.billing.models import Invoice, LedgerEntry
    from tremplin.marketplace import statements
    from tremplin.marketplace.models import Publisher

    with public_write("test"):
        publisher = Publisher.objects.create(
            slug="atelier", name="Atelier", share_percent=Decimal(70)
        )
        found = listing()
        found.publisher = publisher
        found.save()
    subscription = card(tenant_a, quiz_price)
    invoice = Invoice.objects.get(subscription=subscription)
    parts = dict(
        LedgerEntry.objects.filter(invoice=invoice, kind="sale").values_list(
            "party", "amount_minor"
        )
    )
    # 19.00 before VAT: 13.30 for the publisher, 5.70 for the platform, 3.80 of VAT.
    assert parts == {"publisher": 1330, "platform": 570, "tax": 380, "customer": -2280}
    assert ledger.balance(invoice) == 0
    assert invoice.issued_on is not None
    month = invoice.issued_on.replace(day=1)
    statement = statements.of(publisher, month)
    assert statement.totals == {"EUR": 1330}
    assert statements.as_csv(statement).splitlines()[1].split(",")[-4:] == [
        "19.00", "13.30", "EUR", "sale",
    ]  # fmt: skip
    assert statements.of(publisher, statements.next_month(month)).totals == {}


def test_our_own_modules_share_with_nobody() -> None:
    from tremplin.marketplace import statements

    assert statements.share_of("quiz") is None
    assert statements.share_of("nothing") is None
