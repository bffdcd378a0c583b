"""The stand-in itself: decoding, parameters, idempotency, expansion, clock, faults, signatures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import stripe
from stripe import StripeClient

from tests.support.stripe_server import StripeServer, forms
from tests.support.stripe_server.clock import add
from tests.support.stripe_server.webhooks import signature
from tests.support.stripe_world import TEST_KEY, submit

START = 1_795_248_000  # 2026-11-21 08:00 UTC
DAY = 86_400


@pytest.fixture
def server() -> Iterator[StripeServer]:
    """A running stand-in."""
    found = StripeServer().start()
    yield found
    found.stop()


def client(server: StripeServer, key: str = TEST_KEY) -> StripeClient:
    return StripeClient(
        key,
        stripe_version="2026-05-27.dahlia",
        base_addresses={"api": server.url},
        max_network_retries=0,
    )


@pytest.fixture
def api(server: StripeServer) -> Any:
    """The SDK's operations."""
    return client(server).v1


@pytest.fixture
def price(api: Any) -> Any:
    """Three euros a month."""
    product = api.products.create({"name": "Pro"})
    return api.prices.create(
        {
            "product": product.id,
            "currency": "eur",
            "unit_amount": 300,
            "recurring": {"interval": "month"},
        }
    )


def customer(api: Any, clock: str = "") -> Any:
    body: dict[str, Any] = {"name": "A", "email": "a@example.org", "metadata": {"tenant": "1"}}
    if clock:
        body["test_clock"] = clock
    return api.customers.create(body)


def subscribe(api: Any, price: Any, card: str = "pm_card_visa", **more: Any) -> Any:
    clock = api.test_helpers.test_clocks.create({"frozen_time": START}).id
    buyer = customer(api, clock)
    method = api.payment_methods.attach(card, {"customer": buyer.id})
    body = {
        "customer": buyer.id,
        "items": [{"price": price.id, "quantity": 10}],
        "default_payment_method": method.id,
        **more,
    }
    return api.subscriptions.create(body), clock


# --- protocol -----------------------------------------------------------------------------------


def test_nested_forms_become_objects_and_lists() -> None:
    text = "a[b][0][c]=1&a[b][1][c]=2&d[]=x&d[]=y&e=&metadata[k]="
    assert forms.decode(text) == {
        "a": {"b": [{"c": "1"}, {"c": "2"}]},
        "d": ["x", "y"],
        "e": "",
        "metadata": {"k": ""},
    }


