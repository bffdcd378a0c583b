"""The operator's list of spaces, the page of one, and what the operator gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.core.billing.engine.conftest import identify, make_price, purchase
from tests.core.operations.operator import operator
from tremplin.kernel.models import AuditEvent
from tremplin.licensing import entitlements
from tremplin.licensing import services as licensing
from tremplin.licensing.models import Grant, License, Trial
from tremplin.operations.spaces import selectors
from tremplin.testing import freeze

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo
    from tremplin.licensing.models import PlanVersion

pytestmark = pytest.mark.django_db
NOW = datetime.fromisoformat("2026-11-20T09:00:00+01:00")
WHY = {"reason": "ticket 12"}


@pytest.fixture(autouse=True)
def _now(nothing_remembered: None) -> Any:
    with freeze(NOW):
        yield


@pytest.fixture
def ada(hq: TenantInfo, inside: Any, client_for: Callable[..., Client]) -> Client:
    return operator(hq, "platform_admin", inside, client_for)


@pytest.fixture
def starter(hq: TenantInfo, tenant_a: TenantInfo) -> PlanVersion:
    """A plan of 25 seats at 49 EUR."""
    identify(tenant_a)
    return make_price("starter", 4900, seats=25).plan_version


def kinds(hq: TenantInfo, inside: Any) -> dict[str, str]:
    """Return the reasons in hq's log by kind of write."""
    with inside(hq):
        rows = AuditEvent.objects.filter(kind__startswith="operations.")
        return {row.kind: row.data["reason"] for row in rows}


def slugs(answer: Any) -> set[str]:
    """Return the spaces that a page of the list shows."""
    return {item.tenant.slug for item in answer.context["page"].object_list}


def test_the_list_says_plan_seats_and_revenue(
    ada: Client, starter: PlanVersion, tenant_a: TenantInfo
) -> None:
    purchase(tenant_a, starter.prices.get())
    item = next(one for one in selectors.listed() if one.tenant.pk == tenant_a.pk)
    assert (item.plan_key, item.licence_state) == ("starter", "active")
    assert (item.seats_used, item.seats_total) == (0, 25)
    assert item.revenue == (selectors.Revenue("EUR", 4_900),)
    page = ada.get("/platform/").content.decode()
    for slug in ("hq", "mecaformation", "passerelle"):
        assert f'data-testid="space-{slug}"' in page


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"kind": "reseller"}, {"passerelle", "autre"}),
        ({"q": "VOLT"}, {"volteo"}),
        ({"q": "nobody"}, set()),
        ({"plan": "starter"}, {"mecaformation"}),
        ({"state": "active"}, {"mecaformation"}),
        ({"status": "suspended"}, set()),
        ({"plan": "starter", "kind": "company"}, set()),
        ({"kind": "hq", "plan": "not a plan"}, {"hq"}),
    ],
)
def test_the_list_is_narrowed(
    ada: Client,
    starter: PlanVersion,
    tenant_a: TenantInfo,
    wanted: dict[str, str],
    found: set[str],
) -> None:
    licensing.grant_plan(tenant_a, starter, source="manual")
    answer = ada.get("/platform/", wanted)
    assert (answer.status_code, slugs(answer)) == (200, found)


def test_tokens_of_this_month_and_their_cap(starter: PlanVersion, tenant_a: TenantInfo) -> None:
    from uuid import uuid4

    from tenants.context import public_write
    from tremplin.licensing import consumption
    from tremplin.licensing.models import PlanEntitlement

    with public_write("test"):
        PlanEntitlement.objects.create(
            version=starter, feature="ai.tokens", value=1000, reset="month"
        )
    licensing.grant_plan(tenant_a, starter, source="manual")
    consumption.consume(tenant_a, "ai.tokens", 850, idem=uuid4())
    item = next(one for one in selectors.listed() if one.tenant.pk == tenant_a.pk)
    assert (item.tokens, item.tokens.percent) == (selectors.Tokens(850, 1000), 85)


