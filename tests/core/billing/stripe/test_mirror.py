"""The operator reads what Stripe sent: every kind answers, nothing secret or personal is shown."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.stripe_world import TEST_KEY, World
from tremplin.billing.stripe import mirror


@pytest.fixture
def operator(world: World, client_for: Any) -> Any:
    """An operator signed in at hq, after a purchase with everything that it makes."""
    from tenants.context import use
    from tremplin.identity.mfa import enrol_totp
    from tremplin.identity.services import create_person

    sub = world.subscribe(world.tenant, world.plan("pro", 19_000))
    assert sub.state == "active"
    with use(world.hq):
        person = create_person(
            email="op@hq.example", roles=["platform_admin"], locale="en",
            password="une-phrase-pour-tester-2026",
        )  # fmt: skip
        enrol_totp(person, "JBSWY3DPEHPK3PXP")
    return client_for(world.hq, person)


def test_every_kind_answers_and_nothing_secret_is_on_it(
    world: World, operator: Any, client_for: Any
) -> None:
    from djstripe.models import WebhookEndpoint

    secrets = set(WebhookEndpoint.objects.values_list("secret", flat=True))
    assert len(secrets) == 2
    assert all(secret.startswith("whsec_") for secret in secrets)
    account = str(world.tenant.email)
    front = operator.get("/platform/stripe/").content.decode()
    counts = dict(re.findall(r'data-testid="mirror-([a-z-]+)">.*?<td class="num">(\d+)', front))
    assert sorted(counts) == sorted(mirror.KINDS)
    assert (counts["customers"], counts["subscriptions"], counts["endpoints"]) == ("1", "1", "2")
    pages = ""
    for slug in mirror.KINDS:
        answer = operator.get(f"/platform/stripe/{slug}/")
        assert answer.status_code == 200, slug
        pages += answer.content.decode()
    assert pages.count('data-testid="mirror-row"') > 15
    for hidden in (*secrets, TEST_KEY, account, "MécaFormation", "rue des Forges", "pay_url"):
        assert hidden not in pages, hidden
    assert not re.search(r"https?://[^&\s]*(?:invoice|receipt|pay)", pages)
    assert not re.search(r"(?:sk|rk|whsec)_[A-Za-z0-9]", pages)
    # What helps to understand is there: ids, states, amounts.
    customer = str(mirror.rows("customers").get().id)
    assert customer in pages
    assert "22800" in pages


def test_an_id_is_found_by_its_beginning(world: World, operator: Any) -> None:
    key = str(mirror.rows("customers").get().id)
    page = operator.get("/platform/stripe/customers/", {"q": key[:8]}).content.decode()
    assert page.count('data-testid="mirror-row"') == 1
    page = operator.get("/platform/stripe/customers/", {"q": "nothing"}).content.decode()
    assert (page.count('data-testid="mirror-row"'), "Nothing has this id" in page) == (0, True)


def test_it_is_the_operators_alone_and_only_to_read(
    world: World, operator: Any, client_for: Any
) -> None:
    from tenants.context import use
    from tremplin.identity.services import create_person

    assert operator.get("/platform/stripe/keys/").status_code == 404
    assert operator.get("/platform/stripe/apikeys/").status_code == 404
    assert operator.post("/platform/stripe/customers/").status_code == 405
    with use(world.tenant):
        admin = create_person(email="nadia@x.example", roles=["admin"])
    stranger = client_for(world.tenant, admin)
    for path in ("/platform/stripe/", "/platform/stripe/customers/"):
        assert stranger.get(path).status_code == 404
        assert client_for(world.hq).get(path).status_code == 302


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"id": "cus_1", "email": "a@b.fr"}, {"id": "cus_1", "email": "••••"}),
        ({"amount": 5, "client_secret": "x"}, {"amount": 5, "client_secret": "••••"}),
        ({"address": {"city": "Lyon", "line2": None}}, {"address": {"city": "••••", "line2": None}}),
        ({"metadata": {"order": "o1", "note": "Zoé"}}, {"metadata": {"order": "o1", "note": "••••"}}),
        ({"card": {"brand": "visa", "last4": "4242"}}, {"card": {"brand": "••••", "last4": "••••"}}),
        ({"hosted_invoice_url": "https://x"}, {"hosted_invoice_url": "••••"}),
        ({"error": "key sk_test_abc refused"}, {"error": "key •••• refused"}),
        ({"lines": [{"description": "Zoé", "amount": 3}]}, {"lines": [{"description": "••••", "amount": 3}]}),
    ],
)  # fmt: skip
def test_masks(value: Any, shown: Any) -> None:
    assert mirror.masked(value) == shown
