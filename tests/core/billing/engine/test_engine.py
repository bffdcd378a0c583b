"""Subscriptions through time: renewals, changes, ends, late payments; the clock is frozen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail

from tenants.registry import TenantInfo
from tests.core.billing.engine.conftest import card, purchase
from tremplin.billing import engine, ledger, services
from tremplin.billing.errors import (
    NotChangeable,
    PaymentLate,
    PaymentRefused,
    QuoteExpired,
    QuoteStale,
)
from tremplin.billing.models import Invoice, Payment, Price, Subscription
from tremplin.billing.providers import sandbox
from tremplin.licensing import seats
from tremplin.licensing.models import License
from tremplin.testing import freeze

Shop = Callable[..., Price]
START = datetime.fromisoformat("2026-01-31T10:00:00+01:00")
DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


def nets(tenant: TenantInfo) -> list[int]:
    rows = Invoice.objects.filter(tenant_id=tenant.pk, kind="invoice").order_by("sequence")
    return list(rows.values_list("net_minor", flat=True))


def again(sub: Subscription) -> Subscription:
    return Subscription.objects.get(pk=sub.pk)


def change(sub: Subscription, **fields: Any) -> Subscription:
    wanted = services.Change(**fields)
    return services.change(
        again(sub), services.preview_change(again(sub), wanted), idempotency_key=uuid4()
    )


def test_periods_are_counted_from_the_anchor(
    tenant_a: TenantInfo, tenant_b: TenantInfo, shop: Shop
) -> None:
    price = shop("school", 39000)
    with freeze(START):
        sub = card(tenant_a, price)
        other = card(tenant_b, price)
        services.cancel(other)
    ends = []
    # 31 January, 28 February, 31 March: the summer time keeps the local hour.
    for moment in ("2026-02-28T10:00:00+01:00", "2026-03-31T10:00:00+02:00"):
        at = datetime.fromisoformat(moment)
        with freeze(at - timedelta(seconds=1)):
            assert engine.run_due().renewed == 0
        with freeze(at):
            assert engine.run_due().renewed == 1
            assert engine.run_due().renewed == 0
        ends.append(again(sub).period_end)
    assert ends == [
        datetime.fromisoformat("2026-03-31T10:00:00+02:00"),
        datetime.fromisoformat("2026-04-30T10:00:00+02:00"),
    ]
    assert (nets(tenant_a), nets(tenant_b)) == ([39000, 39000, 39000], [39000])
    assert again(sub).state == "active"
    assert again(other).ended_at == datetime.fromisoformat("2026-02-28T10:00:00+01:00")


def test_a_clock_moved_over_two_periods_makes_two_invoices(
    tenant_a: TenantInfo, shop: Shop
) -> None:
    with freeze(START):
        sub = card(tenant_a, shop("school", 39000))
    with freeze(datetime.fromisoformat("2026-04-01T09:00:00+02:00")):
        run = engine.run_due()
        assert (run.renewed, run.collected) == (2, 2)
        assert engine.run_due().renewed == 0
    rows = Invoice.objects.filter(tenant_id=tenant_a.pk).order_by("sequence")
    assert [row.sequence for row in rows] == [1, 2, 3]
    starts = [row.lines.get().period_start for row in rows]
    assert starts == [
        START,
        datetime.fromisoformat("2026-02-28T10:00:00+01:00"),
        datetime.fromisoformat("2026-03-31T10:00:00+02:00"),
    ]
    assert all(row.state == "paid" and ledger.balance(row) == 0 for row in rows)
    assert again(sub).paid_until == again(sub).period_end


def test_a_card_that_fails_later_goes_through_every_state(
    tenant_a: TenantInfo,
    tenant_b: TenantInfo,
    shop: Shop,
    django_capture_on_commit_callbacks: Any,
) -> None:
    price = shop("school", 39000)
    renewal = datetime.fromisoformat("2026-03-01T09:00:00+01:00")
    with freeze(datetime.fromisoformat("2026-02-01T09:00:00+01:00")):
        sub = card(tenant_a, price, "4000 0000 0000 0341")
        card(tenant_b, price)
    seen = []
    for days in (0, 1, 6, 7, 13, 14, 20, 21):
        with freeze(renewal + days * DAY), django_capture_on_commit_callbacks(execute=True):
            engine.run_due()
            held = seats.plan_license(tenant_a)
            assert held is not None
            now = again(sub)
            seen.append((days, now.state, now.dunning_step, held.unpaid_since == renewal))
    assert seen == [
        (0, "past_due", 0, True),
        (1, "past_due", 1, True),
        (6, "past_due", 1, True),
        (7, "past_due", 2, True),
        (13, "past_due", 2, True),
        (14, "grace", 3, True),
        (20, "grace", 3, True),
        (21, "suspended", 3, True),
    ]
    tries = Payment.objects.filter(account=sub.account, state="failed").order_by("at")
    assert [(row.at - renewal).days for row in tries] == [0, 1, 7, 14]
    with freeze(renewal + 40 * DAY):
        # Suspended: the next period is not charged.
        engine.run_due()
        assert nets(tenant_a) == [39000, 39000]
        assert sandbox.replace_card(sub.account, "4242424242424242") == "settled"
        invoice = Invoice.objects.get(tenant_id=tenant_a.pk, state="open")
        assert services.retry_payment(invoice) is True
        restored = again(sub)
        held = seats.plan_license(tenant_a)
        assert held is not None
        assert (restored.state, restored.dunning_step) == ("past_due", 0)
        # The new period begins now, and its own charge follows.
        assert restored.period_start == renewal + 40 * DAY
        assert engine.run_due().collected == 1
        assert (again(sub).state, nets(tenant_a)) == ("active", [39000, 39000, 39000])
    assert Subscription.objects.get(tenant_id=tenant_b.pk).state == "active"


def test_sixty_days_of_suspension_end_it(tenant_a: TenantInfo, shop: Shop) -> None:
    with freeze(START):
        sub = purchase(tenant_a, shop("school", 39000)).subscription
    assert sub is not None
    due = datetime.fromisoformat("2026-03-03T00:00:00+01:00")
    with freeze(due + 81 * DAY - timedelta(hours=2)):
        engine.run_due()
        assert again(sub).state == "suspended"
    with freeze(due + 82 * DAY):
        assert engine.run_due().ended == 1
        assert again(sub).state == "ended"
    held = License.objects.filter(tenant_id=tenant_a.pk, subscription=sub.pk).get()
    assert held.ended_at is not None


def test_an_upgrade_is_charged_by_the_second(tenant_a: TenantInfo, shop: Shop) -> None:
    small, large = shop("starter", 4900), shop("pro", 19000)
    start = datetime.fromisoformat("2026-04-01T00:00:00+02:00")
    with freeze(start):
        sub = card(tenant_a, small)
    # 30 days: after 10 days two thirds are left: 3266.67 back, 12666.67 to pay.
    with freeze(start + 10 * DAY):
        quote = services.preview_change(
            again(sub), services.Change("plan", version=large.plan_version)
        )
        key = uuid4()
        assert [(line["quantity"], line["unit_minor"]) for line in quote.body["lines"]] == [
            (-1, 3267), (1, 12667),
        ]  # fmt: skip
        assert (quote.body["net_minor"], quote.body["tax_minor"]) == (9400, 1880)
    with freeze(start + 10 * DAY + timedelta(minutes=14)):
        services.change(again(sub), quote, idempotency_key=key)
        services.change(again(sub), quote, idempotency_key=key)
    assert nets(tenant_a) == [4900, 9400]
    held = seats.plan_license(tenant_a)
    assert held is not None
    assert held.plan_version_id == large.plan_version_id
    with freeze(start + 10 * DAY + timedelta(minutes=14)), pytest.raises(QuoteStale):
        services.change(again(sub), quote, idempotency_key=uuid4())
    with freeze(start + 11 * DAY), pytest.raises(QuoteExpired):
        services.change(again(sub), quote, idempotency_key=uuid4())
    with freeze(datetime.fromisoformat("2026-05-01T00:00:00+02:00")):
        engine.run_due()
    assert nets(tenant_a) == [4900, 9400, 19000]


def test_a_refused_card_changes_nothing(tenant_a: TenantInfo, shop: Shop) -> None:
    small, large = shop("starter", 4900), shop("pro", 19000)
    sub = card(tenant_a, small, "4000000000000341")
    with pytest.raises(PaymentRefused):
        change(sub, kind="plan", version=large.plan_version)
    assert nets(tenant_a) == [4900]
    item = sub.items.get()
    assert (item.price_id, item.amount_minor) == (small.pk, 4900)


def test_less_waits_for_the_end_of_the_period(tenant_a: TenantInfo, shop: Shop) -> None:
    small, large = shop("starter", 4900), shop("pro", 19000)
    start = datetime.fromisoformat("2026-04-01T00:00:00+02:00")
    with freeze(start):
        sub = card(tenant_a, large)
        change(sub, kind="plan", version=small.plan_version)
        assert services.undo_change(again(sub)) == 1
        change(sub, kind="plan", version=small.plan_version)
    held = seats.plan_license(tenant_a)
    assert held is not None
    assert held.plan_version_id == large.plan_version_id
    with freeze(start + 30 * DAY):
        engine.run_due()
    assert nets(tenant_a) == [19000, 4900]
    held = seats.plan_license(tenant_a)
    assert held is not None
    assert held.plan_version_id == small.plan_version_id
    assert list(sub.changes.order_by("created_at").values_list("state", flat=True)) == [
        "canceled", "applied",
    ]  # fmt: skip


def test_seats_come_at_once_and_go_later(tenant_a: TenantInfo, shop: Shop) -> None:
    price = shop("school", 39000, seats=100, extra=390)
    start = datetime.fromisoformat("2026-04-01T00:00:00+02:00")
    with freeze(start):
        sub = card(tenant_a, price)
    with freeze(start + 15 * DAY):
        change(sub, kind="seats", seats=110)
        held = seats.plan_license(tenant_a)
        assert held is not None
        # 10 seats at 3.90 for half a month.
        assert (held.seats_total, nets(tenant_a)) == (110, [39000, 1950])
        change(sub, kind="seats", seats=104)
        held.refresh_from_db()
        assert held.seats_total == 110
    with freeze(start + 30 * DAY):
        engine.run_due()
        held.refresh_from_db()
    assert (held.seats_total, nets(tenant_a)) == (104, [39000, 1950, 39000 + 4 * 390])


def test_a_year_begins_at_once_and_credits_the_month(tenant_a: TenantInfo, shop: Shop) -> None:
    shop("school", 390_000, interval="year")
    month = shop("school", 39_000)
    start = datetime.fromisoformat("2026-04-01T00:00:00+02:00")
    with freeze(start):
        sub = card(tenant_a, month)
    at = start + 20 * DAY
    with freeze(at):
        # Per month the year is cheaper: it waits for the end of the period.
        quote = services.preview_change(again(sub), services.Change("plan", interval="year"))
        assert (quote.body["is_immediate"], quote.body["total_minor"]) == (False, 0)
        services.change(again(sub), quote, idempotency_key=uuid4())
    with freeze(start + 30 * DAY):
        engine.run_due()
    now = again(sub)
    assert (now.interval, now.period_start, now.period_end, nets(tenant_a)) == (
        "year", start + 30 * DAY, datetime.fromisoformat("2027-05-01T00:00:00+02:00"),
        [39_000, 390_000],
    )  # fmt: skip


def test_cancel_and_undo(tenant_a: TenantInfo, shop: Shop) -> None:
    start = datetime.fromisoformat("2026-04-01T00:00:00+02:00")
    with freeze(start):
        sub = card(tenant_a, shop("school", 39000))
        services.cancel(sub)
        held = seats.plan_license(tenant_a)
        assert held is not None
        assert held.valid_until == start + 30 * DAY
        with pytest.raises(NotChangeable):
            change(sub, kind="seats", seats=1)
        services.undo_cancel(sub)
        held.refresh_from_db()
        assert (held.valid_until, again(sub).cancel_at_period_end) == (None, False)
        services.cancel(sub)
    with freeze(start + 30 * DAY):
        assert engine.run_due().ended == 1
        with pytest.raises(NotChangeable):
            services.undo_cancel(sub)
    assert (again(sub).state, nets(tenant_a)) == ("ended", [39000])


def test_a_plan_removed_while_in_use_keeps_its_price(tenant_a: TenantInfo, shop: Shop) -> None:
    from tenants.context import public_write

    price = shop("school", 39000)
    with freeze(START):
        sub = card(tenant_a, price)
    with public_write("test"):
        price.plan_version.sold_until = START
        price.plan_version.save()
        Price.objects.filter(pk=price.pk).update(is_active=False)
    with freeze(START + 28 * DAY):
        assert engine.run_due().renewed == 1
    assert (again(sub).state, nets(tenant_a)) == ("active", [39000, 39000])


def test_a_trial_costs_nothing_then_converts(tenant_a: TenantInfo, shop: Shop) -> None:
    price = shop("school", 39000)
    with freeze(START):
        order = purchase(tenant_a, price, provider="sandbox", trial=True)
        sub = order.subscription
        assert sub is not None
        assert (order.state, order.total_minor, sub.state) == ("paid", 0, "trialing")
        held = seats.plan_license(tenant_a)
        assert held is not None
        assert (held.state, sub.trial_end) == ("trialing", START + 14 * DAY)
        assert nets(tenant_a) == []
        assert sandbox.replace_card(sub.account, sandbox.GOOD) == "settled"
    with freeze(START + 14 * DAY):
        assert engine.run_due().renewed == 1
    held = seats.plan_license(tenant_a)
    assert held is not None
    assert (again(sub).state, held.source, nets(tenant_a)) == ("active", "subscription", [39000])


def test_a_late_invoice_refuses_changes(tenant_a: TenantInfo, shop: Shop) -> None:
    price = shop("school", 39000, seats=10, extra=100)
    with freeze(START):
        sub = purchase(tenant_a, price).subscription
    assert sub is not None
    with freeze(START + 40 * DAY), pytest.raises(PaymentLate):
        services.preview_change(again(sub), services.Change("seats", seats=20))


def test_reminders_leave_once_in_the_space_s_language(
    tenant_a: TenantInfo, shop: Shop, django_capture_on_commit_callbacks: Any
) -> None:
    from tremplin.billing import dunning

    with freeze(START):
        sub = purchase(tenant_a, shop("school", 39000)).subscription
    assert sub is not None
    invoice = sub.invoices.get()
    due = datetime.fromisoformat("2026-03-03T00:00:00+01:00")
    with freeze(due + 8 * DAY):
        # A gap over two reminders sends one.
        assert (dunning.run(due + 8 * DAY), dunning.run(due + 8 * DAY)) == (1, 0)
        assert again(sub).dunning_step == 2
        mail.outbox.clear()
        assert dunning.send(invoice, 2) is True
    (message,) = mail.outbox
    assert message.to == [sub.account.email]
    assert invoice.number in message.subject
    assert "468,00" in message.body
    with freeze(due + 9 * DAY):
        services.mark_paid(invoice, by=None, at=due + 9 * DAY, reference="late")
        assert dunning.send(invoice, 3) is False
        assert again(sub).dunning_step == 0


def test_coupons_count_for_their_periods(tenant_a: TenantInfo, shop: Shop) -> None:
    price = shop("school", 39000)
    services.create_coupon("spring", percent=Decimal(25), duration="repeating", months=2)
    with freeze(START):
        sub = card(tenant_a, price, coupon="SPRING")
    for moment in ("2026-02-28", "2026-03-31"):
        with freeze(datetime.fromisoformat(f"{moment}T12:00:00+02:00")):
            engine.run_due()
    assert nets(tenant_a) == [29250, 29250, 39000]
    assert again(sub).state == "active"
