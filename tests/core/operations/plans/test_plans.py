"""The operator's plans: frozen versions, dates of sale, prices, codes, and moving holders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.context import public_write
from tests.core.billing.engine.conftest import identify, make_price, purchase
from tests.core.operations.operator import operator
from tremplin.billing import engine, moves, price_list, services
from tremplin.billing.models import Coupon, Price, Subscription, VersionMove
from tremplin.kernel.models import AuditEvent
from tremplin.licensing import plans_catalogue
from tremplin.licensing.models import License, Plan, PlanVersion
from tremplin.licensing.services import current_version
from tremplin.operations.plans import selectors
from tremplin.testing import freeze

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

pytestmark = pytest.mark.django_db
NOW = datetime.fromisoformat("2026-11-20T09:00:00+01:00")
WHY = {"reason": "ticket 12"}
PRICE = {
    "currency": "EUR", "interval": "month", "model": "flat", "amount": "410", "included_seats": "0",
    "tiers": "", **WHY,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _now(nothing_remembered: None) -> Any:
    with freeze(NOW):
        yield


@pytest.fixture
def ada(hq: TenantInfo, inside: Any, client_for: Callable[..., Client]) -> Client:
    return operator(hq, "platform_admin", inside, client_for)


@pytest.fixture
def ecole(hq: TenantInfo, tenant_a: TenantInfo, tenant_b: TenantInfo) -> PlanVersion:
    """The plan École at 390 EUR, version 1, on sale since 2020."""
    identify(tenant_a, tenant_b)
    return make_price("ecole", 39000, seats=100, extra=390).plan_version


def reasons(hq: TenantInfo, inside: Any, kind: str) -> list[str]:
    """Return the reasons that hq's log holds for a kind of write."""
    with inside(hq):
        rows = AuditEvent.objects.filter(kind=kind).order_by("id")
        return [row.data["reason"] for row in rows]


def content_of(version: PlanVersion, **changed: str) -> dict[str, str]:
    """Return the form of a version as its page shows it."""
    from tremplin.operations.plans.content_form import ContentForm

    form = ContentForm(version=version)
    found = {
        name: str(field.initial)
        for name, field in form.fields.items()
        if field.initial not in (None, False, [])
    }
    return {**found, **WHY, **changed}


def prefix_of(version: PlanVersion, feature: str) -> str:
    """Return how the inputs of a feature begin."""
    from tremplin.operations.plans.content_form import ContentForm

    rows = ContentForm(version=version).rows
    return next(row.prefix for row in rows if row.feature.key == feature)


# --- versions -----------------------------------------------------------------------------------


def test_a_version_that_was_sold_is_refused(
    ada: Client, ecole: PlanVersion, tenant_a: TenantInfo
) -> None:
    seats = prefix_of(ecole, "people.seats")
    data = content_of(ecole, **{f"{seats}_amount": "5"})
    url = f"/platform/versions/{ecole.pk}/edit/"
    purchase(tenant_a, ecole.prices.get())
    assert ada.post(url, data).status_code == 409
    assert ecole.entitlements.get(feature="people.seats").value == 100
    page = ada.get(f"/platform/versions/{ecole.pk}/").content.decode()
    assert 'data-testid="content-form"' not in page