def test_last_activity_is_one_query(
    hq: TenantInfo, tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Any
) -> None:
    from allauth.usersessions.models import UserSession

    from tremplin.identity.services import create_person

    with inside(tenant_b):
        person = create_person(
            email="a@b.example", first_name="A", last_name="B", roles=["admin"], password="x" * 20
        )
        row = UserSession.objects.create(
            user=person, session_key="k", ip="192.0.2.1", user_agent="", data={}
        )
        UserSession.objects.filter(pk=row.pk).update(last_seen_at=NOW)
    selectors.last_activity([hq])
    with CaptureQueriesContext(connection) as queries:
        assert selectors.last_activity([hq, tenant_a, tenant_b]) == {tenant_b.pk: NOW}
    assert len(queries) == 1


def test_the_list_s_queries_do_not_follow_what_spaces_hold(
    starter: PlanVersion, tenant_a: TenantInfo, space: Callable[[str], TenantInfo]
) -> None:
    purchase(tenant_a, starter.prices.get())
    selectors.listed()
    with CaptureQueriesContext(connection) as few:
        selectors.listed()
    for slug in ("lycee", "volteo", "atelier"):
        identify(space(slug))
        purchase(space(slug), starter.prices.get())
    with CaptureQueriesContext(connection) as many:
        assert sum(bool(item.revenue) for item in selectors.listed()) == 4
    assert len(many) == len(few)


def test_a_trial_gets_more_time(
    ada: Client, hq: TenantInfo, tenant_a: TenantInfo, inside: Any
) -> None:
    held = licensing.start_trial(tenant_a, "quiz")
    url = f"/platform/spaces/{tenant_a.uuid}/licences/{held.pk}/extend/"
    assert ada.post(url, {"until": "2026-11-19", **WHY}).status_code == 422
    assert ada.post(url, {"until": "2076-11-19", **WHY}).status_code == 422
    assert ada.post(url, {"until": "2026-12-31", "reason": ""}).status_code == 422
    assert ada.post(url, {"until": "2026-12-31", **WHY}).status_code == 302
    until = datetime.fromisoformat("2027-01-01T00:00:00+01:00")
    held.refresh_from_db()
    assert (held.valid_until, Trial.objects.get().ends_at) == (until, until)
    ended = f"/platform/spaces/{tenant_a.uuid}/licences/{held.pk}/end/"
    assert ada.post(ended, {"reason": ""}).status_code == 422
    assert ada.post(ended, WHY).status_code == 302
    assert [ada.post(url, {"until": "2027-01-31", **WHY}).status_code,
            ada.post(ended, WHY).status_code] == [409, 409]  # fmt: skip
    assert kinds(hq, inside) == {
        "operations.licence_extended": "ticket 12", "operations.licence_ended": "ticket 12",
    }  # fmt: skip
    with inside(tenant_a):
        assert AuditEvent.objects.filter(kind="licence.extended").count() == 1


def test_a_module_tried_before_opens_again(
    ada: Client, hq: TenantInfo, tenant_a: TenantInfo, inside: Any
) -> None:
    tried = licensing.start_trial(tenant_a, "quiz")
    page = f"/platform/spaces/{tenant_a.uuid}/"
    again = {"module": "quiz", "days": "10", **WHY}
    assert b'data-testid="trial-again"' not in ada.get(page).content  # it runs: nothing to open
    assert ada.post(page, again).status_code == 404
    licensing.end(tenant_a, tried, reason="over")
    assert b'data-testid="trial-again"' in ada.get(page).content
    assert ada.post(page, {**again, "days": "91"}).status_code == 422
    assert ada.post(page, {**again, "reason": "no"}).status_code == 422
    assert ada.post(page, again).status_code == 302
    held = License.objects.get(tenant_id=tenant_a.pk, state="trialing")
    assert (held.module, held.valid_until) == ("quiz", Trial.objects.get().ends_at)
    for here in (hq, tenant_a):
        with inside(here):
            assert AuditEvent.objects.filter(kind="licence.trial_given").count() == 1


def test_the_terms_of_a_reseller_are_reached_from_its_page(
    ada: Client, space: Callable[[str], TenantInfo]
) -> None:
    seller = space("passerelle")
    terms = f'href="/platform/resellers/{seller.uuid}/"'
    page = ada.get(f"/platform/spaces/{seller.uuid}/").content.decode()
    assert page.count(terms) == 1


