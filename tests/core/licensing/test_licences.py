"""Plans given, replaced, unpaid, paid again and ended; trials taken once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from tenants.context import public_write, use
from tenants.registry import TenantInfo
from tremplin.kernel import gate
from tremplin.kernel.models import AuditEvent
from tremplin.licensing import entitlements, seats, services, snapshots
from tremplin.licensing.errors import TrialUsed, VersionFrozen
from tremplin.licensing.models import License, Plan, PlanEntitlement, PlanItem, PlanVersion, Trial
from tremplin.testing import freeze

pytestmark = pytest.mark.django_db
NOON = datetime.fromisoformat("2026-11-20T12:00:00+01:00")
DAY = timedelta(days=1)


@pytest.fixture
def version() -> Callable[..., PlanVersion]:
    """Return ``version(key, seats)``: a plan with the quiz and the API."""

    def make(key: str, total: int) -> PlanVersion:
        with public_write("test"):
            plan = Plan.objects.create(key=key, name_en=key, name_fr=key)
            found = PlanVersion.objects.create(plan=plan, number=1, sold_from=NOON - DAY)
            PlanItem.objects.create(version=found, module="quiz")
            for feature, value in {"people.seats": total, "api.access": True}.items():
                PlanEntitlement.objects.create(version=found, feature=feature, value=value)
        return found

    return make


def kinds(tenant: TenantInfo) -> list[str]:
    with use(tenant):
        rows = AuditEvent.objects.filter(kind__startswith="licence.").order_by("id")
        return list(rows.values_list("kind", flat=True))


def test_a_plan_opens_its_modules_and_its_features(
    tenant_a: TenantInfo, version: Callable[..., PlanVersion]
) -> None:
    with freeze(NOON):
        plan = version("ecole-test", 100)
        held = services.grant_plan(tenant_a, plan, source="subscription")
        assert (held.seats_total, held.state) == (100, "active")
        assert gate.states(tenant_a)["quiz"].licensed_mode == "on"
        assert entitlements.for_tenant(tenant_a).check("api.access").allowed is True
        assert PlanVersion.objects.get(pk=plan.pk).first_sold_at == NOON
        with pytest.raises(VersionFrozen):
            services.require_draft(PlanVersion.objects.get(pk=plan.pk))
        assert services.current_version("ecole-test") == plan
    assert kinds(tenant_a) == ["licence.changed", "licence.granted"]


def test_people_keep_their_seats_when_the_plan_changes(
    tenant_a: TenantInfo, version: Callable[..., PlanVersion]
) -> None:
    big = services.grant_plan(tenant_a, version("big", 3), source="subscription")
    seats.take(tenant_a, [uuid4(), uuid4()])
    small = services.grant_plan(tenant_a, version("small", 1), source="subscription")
    big.refresh_from_db()
    small.refresh_from_db()
    assert (big.state, big.seats_used) == ("ended", 0)
    assert (small.seats_used, small.seats_total, small.is_over_limit) == (2, 1, True)


def test_unpaid_goes_down_the_stairs_and_payment_restores_at_once(
    tenant_a: TenantInfo, version: Callable[..., PlanVersion]
) -> None:
    with freeze(NOON):
        held = services.grant_plan(tenant_a, version("p", 10), source="subscription")
        services.note_payment(tenant_a, held, unpaid_since=NOON)
    seen = []
    for days in (0, 14, 21, 81, 111):
        with freeze(NOON + days * DAY):
            services.record_transitions(tenant_a)
            held.refresh_from_db()
            seen.append((days, held.state, snapshots.of(tenant_a).modules["quiz"]))
    assert seen == [
        (0, "past_due", "on"),
        (14, "grace", "on"),
        (21, "suspended", "read_only"),
        (81, "ended", "read_only"),
        (111, "ended", "off"),
    ]


def test_a_late_payment_closes_no_module_before_its_day_without_any_job(
    tenant_a: TenantInfo, version: Callable[..., PlanVersion]
) -> None:
    with freeze(NOON):
        held = services.grant_plan(tenant_a, version("p", 10), source="subscription")
        services.note_payment(tenant_a, held, unpaid_since=NOON + 3 * DAY)
        gate.activate(tenant_a, "quiz")
    seen = []
    for days in (2, 4, 20, 23.99, 24, 53.99):
        with freeze(NOON + days * DAY):
            seen.append((days, gate.mode(tenant_a, "quiz")))
    assert seen == [
        (2, "on"),
        (4, "on"),
        (20, "on"),
        (23.99, "on"),
        (24, "read_only"),
        (53.99, "read_only"),
    ]


def test_an_ended_module_can_be_read_for_thirty_days_and_not_twice(
    tenant_a: TenantInfo,
) -> None:
    with freeze(NOON):
        services.start_trial(tenant_a, "quiz")
        gate.activate(tenant_a, "quiz")
        assert gate.states(tenant_a)["quiz"].readable_until is None
    end = NOON + 14 * DAY
    with freeze(end):
        assert gate.states(tenant_a)["quiz"].readable_until == end + 30 * DAY
        services.record_transitions(tenant_a)
        assert gate.states(tenant_a)["quiz"].readable_until == end + 30 * DAY
        assert gate.mode(tenant_a, "quiz") == "read_only"
    with freeze(end + 29.99 * DAY):
        assert gate.mode(tenant_a, "quiz") == "read_only"
    with freeze(end + 30 * DAY):
        assert gate.mode(tenant_a, "quiz") == "off"


def test_a_plan_converts_the_trials_of_its_modules(
    tenant_a: TenantInfo, version: Callable[..., PlanVersion]
) -> None:
    with freeze(NOON):
        tried = services.start_trial(tenant_a, "quiz")
        services.grant_plan(tenant_a, version("p", 10), source="subscription")
        tried.refresh_from_db()
        assert (tried.state, tried.ended_at) == ("ended", NOON)
        assert Trial.objects.get(tenant_id=tenant_a.pk).converted_at == NOON
        assert gate.states(tenant_a)["quiz"].licensed_until is None


def test_payment_restores_a_suspended_plan(
    tenant_a: TenantInfo, version: Callable[..., PlanVersion]
) -> None:
    with freeze(NOON):
        held = services.grant_plan(tenant_a, version("p", 10), source="subscription")
        services.note_payment(tenant_a, held, unpaid_since=NOON - 30 * DAY)
        held.refresh_from_db()
        assert held.state == "suspended"
        assert entitlements.for_tenant(tenant_a).check("api.access").reason == "suspended"
        assert gate.states(tenant_a)["quiz"].licensed_mode == "read_only"
        services.note_payment(tenant_a, held, unpaid_since=None)
        held.refresh_from_db()
        assert held.state == "active"
        assert entitlements.for_tenant(tenant_a).check("api.access").allowed is True
        assert gate.states(tenant_a)["quiz"].licensed_mode == "on"


def test_a_trial_is_taken_once_and_a_purchase_converts_it(
    tenant_a: TenantInfo, tenant_b: TenantInfo
) -> None:
    with freeze(NOON):
        held = services.start_trial(tenant_a, "quiz")
        assert (held.state, held.valid_until) == ("trialing", NOON + 14 * DAY)
        with pytest.raises(TrialUsed):
            services.start_trial(tenant_a, "quiz")
        services.start_trial(tenant_b, "quiz")
        bought = services.grant_module(tenant_a, "quiz", source="one_time")
        held.refresh_from_db()
        assert (held.state, bought.state) == ("ended", "active")
        assert Trial.objects.get(tenant_id=tenant_a.pk).converted_at == NOON
        assert Trial.objects.get(tenant_id=tenant_b.pk).converted_at is None
        assert gate.states(tenant_a)["quiz"].licensed_until is None
    with freeze(NOON + 14 * DAY):
        services.record_transitions(tenant_b)
        assert License.objects.get(tenant_id=tenant_b.pk).state == "ended"
        assert gate.states(tenant_b)["quiz"].licensed_mode == "read_only"
        with pytest.raises(TrialUsed):
            services.start_trial(tenant_b, "quiz")


def test_a_module_bought_once_stays_while_the_plan_is_suspended(
    tenant_a: TenantInfo, version: Callable[..., PlanVersion]
) -> None:
    with freeze(NOON):
        plan = services.grant_plan(tenant_a, version("p", 10), source="subscription")
        services.grant_module(tenant_a, "quiz", source="one_time")
        services.note_payment(tenant_a, plan, unpaid_since=NOON - 30 * DAY)
        assert gate.states(tenant_a)["quiz"].licensed_mode == "on"


def test_goodwill_adds_to_a_plan_until_it_expires(
    tenant_a: TenantInfo, version: Callable[..., PlanVersion]
) -> None:
    with freeze(NOON):
        services.grant_plan(tenant_a, version("p", 10), source="subscription")
        services.add_grant(
            tenant_a, "sso.enabled", True, source="goodwill", reason="pilot",
            expires_at=NOON + DAY,
        )  # fmt: skip
        assert entitlements.for_tenant(tenant_a).check("sso.enabled").allowed is True
    with freeze(NOON + DAY):
        assert entitlements.for_tenant(tenant_a).check("sso.enabled").allowed is False