def test_a_new_version_is_a_draft_until_its_dates(
    ada: Client, ecole: PlanVersion, hq: TenantInfo, inside: Any, tenant_a: TenantInfo
) -> None:
    purchase(tenant_a, ecole.prices.get())
    made = ada.post(f"/platform/plans/{ecole.plan_id}/versions/", WHY)
    draft = PlanVersion.objects.get(plan=ecole.plan, number=2)
    assert made["Location"] == f"/platform/versions/{draft.pk}/"
    # The same draft is found again, no third version.
    assert (
        ada.post(f"/platform/plans/{ecole.plan_id}/versions/", WHY)["Location"]
        == (made["Location"])
    )
    assert draft.prices.get().amount_minor == 39000
    seats, storage = prefix_of(draft, "people.seats"), prefix_of(draft, "storage.gb")
    sso, ai = prefix_of(draft, "sso.enabled"), prefix_of(draft, "ai.tokens")
    data = content_of(
        draft,
        **{
            f"{seats}_amount": "120", f"{storage}_mode": "unlimited", f"{sso}_on": "on",
            f"{ai}_mode": "amount", f"{ai}_amount": "5000", f"{ai}_overage": "grace",
            f"{ai}_percent": "10", "modules": "quiz", "trial_days": "7",
        },
    )  # fmt: skip
    assert ada.post(f"/platform/versions/{draft.pk}/edit/", data).status_code == 302
    found = {
        item.feature: (item.value, item.reset, item.scope, item.overage, item.overage_percent)
        for item in draft.entitlements.all()
    }
    assert found == {
        "people.seats": (120, "none", "tenant", "deny", 0),
        "storage.gb": (None, "none", "tenant", "deny", 0),
        "sso.enabled": (True, "none", "tenant", "deny", 0),
        "ai.tokens": (5000, "month", "tenant", "grace", 10),
    }
    draft.refresh_from_db()
    assert (draft.trial_days, [item.module for item in draft.items.all()]) == (7, ["quiz"])
    assert current_version("ecole") == ecole
    dates = {"sold_from": "2026-11-20", "sold_until": "", **WHY}
    assert ada.post(f"/platform/versions/{draft.pk}/dates/", dates).status_code == 302
    ecole.refresh_from_db()
    assert (ecole.sold_until, ecole.successor) == (NOW, draft)
    assert current_version("ecole") == draft
    # The holder keeps what was bought.
    assert License.objects.get(tenant_id=tenant_a.pk, ended_at=None).plan_version == ecole
    assert reasons(hq, inside, "operations.version_edited") == ["ticket 12"]
    assert reasons(hq, inside, "operations.version_window") == ["ticket 12"]


@pytest.mark.parametrize(
    ("dates", "code", "text"),
    [
        (("2026-12-01", "2026-11-30"), 422, "must end after it begins"),
        (("2019-01-01", "2020-06-30"), 422, "Version 1 is sold at that time"),
        (("2019-01-01", ""), 422, "Version 1 is sold at that time"),
        (("not-a-day", ""), 422, ""),
    ],
)
def test_two_versions_are_never_sold_at_once(
    ada: Client, ecole: PlanVersion, dates: tuple[str, str], code: int, text: str
) -> None:
    ada.post(f"/platform/plans/{ecole.plan_id}/versions/", WHY)
    draft = PlanVersion.objects.get(plan=ecole.plan, number=2)
    answer = ada.post(
        f"/platform/versions/{draft.pk}/dates/",
        {"sold_from": dates[0], "sold_until": dates[1], **WHY},
        headers={"accept-language": "en"},
    )
    assert answer.status_code == code
    assert text in answer.content.decode()
    draft.refresh_from_db()
    ecole.refresh_from_db()
    assert (draft.sold_from, ecole.sold_until) == (None, None)


def test_a_window_that_another_version_ends_in_is_refused(ada: Client, ecole: PlanVersion) -> None:
    start = datetime.fromisoformat("2027-01-01T00:00:00+01:00")
    with public_write("test"):
        later = PlanVersion.objects.create(
            plan=ecole.plan, number=2, sold_from=start, sold_until=start + timedelta(days=30)
        )
        PlanVersion.objects.filter(pk=ecole.pk).update(sold_until=start)
        draft = PlanVersion.objects.create(plan=ecole.plan, number=3)
    url = f"/platform/versions/{draft.pk}/dates/"
    overlapping = {"sold_from": "2026-12-15", "sold_until": "2027-01-05", **WHY}
    assert ada.post(url, overlapping).status_code == 422
    after = {"sold_from": "2027-01-31", "sold_until": "", **WHY}
    assert ada.post(url, after).status_code == 302
    later.refresh_from_db()
    assert later.sold_until == start + timedelta(days=30)


def test_a_sold_version_keeps_its_first_day(
    ada: Client, ecole: PlanVersion, tenant_a: TenantInfo
) -> None:
    purchase(tenant_a, ecole.prices.get())
    url = f"/platform/versions/{ecole.pk}/dates/"
    assert ada.post(url, {"sold_from": "2027-01-01", **WHY}).status_code == 409
    kept = {"sold_from": "2020-01-01", "sold_until": "2026-12-31", **WHY}
    assert ada.post(url, kept).status_code == 302
    ecole.refresh_from_db()
    assert ecole.sold_from == datetime.fromisoformat("2020-01-01T00:00:00+00:00")
    assert ecole.sold_until == datetime.fromisoformat("2027-01-01T00:00:00+01:00")


