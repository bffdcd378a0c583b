"""The plans of the platform, the one of a new space, and what modules ask of licensing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import transaction

from tenants import provisioning, registry
from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api import Problem
from tremplin.api import services as platform
from tremplin.identity import services as people
from tremplin.identity.errors import NoPlace
from tremplin.kernel import clock
from tremplin.licensing import (
    defaults,
    entitlements,
    over_limit,
    plans_catalogue,
    seats,
    selectors,
    services,
    snapshots,
)
from tremplin.licensing.models import License, PlanVersion, SeatAssignment, UsageEvent
from tremplin.licensing.plans_catalogue import Amount, PlanFacts
from tremplin.licensing.privacy import UsagePersonalData

pytestmark = pytest.mark.django_db
Sell = Callable[..., License]
Inside = Callable[[TenantInfo], AbstractContextManager[None]]
SESSIONS = "interview.sessions"
PER_USER = {"value": 2, "reset": "month", "scope": "user"}


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def facts(key: str, **features: Any) -> PlanFacts:
    return PlanFacts(
        key, "N", "N", "S", "S", ("quiz",), {name: Amount(v) for name, v in features.items()}
    )


def test_the_plans_are_those_of_the_offer() -> None:
    done = plans_catalogue.sync()
    assert done.created == (
        "gratuit", "starter", "ecole", "pro", "expert", "entreprise", "module-quiz",
    )  # fmt: skip
    assert done.renewed == ()
    table = {}
    for key in done.created[:6]:
        version = services.current_version(key)
        held = {item.feature: item.value for item in version.entitlements.all()}
        table[key] = (
            held["people.seats"], held[SESSIONS], held["interview.personas"],
            held.get("interview.full_report", False), held.get("report.pdf", False),
            held.get("api.access", False), held.get("sso.enabled", False),
        )  # fmt: skip
    assert table == {
        "gratuit": (10, 3, 1, False, False, False, False),
        "starter": (25, 30, 2, False, False, False, False),
        "ecole": (100, 30, 2, False, True, True, True),
        "pro": (50, None, 5, True, True, True, False),
        "expert": (80, None, 5, True, True, True, True),
        "entreprise": (250, None, None, True, True, True, True),
    }
    assert plans_catalogue.sync() == plans_catalogue.Synced((), ())
    assert PlanVersion.objects.count() == 7


def test_a_sold_version_stays_and_its_successor_is_sold(tenant_a: TenantInfo) -> None:
    plans_catalogue.sync([facts("a", **{"people.seats": 5})])
    first = services.current_version("a")
    services.grant_plan(tenant_a, first, source="subscription")
    assert plans_catalogue.sync([facts("a", **{"people.seats": 7})]).renewed == ("a",)
    second = services.current_version("a")
    first.refresh_from_db()
    assert (second.number, first.successor_id, first.sold_until is None) == (2, second.pk, False)
    assert [item.value for item in first.entitlements.all()] == [5]
    assert seats.status(tenant_a).total == 5


def test_a_new_school_holds_the_free_plan_and_the_operator_none(settings: Any) -> None:
    settings.DEFAULT_PLAN = "gratuit"
    moment = clock.now()
    with clock.frozen_at(moment):
        made = provisioning.create(
            provisioning.NewTenant(
                name="Neuve", slug="neuve", kind="school", email="x@neuve.example"
            )
        )
    tenant = registry.by_pk(made.pk)
    assert tenant is not None
    held = seats.plan_license(tenant)
    assert held is not None
    assert held.plan_version is not None
    assert (held.plan_version.plan.key, held.seats_total, held.seats_used) == ("gratuit", 10, 0)
    assert list(held.plan_version.items.values_list("module", flat=True)) == []
    assert held.seats_open_until == moment + timedelta(days=14)
    assert entitlements.for_tenant(tenant).check("sso.enabled").reason == "not_entitled"
    reseller = provisioning.create(
        provisioning.NewTenant(name="R", slug="revend", kind="reseller", email="x@r.example")
    )
    assert License.objects.filter(tenant_id=reseller.pk).count() == 0
    chosen = provisioning.create(
        provisioning.NewTenant(
            name="G", slug="grande", kind="company", email="x@g.example",
            options={"plan": "entreprise"},
        )
    )  # fmt: skip
    found = seats.status(registry.by_pk(chosen.pk) or chosen)
    assert (found.used, found.total) == (0, 250)


def _welcomed(settings: Any) -> TenantInfo:
    settings.DEFAULT_PLAN = "gratuit"
    made = provisioning.create(
        provisioning.NewTenant(name="Neuve", slug="neuve", kind="school", email="x@neuve.example")
    )
    tenant = registry.by_pk(made.pk)
    assert tenant is not None
    return tenant


def _bring(tenant: TenantInfo, numbers: range) -> None:
    with use(tenant):
        for number in numbers:
            people.create_person(email=f"p{number}@neuve.example")


def _limit(tenant: TenantInfo) -> Any:
    return snapshots.of(tenant).entitlements["people.seats"].value


def test_a_new_space_brings_its_people_before_it_buys(settings: Any) -> None:
    tenant = _welcomed(settings)
    start = seats.plan_license(tenant)
    assert start is not None
    _bring(tenant, range(28))
    found = seats.status(tenant)
    assert (found.used, found.total, found.is_over_limit, _limit(tenant)) == (28, None, False, None)
    bought = services.grant_plan(tenant, services.current_version("ecole"), source="subscription")
    found = seats.status(tenant)
    assert (found.used, found.total, found.is_over_limit, _limit(tenant)) == (28, 100, False, 100)
    assert bought.seats_open_until is None
    with pytest.raises(NoPlace) as refused:
        _bring(tenant, range(28, 101))
    assert (refused.value.code, seats.status(tenant).used) == ("seats_full", 100)


def test_the_welcome_ends_after_fourteen_days_and_leaves_time_to_choose(settings: Any) -> None:
    tenant = _welcomed(settings)
    _bring(tenant, range(12))
    held = seats.plan_license(tenant)
    assert held is not None
    assert held.seats_open_until is not None
    with clock.frozen_at(held.seats_open_until - timedelta(seconds=1)):
        _bring(tenant, range(12, 13))
        assert (seats.status(tenant).used, seats.status(tenant).total) == (13, None)
    with clock.frozen_at(held.seats_open_until), use(tenant):
        assert (seats.status(tenant).used, seats.status(tenant).total) == (13, 10)
        assert _limit(tenant) == 10
        with pytest.raises(NoPlace) as refused:
            people.create_person(email="late@neuve.example")
        assert refused.value.code == "seats_full"
        assert over_limit.close_the_last(tenant) == []
        held.refresh_from_db()
        assert held.is_over_limit
        assert over_limit.closes_at(held) == held.seats_open_until + timedelta(days=14)
        assert len(over_limit.losing(held)) == 3


def test_the_command_gives_the_plan_to_those_who_have_none(settings: Any) -> None:
    settings.DEFAULT_PLAN = "gratuit"
    out = StringIO()
    call_command("licensing_sync_plans", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[1] == "new versions: none"
    assert sorted(lines[2].partition(": ")[2].split(", ")) == [
        "atelier", "lycee", "mecaformation", "volteo",
    ]  # fmt: skip
    again = StringIO()
    call_command("licensing_sync_plans", stdout=again)
    assert again.getvalue().splitlines() == [
        "new plans: none",
        "new versions: none",
        "spaces that received the default plan: none",
    ]


def test_without_a_default_plan_nothing_is_limited(tenant_a: TenantInfo, inside: Inside) -> None:
    assert defaults.version_for(tenant_a) is None
    with inside(tenant_a):
        assert platform.usage().check("anything.at_all").reason == "unlimited"
        assert platform.contexts().current().entitlements.check("sso.enabled").allowed is True


def test_a_module_counts_through_the_service(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside, sell: Sell
) -> None:
    sell(tenant_a, {SESSIONS: PER_USER})
    sell(tenant_b, {SESSIONS: PER_USER})
    theo, key = uuid4(), uuid4()
    with inside(tenant_a):
        usage = platform.usage()
        assert usage.consume(SESSIONS, person=theo, key=key) is True
        assert usage.consume(SESSIONS, person=theo, key=key) is False
        assert usage.check(SESSIONS, person=theo).remaining == 1
        with pytest.raises(Problem) as refused, transaction.atomic():
            usage.consume(SESSIONS, 2, person=theo, key=uuid4())
        assert (refused.value.status, refused.value.code) == (402, "quota_exceeded")
        assert usage.give_back(SESSIONS, person=theo, key=uuid4(), failure="timeout") is True
        assert usage.check(SESSIONS, person=theo).remaining == 2
    with inside(tenant_b):
        assert platform.usage().check(SESSIONS, person=theo).used == 0


def test_pages_read_all_counters_in_one_query(
    tenant_a: TenantInfo, sell: Sell, django_assert_num_queries: Any
) -> None:
    content = {
        SESSIONS: PER_USER,
        "ai.tokens": {"value": 1_000, "reset": "month", "scope": "tenant"},
    }
    sell(tenant_a, content)
    theo = uuid4()
    from tremplin.licensing import consumption, snapshots

    consumption.consume(tenant_a, SESSIONS, person=theo, idem=uuid4())
    snapshot = snapshots.of(tenant_a)
    meters = [(key, held.meters[0]) for key, held in snapshot.entitlements.items() if held.meters]
    assert len(meters) == 2
    with django_assert_num_queries(1):
        found = entitlements.counters(tenant_a, meters, theo)
    assert sorted(counter.used for counter in found) == [0, 1]
    rows = selectors.quotas_of(tenant_a, theo, frozenset())
    assert [(row.feature, row.used, row.maximum, row.remaining) for row in rows] == [
        (SESSIONS, 1, 2, 1)
    ]
    assert selectors.quotas_of(tenant_a, uuid4(), frozenset()) == []
    assert len(selectors.quotas_of(tenant_a, uuid4(), frozenset({"interview"}))) == 1


def test_the_home_page_says_what_is_left_without_blame(
    tenant_a: TenantInfo, inside: Inside, sell: Sell, client_for: Any
) -> None:
    from tremplin.licensing import consumption

    sell(tenant_a, {SESSIONS: PER_USER})
    with inside(tenant_a):
        theo = people.create_person(email="theo@x.example", locale="fr")
    for _number in range(2):
        consumption.consume(tenant_a, SESSIONS, person=theo.pk, idem=uuid4())
    page = client_for(tenant_a, theo).get("/app/").content.decode()
    assert 'data-testid="quota-card"' in page
    assert "2 sur 2 utilisés" in page
    assert "Bien utilisé\u202f! Tout ce que vous avez fait reste consultable." in page
    assert "/console/billing/" not in page


def test_the_usage_page_and_its_spreadsheet(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside, sell: Sell, client_for: Any
) -> None:
    from tremplin.licensing import consumption

    sell(tenant_a, {"people.seats": 10, SESSIONS: PER_USER}, seats_total=10)
    sell(tenant_b, {"people.seats": 10, SESSIONS: PER_USER}, seats_total=10)
    with inside(tenant_a):
        nadia = people.create_person(email="nadia@x.example", roles=["admin"], locale="en")
        theo = people.create_person(email="theo@x.example", first_name="Théo", last_name="R")
    consumption.consume(tenant_a, SESSIONS, person=theo.pk, idem=uuid4())
    consumption.consume(tenant_b, SESSIONS, person=uuid4(), idem=uuid4())
    client = client_for(tenant_a, nadia)
    client.cookies["language"] = "en"
    page = client.get("/console/billing/usage/").content.decode()
    assert 'data-testid="usage-places-figures">1/10<' in page
    assert "Théo R" in page
    assert 'data-testid="usage-chart"' in page
    lines = client.get("/console/billing/usage.csv").content.decode("utf-8-sig").splitlines()
    assert lines[0] == "Month,Feature,Person,Units"
    assert [line.split(",", 1)[1] for line in lines[1:]] == ["Interview sessions,Théo R,1"]
    assert client_for(tenant_a, theo).get("/console/billing/usage.csv").status_code == 403


def test_what_is_kept_about_a_person_is_exported_and_erased(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside, sell: Sell
) -> None:
    from tremplin.licensing import consumption

    keeper = UsagePersonalData()
    shared = uuid4()
    for tenant in (tenant_a, tenant_b):
        sell(tenant, {"people.seats": 5, SESSIONS: PER_USER}, seats_total=5)
        seats.take(tenant, [shared])
        consumption.consume(tenant, SESSIONS, person=shared, idem=uuid4(), ref="interview:1")
    with inside(tenant_a):
        ctx = platform.contexts().current()
        (file,) = keeper.export(ctx, shared)
        assert [row["state"] for row in file.data["seats"]] == ["active"]
        assert [(row["feature"], row["quantity"]) for row in file.data["usage"]] == [(SESSIONS, 1)]
        assert keeper.erase(ctx, shared) == 3
        assert keeper.erase(ctx, shared) == 0
        assert list(keeper.export(ctx, shared)) == []
    # The total stays, nameless; the same person of another space is untouched.
    assert UsageEvent.objects.filter(tenant_id=tenant_a.pk, subject="", reference="").count() == 1
    assert SeatAssignment.objects.filter(member=shared).count() == 1
    assert seats.status(tenant_a).used == 0
    assert seats.status(tenant_b).used == 1