def test_what_a_subscription_pays_is_not_touched(
    ada: Client, starter: PlanVersion, tenant_a: TenantInfo
) -> None:
    purchase(tenant_a, starter.prices.get())
    held = License.objects.get(tenant_id=tenant_a.pk)
    base = f"/platform/spaces/{tenant_a.uuid}"
    assert ada.post(f"{base}/licences/{held.pk}/end/", WHY).status_code == 409
    later = {"until": "2026-12-31", **WHY}
    assert ada.post(f"{base}/licences/{held.pk}/extend/", later).status_code == 409
    given = {"version": str(starter.pk), "until": "", **WHY}
    assert ada.post(f"{base}/plan/", given).status_code == 409
    held.refresh_from_db()
    assert (held.ended_at, held.valid_until) == (None, None)


def test_a_plan_and_an_amount_are_given(
    ada: Client, hq: TenantInfo, starter: PlanVersion, tenant_a: TenantInfo, inside: Any
) -> None:
    base = f"/platform/spaces/{tenant_a.uuid}"
    given = {"version": str(starter.pk), "until": "2026-12-31", **WHY}
    assert ada.post(f"{base}/plan/", {**given, "version": "x"}).status_code == 422
    assert ada.post(f"{base}/plan/", given).status_code == 302
    held = License.objects.get(tenant_id=tenant_a.pk)
    assert (held.source, held.seats_total) == ("manual", 25)
    more = {"feature": "people.seats", "amount": "5", "until": "", **WHY}
    for bad in ({"amount": ""}, {"amount": "0"}, {"amount": "-5"}, {"feature": "x"},
                {"feature": "api.access"}, {"reason": ""}):  # fmt: skip
        assert ada.post(f"{base}/give/", {**more, **bad}).status_code == 422, bad
    assert Grant.objects.count() == 0
    assert (
        ada.post(f"{base}/give/", {"feature": "api.access", "amount": "", **WHY}).status_code == 302
    )
    assert entitlements.for_tenant(tenant_a).check("api.access").allowed
    grant = Grant.objects.get()
    assert (grant.feature, grant.value, grant.reason) == ("api.access", True, "ticket 12")
    assert kinds(hq, inside) == {
        "operations.plan_given": "ticket 12", "operations.feature_given": "ticket 12",
    }  # fmt: skip
    assert ada.get(f"{base}/").status_code == 200


def test_foreign_rows_and_other_kinds_are_missing_pages(
    ada: Client,
    starter: PlanVersion,
    hq: TenantInfo,
    tenant_a: TenantInfo,
    tenant_b: TenantInfo,
    space: Callable[[str], TenantInfo],
) -> None:
    held = licensing.start_trial(tenant_b, "quiz")
    wrong = f"/platform/spaces/{tenant_a.uuid}/licences/{held.pk}/end/"
    assert ada.post(wrong, WHY).status_code == 404
    for place in (hq, space("passerelle")):
        data = {"version": str(starter.pk), **WHY}
        assert ada.post(f"/platform/spaces/{place.uuid}/plan/", data).status_code == 404
        assert ada.get(f"/platform/spaces/{place.uuid}/").status_code == 200


def test_who_comes_in(
    starter: PlanVersion,
    hq: TenantInfo,
    tenant_a: TenantInfo,
    inside: Any,
    client_for: Callable[..., Client],
    space: Callable[[str], TenantInfo],
) -> None:
    base = f"/platform/spaces/{tenant_a.uuid}"
    for role in ("support", "billing"):
        someone = operator(hq, role, inside, client_for)
        assert someone.get("/platform/").status_code == 403
        assert someone.post(f"{base}/plan/", WHY).status_code == 403
    for place, role in ((tenant_a, "admin"), (space("passerelle"), "reseller_owner")):
        someone = operator(place, role, inside, client_for)
        assert someone.get("/platform/").status_code == 404
        assert someone.post(f"{base}/give/", WHY).status_code == 404