# --- prices -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"amount": "0"}, "above zero"),
        ({"amount": "-1"}, "above zero"),
        ({"amount": "19.999"}, "2 decimals at most"),
        ({"amount": "250.5", "currency": "XOF"}, "no decimals"),
        ({"amount": "abc"}, "number"),
        ({"amount": "NaN"}, "number"),
        ({"amount": "99999999999"}, ""),
        ({"reason": ""}, "Say why"),
        ({"tiers": "* 3.90"}, "by tiers of seats"),
        ({"model": "tiered", "tiers": ""}, "last tier"),
        ({"model": "tiered", "tiers": "50 3.90"}, "last tier"),
        ({"model": "tiered", "tiers": "50 3.90\n20 3\n* 2"}, "Line 2"),
        ({"model": "tiered", "tiers": "50 -1\n* 2"}, "Line 1"),
        ({"model": "tiered", "tiers": "* 0.001"}, "2 decimals at most"),
        ({"model": "tiered", "tiers": "many 3"}, "Line 1 is not understood"),
    ],
)
def test_a_bad_price_changes_nothing(
    ada: Client, ecole: PlanVersion, changed: dict[str, str], text: str
) -> None:
    answer = ada.post(
        f"/platform/versions/{ecole.pk}/prices/",
        {**PRICE, **changed},
        headers={"accept-language": "en"},
    )
    assert answer.status_code == 422
    assert text in answer.content.decode()
    assert list(Price.objects.values_list("amount_minor", "is_active")) == [(39000, True)]


def test_a_new_price_is_for_new_sales(
    ada: Client,
    ecole: PlanVersion,
    tenant_a: TenantInfo,
    space: Callable[[str], TenantInfo],
    hq: TenantInfo,
    inside: Any,
) -> None:
    former = ecole.prices.get()
    sold = purchase(tenant_a, former).subscription
    services.set_range(space("passerelle"), former, lowest=30000, highest=50000)
    url = f"/platform/versions/{ecole.pk}/prices/"
    tiers = {"model": "tiered", "included_seats": "100", "tiers": "50 3,90\n* 3"}
    assert ada.post(url, {**PRICE, **tiers, "amount": "1 410,50"}).status_code == 302
    new = Price.objects.get(plan_version=ecole, is_active=True)
    assert (new.amount_minor, new.included_seats) == (141_050, 100)
    assert new.tiers == [{"up_to": 50, "unit_minor": 390}, {"up_to": None, "unit_minor": 300}]
    # The reseller's range follows; who bought at the former price keeps it.
    assert new.entries.get().max_retail_minor == 50000
    assert sold is not None
    assert sold.items.get().price == former
    # The same again is no third price.
    assert ada.post(url, {**PRICE, **tiers, "amount": "1410.50"}).status_code == 302
    assert Price.objects.count() == 2
    assert ada.post(f"{url}{new.pk}/stop/", WHY).status_code == 302
    assert not Price.objects.filter(is_active=True).exists()
    assert ada.post(f"{url}{new.pk}/stop/", {"reason": ""}).status_code == 422
    assert reasons(hq, inside, "operations.price_set") == ["ticket 12"]
    assert reasons(hq, inside, "operations.price_stopped") == ["ticket 12"]


def test_francs_have_no_cents_and_free_is_said(ada: Client, ecole: PlanVersion) -> None:
    url = f"/platform/versions/{ecole.pk}/prices/"
    assert ada.post(url, {**PRICE, "currency": "XOF", "amount": "250000"}).status_code == 302
    assert Price.objects.get(currency="XOF").amount_minor == 250_000
    free = {**PRICE, "currency": "CHF", "amount": "0", "is_free": "on"}
    assert ada.post(url, free).status_code == 302
    assert Price.objects.get(currency="CHF").amount_minor == 0