@pytest.mark.parametrize(
    ("call", "body", "param"),
    [
        ("customer_create", {"coupon": "x"}, "coupon"),
        ("subscription_update", {"prorate": "true"}, "prorate"),
        ("subscription_create", {"customer": "c", "items": [{"prise": "p"}]}, "items[0][prise]"),
        ("price_create", {"currency": "eur", "unit_amount": "three"}, "unit_amount"),
        ("price_create", {"unit_amount": "300"}, "currency"),
        ("subscription_cancel", {"at_period_end": "true"}, "at_period_end"),
    ],
)
def test_a_parameter_that_the_sdk_does_not_know_is_refused(
    call: str, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(forms.BadParameter) as refused:
        forms.check(call, body)
    assert refused.value.param == param


def test_parameters_get_their_types() -> None:
    body = {
        "mode": "subscription",
        "line_items": [{"price": "p", "quantity": "100"}],
        "subscription_data": {"trial_period_days": "14", "metadata": {"order": "o"}},
    }
    assert forms.check("checkout.session_create", body) == {
        "mode": "subscription",
        "line_items": [{"price": "p", "quantity": 100}],
        "subscription_data": {"trial_period_days": 14, "metadata": {"order": "o"}},
    }


def test_no_key_no_answer(server: StripeServer) -> None:
    with pytest.raises(stripe.AuthenticationError):
        client(server, "sk_live_0123456789abcdefghijklmn").v1.customers.list()
    with pytest.raises(stripe.AuthenticationError):
        client(server, "wrong").v1.customers.list()


def test_an_unknown_route_says_so(server: StripeServer, api: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="no route for GET /v1/payouts") as error:
        api.payouts.list()
    assert error.value.http_status == 404
    assert server.problems == ["no route for GET /v1/payouts"]


def test_the_version_of_every_call_is_checked(server: StripeServer) -> None:
    StripeClient(
        TEST_KEY, stripe_version="2025-01-01.acacia", base_addresses={"api": server.url}
    ).v1.customers.list()
    assert server.problems == ["GET /v1/customers: version '2025-01-01.acacia'"]


def test_the_same_key_gives_the_same_answer_once(server: StripeServer, api: Any) -> None:
    first = api.customers.create({"name": "A"}, {"idempotency_key": "k"})
    second = api.customers.create({"name": "A"}, {"idempotency_key": "k"})
    assert first.id == second.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(server.store.find("", "customer")) == 1
    with pytest.raises(stripe.IdempotencyError):
        api.customers.create({"name": "B"}, {"idempotency_key": "k"})


def test_a_server_error_is_not_kept_under_its_key(server: StripeServer, api: Any) -> None:
    server.faults.status, server.faults.times = 500, 1
    with pytest.raises(stripe.APIError):
        api.customers.create({"name": "A"}, {"idempotency_key": "k"})
    assert api.customers.create({"name": "A"}, {"idempotency_key": "k"}).name == "A"


def test_the_sdk_repeats_after_an_error(server: StripeServer) -> None:
    server.faults.status, server.faults.times = 500, 1
    patient = StripeClient(
        TEST_KEY,
        stripe_version="2026-05-27.dahlia",
        base_addresses={"api": server.url},
        max_network_retries=1,
    )
    assert patient.v1.customers.create({"name": "A"}).name == "A"
    assert [call.status for call in server.calls] == [500, 200]
    assert len({call.key for call in server.calls}) == 1


def test_connected_accounts_see_nothing_of_each_other(api: Any) -> None:
    one, two = (api.accounts.create({"country": "FR"}).id for _ in range(2))
    made = api.customers.create({"name": "A"}, {"stripe_account": one})
    assert [row.id for row in api.customers.list({}, {"stripe_account": one}).data] == [made.id]
    assert api.customers.list({}, {"stripe_account": two}).data == []
    assert api.customers.list().data == []
    with pytest.raises(stripe.PermissionError):
        api.customers.list({}, {"stripe_account": "acct_nobody"})


def test_lists_are_newest_first_and_paged(api: Any) -> None:
    made = [api.customers.create({"name": str(number)}).id for number in range(12)]
    first = api.customers.list({"limit": 5})
    assert [row.id for row in first.data] == made[:6:-1]
    assert first.has_more is True
    assert [row.id for row in first.auto_paging_iter()] == made[::-1]


def test_references_expand_on_demand(api: Any, price: Any) -> None:
    sub, _clock = subscribe(api, price)
    assert isinstance(api.subscriptions.retrieve(sub.id).latest_invoice, str)
    found = api.subscriptions.retrieve(
        sub.id, {"expand": ["latest_invoice.payments.data.payment.payment_intent", "customer"]}
    )
    intent = found.latest_invoice.payments.data[0].payment.payment_intent
    assert (intent.status, intent.amount, found.customer.name) == ("succeeded", 3000, "A")
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        api.subscriptions.retrieve(sub.id, {"expand": ["nothing"]})


def test_metadata_merge_and_clear(api: Any) -> None:
    made = customer(api)
    assert api.customers.update(made.id, {"metadata": {"a": "1"}}).metadata.to_dict() == {
        "tenant": "1",
        "a": "1",
    }
    assert api.customers.update(made.id, {"metadata": {"tenant": ""}}).metadata.to_dict() == {
        "a": "1"
    }


# --- the subscription engine --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        ("2027-01-31", 1, "2027-02-28"),
        ("2027-01-31", 2, "2027-03-31"),
        ("2028-02-29", 12, "2029-02-28"),
    ],
)
def test_months_count_from_the_anchor(start: str, count: int, end: str) -> None:
    from datetime import UTC, datetime

    first = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp())
    last = int(datetime.fromisoformat(end).replace(tzinfo=UTC).timestamp())
    assert add(first, "month", count) == last