def test_a_fresh_installation_gets_its_prices_without_the_demo(
    ada: Client, hq: TenantInfo, inside: Any
) -> None:
    assert Plan.objects.count() == 0
    page = ada.get("/platform/plans/").content.decode()
    assert 'data-testid="plans-empty"' in page
    assert ada.post("/platform/plans/first-prices/", {"reason": ""}).status_code == 422
    assert Price.objects.count() == 0
    assert ada.post("/platform/plans/first-prices/", WHY)["Location"] == "/platform/plans/"
    found = {
        (price.plan_version.plan.key, price.interval): price.amount_minor
        for price in Price.objects.filter(plan_version__plan__module="")
    }
    assert found == {
        ("gratuit", "month"): 0, ("gratuit", "year"): 0,
        ("starter", "month"): 4900, ("starter", "year"): 49000,
        ("ecole", "month"): 39000, ("ecole", "year"): 390_000,
        ("pro", "month"): 19000, ("pro", "year"): 190_000,
        ("expert", "month"): 29000, ("expert", "year"): 290_000,
        ("entreprise", "month"): 89000, ("entreprise", "year"): 890_000,
    }  # fmt: skip
    assert price_list.missing() == []
    assert price_list.create_missing() == []
    assert reasons(hq, inside, "operations.first_prices") == ["ticket 12"]


def test_the_command_creates_them_too(hq: TenantInfo, capsys: pytest.CaptureFixture[str]) -> None:
    plans_catalogue.sync()
    with public_write("test"):
        Price.objects.create(
            plan_version=current_version("pro"), interval="month", amount_minor=17500
        )
    call_command("billing_prices", "--dry-run")
    assert Price.objects.count() == 1
    call_command("billing_prices")
    printed = capsys.readouterr().out.splitlines()
    assert "pro year: 1900.00 EUR" in printed
    assert "pro month: 190.00 EUR" not in printed
    monthly = Price.objects.get(plan_version__plan__key="pro", interval="month")
    assert monthly.amount_minor == 17500
    before = Price.objects.count()
    call_command("billing_prices")
    assert Price.objects.count() == before


def test_the_catalogue_leaves_alone_what_the_operator_changed(ada: Client, hq: TenantInfo) -> None:
    plans_catalogue.sync()
    pro = Plan.objects.get(key="pro")
    texts = {
        "name_fr": "Pro+", "name_en": "Pro plus", "summary_fr": "", "summary_en": "",
        "position": "3", "is_listed": "on", **WHY,
    }  # fmt: skip
    assert ada.post(f"/platform/plans/{pro.pk}/", texts).status_code == 302
    assert ada.post(f"/platform/plans/{pro.pk}/versions/", WHY).status_code == 302
    assert plans_catalogue.sync() == plans_catalogue.Synced((), ())
    pro.refresh_from_db()
    assert (pro.name_en, pro.versions.count(), pro.is_custom) == ("Pro plus", 2, True)
    assert current_version("pro").number == 1


def test_a_new_plan(ada: Client, hq: TenantInfo) -> None:
    data = {
        "key": "asso", "name_fr": "Association", "name_en": "Charity", "position": "9", **WHY,
    }  # fmt: skip
    assert ada.post("/platform/plans/new/", {**data, "key": "module-x"}).status_code == 422
    assert ada.post("/platform/plans/new/", data).status_code == 302
    assert ada.post("/platform/plans/new/", data).status_code == 409
    plan = Plan.objects.get()
    assert [version.sold_from for version in plan.versions.all()] == [None]
    assert ada.get(f"/platform/plans/{plan.pk}/").status_code == 200


# --- holders ------------------------------------------------------------------------------------


@pytest.fixture
def moved(
    ecole: PlanVersion,
    tenant_a: TenantInfo,
    tenant_b: TenantInfo,
    space: Callable[[str], TenantInfo],
) -> PlanVersion:
    """Version 2 at 450 EUR; the first school pays monthly, the second yearly, a company nothing."""
    from tremplin.licensing import services as licensing

    yearly = make_price("ecole", 390_000, interval="year", seats=100)
    with freeze(datetime.fromisoformat("2026-11-05T10:00:00+01:00")):
        paid = purchase(tenant_a, ecole.prices.get(interval="month"), seats=110)
        services.mark_paid(paid.invoices.get(), by=None, at=NOW, reference="1")
        purchase(tenant_b, yearly)
        licensing.grant_plan(space("volteo"), ecole, source=License.Source.MANUAL)
    with public_write("test"):
        target = PlanVersion.objects.create(plan=ecole.plan, number=2, sold_from=NOW)
        PlanVersion.objects.filter(pk=ecole.pk).update(sold_until=NOW)
        Price.objects.create(
            plan_version=target, interval="month", amount_minor=45000, model="tiered",
            included_seats=50, tiers=[{"up_to": None, "unit_minor": 400}],
        )  # fmt: skip
    return target


def test_the_result_is_what_the_preview_said(
    ada: Client,
    ecole: PlanVersion,
    moved: PlanVersion,
    tenant_a: TenantInfo,
    tenant_b: TenantInfo,
    space: Callable[[str], TenantInfo],
    hq: TenantInfo,
    inside: Any,
    mailoutbox: list[Any],
) -> None:
    volteo = space("volteo")
    notice = datetime.fromisoformat("2026-12-01T00:00:00+01:00")
    seen = {holder.tenant.pk: holder for holder in moves.preview(ecole, moved, notice)}
    school = seen[tenant_a.pk]
    renewal = datetime.fromisoformat("2026-12-05T10:00:00+01:00")
    assert (school.effective_at, school.problem) == (renewal, "")
    # 100 seats and 10 more at 3.90; then 50 seats and 60 more at 4.00.
    assert (school.before_minor, school.after_minor) == (42_900, 69_000)
    assert (school.seats, school.seats_after) == (110, 110)
    assert seen[tenant_b.pk].problem == "no_price"
    assert (seen[volteo.pk].effective_at, seen[volteo.pk].problem) == (notice, "")
    url = f"/platform/versions/{ecole.pk}/move/"
    data = {"target": str(moved.pk), "notice": "2026-12-01"}
    page = ada.get(url, data).content.decode()
    assert "690,00" in page
    assert ada.post(url, data).status_code == 422
    assert ada.post(url, {**data, **WHY}).status_code == 302
    assert ada.post(url, {**data, **WHY}).status_code == 302
    assert VersionMove.objects.count() == 2
    with freeze(notice - timedelta(seconds=1)):
        engine.run_due()
        assert [mail.to for mail in mailoutbox if "2026" in mail.subject] != []
        assert not License.objects.filter(plan_version=moved).exists()
    with freeze(renewal):
        engine.run_due()
    row = Subscription.objects.get(tenant_id=tenant_a.pk)
    item = row.items.get()
    assert (item.price.plan_version, item.amount_minor, item.quantity) == (moved, 45000, 110)
    latest = row.invoices.order_by("-finalised_at").first()
    assert latest is not None
    assert latest.net_minor == 69_000
    held = dict(
        License.objects.filter(ended_at=None).values_list("tenant_id", "plan_version__number")
    )
    assert held == {tenant_a.pk: 2, tenant_b.pk: 1, volteo.pk: 2}
    assert reasons(hq, inside, "operations.holders_moved") == ["ticket 12", "ticket 12"]


def test_moves_can_be_dropped_and_wrong_targets_are_refused(
    ada: Client, ecole: PlanVersion, moved: PlanVersion, tenant_a: TenantInfo
) -> None:
    url = f"/platform/versions/{ecole.pk}/move/"
    other = make_price("pro", 19000).plan_version
    for target in (str(ecole.pk), str(other.pk), "x"):
        assert ada.get(url, {"target": target, "notice": "2026-12-01"}).status_code == 422
    past = {"target": str(moved.pk), "notice": "2026-11-19", **WHY}
    assert ada.post(url, past).status_code == 422
    ada.post(url, {**past, "notice": "2026-12-01"})
    assert ada.post(f"/platform/versions/{ecole.pk}/keep/", WHY).status_code == 302
    assert set(VersionMove.objects.values_list("state", flat=True)) == {"canceled"}
    with freeze(datetime.fromisoformat("2026-12-05T10:00:00+01:00")):
        engine.run_due()
    assert License.objects.get(tenant_id=tenant_a.pk, ended_at=None).plan_version == ecole


def test_the_preview_s_queries_do_not_follow_the_holders(
    ecole: PlanVersion, tenant_a: TenantInfo, space: Callable[[str], TenantInfo]
) -> None:
    from tremplin.licensing import services as licensing

    with public_write("test"):
        target = PlanVersion.objects.create(plan=ecole.plan, number=2, sold_from=NOW)
    purchase(tenant_a, ecole.prices.get())
    moves.preview(ecole, target, NOW)
    with CaptureQueriesContext(connection) as few:
        assert len(moves.preview(ecole, target, NOW)) == 1
    for slug in ("lycee", "volteo", "atelier"):
        licensing.grant_plan(space(slug), ecole, source=License.Source.MANUAL)
    moves.preview(ecole, target, NOW)
    with CaptureQueriesContext(connection) as many:
        assert len(moves.preview(ecole, target, NOW)) == 4
    assert len(many) == len(few)