def test_periods_live_on_items_and_removed_fields_are_gone(api: Any, price: Any) -> None:
    sub, _clock = subscribe(api, price)
    body = sub.to_dict()
    assert "current_period_end" not in body
    assert body["items"]["data"][0]["current_period_end"] == add(START, "month", 1)
    invoice = api.invoices.retrieve(body["latest_invoice"]).to_dict()
    gone = {"paid", "charge", "payment_intent", "subscription", "tax"}
    assert gone & invoice.keys() == set()
    assert invoice["parent"]["subscription_details"]["subscription"] == sub.id


def test_a_preview_changes_nothing_and_is_what_happens(api: Any, price: Any) -> None:
    sub, clock = subscribe(api, price)
    api.test_helpers.test_clocks.advance(clock, {"frozen_time": START + 15 * DAY})
    item = sub["items"].data[0].id
    change = {"items": [{"id": item, "quantity": 20}], "proration_behavior": "always_invoice"}
    preview = api.invoices.create_preview({"subscription": sub.id, "subscription_details": change})
    assert [line.amount for line in preview.lines.data] == [-1500, 3000]
    assert api.subscriptions.retrieve(sub.id)["items"].data[0].quantity == 10
    api.subscriptions.update(sub.id, change)
    latest = api.subscriptions.retrieve(sub.id, {"expand": ["latest_invoice"]}).latest_invoice
    assert (latest.total, latest.status) == (preview.total, "paid") == (1500, "paid")


def test_a_trial_warns_three_days_before_and_then_charges(api: Any, price: Any) -> None:
    sub, clock = subscribe(api, price, trial_period_days=14)
    assert (sub.status, api.invoices.retrieve(sub.latest_invoice).total) == ("trialing", 0)
    api.test_helpers.test_clocks.advance(clock, {"frozen_time": START + 15 * DAY})
    kinds = [(row.type, row.created - START) for row in api.events.list({"limit": 100}).data]
    assert ("customer.subscription.trial_will_end", 11 * DAY) in kinds
    found = api.subscriptions.retrieve(sub.id, {"expand": ["latest_invoice"]})
    assert (found.status, found.latest_invoice.total) == ("active", 3000)


def test_a_failing_card_is_tried_four_times(api: Any, price: Any) -> None:
    sub, clock = subscribe(api, price, "pm_card_chargeCustomerFail", trial_period_days=1)
    api.test_helpers.test_clocks.advance(clock, {"frozen_time": START + DAY})
    assert api.subscriptions.retrieve(sub.id).status == "past_due"
    api.test_helpers.test_clocks.advance(clock, {"frozen_time": START + 30 * DAY})
    found = api.events.list({"type": "invoice.payment_failed", "limit": 20}).data
    assert [(row.created - START) // DAY for row in reversed(found)] == [1, 4, 9, 16]
    assert api.subscriptions.retrieve(sub.id).status == "canceled"


def test_a_refused_first_payment_leaves_nothing(server: StripeServer, api: Any, price: Any) -> None:
    with pytest.raises(stripe.CardError) as error:
        subscribe(api, price, "pm_card_chargeCustomerFail", payment_behavior="error_if_incomplete")
    assert (error.value.code, error.value.http_status) == ("card_declined", 402)
    assert server.store.find("", "subscription") == []


def test_taxes_count_on_the_sum_and_discounts_before(api: Any) -> None:
    product = api.products.create({"name": "Pro"})
    odd = api.prices.create(
        {
            "product": product.id,
            "currency": "eur",
            "unit_amount": 333,
            "recurring": {"interval": "month"},
        }
    )
    rate = api.tax_rates.create({"display_name": "TVA", "percentage": 20, "inclusive": False})
    api.coupons.create({"id": "DIX", "percent_off": 10, "duration": "once"})
    sub, clock = subscribe(api, odd, default_tax_rates=[rate.id], discounts=[{"coupon": "DIX"}])
    first = api.invoices.retrieve(sub.latest_invoice)
    # 10 × 3.33 = 33.30, less 10 % = 29.97, 20 % of it 5.994
    assert (first.subtotal, first.total_taxes[0].amount, first.total) == (3330, 599, 3596)
    api.test_helpers.test_clocks.advance(clock, {"frozen_time": add(START, "month", 1)})
    second = api.subscriptions.retrieve(sub.id, {"expand": ["latest_invoice"]}).latest_invoice
    assert (second.subtotal, second.total) == (3330, 3996)


def test_tiers_are_graduated(api: Any) -> None:
    product = api.products.create({"name": "École"})
    tiered = api.prices.create(
        {
            "product": product.id,
            "currency": "eur",
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [
                {"up_to": 5, "flat_amount": 10_000, "unit_amount": 0},
                {"up_to": 8, "unit_amount": 390},
                {"up_to": "inf", "unit_amount": 300},
            ],
            "recurring": {"interval": "month"},
        }
    )
    sub, _clock = subscribe(api, tiered)
    # 5 included, 3 at 3.90 and 2 at 3.00
    assert api.invoices.retrieve(sub.latest_invoice).total == 10_000 + 3 * 390 + 2 * 300


# --- webhooks -----------------------------------------------------------------------------------


def test_a_signature_is_the_one_that_the_sdk_checks() -> None:
    body = b'{"id": "evt_1"}'
    now = int(time.time())
    header = signature(body, "whsec_a", now)
    assert stripe.WebhookSignature.verify_header(body.decode(), header, "whsec_a", 300) is True
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), header, "whsec_b", 300)
    late = signature(body, "whsec_a", now - 600)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), late, "whsec_a", 300)


def test_nobody_answers_and_the_event_is_sent_again(server: StripeServer, api: Any) -> None:
    api.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/", "enabled_events": ["customer.created"]}
    )
    server.deliveries.retry_seconds = 0.001
    api.customers.create({"name": "A"})
    api.products.create({"name": "not asked for"})
    server.deliveries.flush()
    assert [(item.kind, item.attempt, item.status) for item in server.deliveries.done] == [
        ("customer.created", number, 0) for number in (1, 2, 3, 4)
    ]


def test_the_secret_of_an_endpoint_is_said_once(api: Any) -> None:
    made = api.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    assert made.secret.startswith("whsec_")
    assert "secret" not in api.webhook_endpoints.retrieve(made.id).to_dict()


def test_a_page_asks_for_authentication(server: StripeServer, api: Any, price: Any) -> None:
    buyer = customer(api)
    page = api.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": buyer.id,
            "line_items": [{"price": price.id, "quantity": 2}],
            "success_url": "http://example.org/ok?s={CHECKOUT_SESSION_ID}",
        }
    )
    status, where = submit(page.url, card="4000 0025 0000 3155")
    assert (status, where) == (303, f"{server.url}/authenticate/{page.id}")
    assert api.checkout.sessions.retrieve(page.id).status == "open"
    assert submit(where, ok="0") == (303, page.url)
    assert submit(where, ok="1") == (303, f"http://example.org/ok?s={page.id}")
    found = api.checkout.sessions.retrieve(page.id, {"expand": ["subscription"]})
    assert (found.status, found.subscription.status) == ("complete", "active")