# --- codes --------------------------------------------------------------------------------------

CODE = {
    "code": "rentree", "percent": "20", "amount": "", "currency": "EUR", "duration": "repeating",
    "months": "3", **WHY,
}  # fmt: skip


def test_a_code_is_made_closed_and_opened(ada: Client, hq: TenantInfo, inside: Any) -> None:
    data = {**CODE, "last_day": "2026-12-31", "max_redemptions": "10"}
    assert ada.post("/platform/coupons/", data).status_code == 302
    coupon = Coupon.objects.get()
    assert (coupon.code, coupon.percent, coupon.months) == ("RENTREE", Decimal(20), 3)
    assert coupon.valid_until == datetime.fromisoformat("2027-01-01T00:00:00+01:00")
    assert ada.post("/platform/coupons/", data).status_code == 409
    url = f"/platform/coupons/{coupon.pk}/switch/"
    assert [ada.post(url, WHY).status_code for _ in range(2)] == [302, 302]
    coupon.refresh_from_db()
    assert coupon.is_active
    ada.post(url, {"reason": ""})
    coupon.refresh_from_db()
    assert coupon.is_active
    assert reasons(hq, inside, "operations.coupon_created") == ["ticket 12"]
    assert reasons(hq, inside, "operations.coupon_closed") == ["ticket 12"]


@pytest.mark.parametrize(
    "changed",
    [
        {"percent": "0"},
        {"percent": "-5"},
        {"percent": "100.01"},
        {"percent": "12.345"},
        {"percent": "", "amount": ""},
        {"percent": "10", "amount": "10"},
        {"percent": "", "amount": "0"},
        {"percent": "", "amount": "-3"},
        {"percent": "", "amount": "9.999"},
        {"percent": "", "amount": "1.5", "currency": "XOF"},
        {"months": ""},
        {"code": "a b"},
        {"last_day": "2026-11-19"},
        {"plans": "nothing"},
        {"max_redemptions": "0"},
        {"reason": "x"},
    ],
)
def test_a_bad_code_is_refused(ada: Client, changed: dict[str, str]) -> None:
    assert ada.post("/platform/coupons/", {**CODE, **changed}).status_code == 422
    assert Coupon.objects.count() == 0


# --- who ----------------------------------------------------------------------------------------


def addresses(version: PlanVersion) -> list[str]:
    """Return the pages of plans and codes."""
    return [
        "/platform/plans/", "/platform/plans/new/", "/platform/plans/first-prices/",
        f"/platform/plans/{version.plan_id}/", f"/platform/versions/{version.pk}/",
        f"/platform/versions/{version.pk}/move/", "/platform/coupons/",
    ]  # fmt: skip


def test_only_the_platform_s_administrators_come_in(
    hq: TenantInfo,
    tenant_a: TenantInfo,
    ecole: PlanVersion,
    ada: Client,
    inside: Any,
    client_for: Callable[..., Client],
    space: Callable[[str], TenantInfo],
) -> None:
    pages = addresses(ecole)
    writes = [f"/platform/versions/{ecole.pk}/{part}/" for part in ("edit", "dates", "prices")]
    assert [ada.get(page).status_code for page in pages] == [200] * 7
    for role in ("support", "billing"):
        other = operator(hq, role, inside, client_for)
        assert [other.get(page).status_code for page in pages] == [403] * 7
        assert [other.post(page, WHY).status_code for page in writes] == [403] * 3
    for place, role in ((tenant_a, "admin"), (space("passerelle"), "reseller_owner")):
        someone = operator(place, role, inside, client_for)
        assert [someone.get(page).status_code for page in pages] == [404] * 7
        assert [someone.post(page, WHY).status_code for page in writes] == [404] * 3
    assert client_for(hq).get(pages[0]).status_code == 302


def test_the_list_s_queries_do_not_follow_the_plans(hq: TenantInfo, ecole: PlanVersion) -> None:
    with CaptureQueriesContext(connection) as few:
        selectors.plans()
    for number in range(5):
        make_price(f"plan-{number}", 1000)
    with CaptureQueriesContext(connection) as many:
        assert len(selectors.plans()) == 6
    assert len(many) == len(few)
