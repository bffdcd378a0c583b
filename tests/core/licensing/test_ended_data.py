"""Ninety days after a licence ended its data is gone; never before it was told, never more."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tenants.context import public_write
from tenants.registry import TenantInfo
from tests.core.third_party.test_purge import held
from tremplin.api import services as platform
from tremplin.kernel import gate
from tremplin.kernel.models import AuditEvent, OutboxEvent, Receipt
from tremplin.licensing import keeping, notices, services
from tremplin.licensing.models import License, Plan, PlanItem, PlanVersion
from tremplin.modules import purge
from tremplin.modules.holdings import Module, summary
from tremplin.modules.tasks import purge_ended
from tremplin.testing import freeze

pytestmark = pytest.mark.django_db
__all__ = ["held"]
Inside = Callable[[TenantInfo], AbstractContextManager[None]]
DAY = timedelta(days=1)
START = datetime.fromisoformat("2026-03-02T09:00:00+00:00")


def plan(key: str, *modules: str) -> PlanVersion:
    """A plan of the space that holds modules."""
    with public_write("test"):
        version = PlanVersion.objects.create(
            plan=Plan.objects.create(key=key, name_en=key, name_fr=key), number=1, sold_from=START
        )
        for module in modules:
            PlanItem.objects.create(version=version, module=module)
    return version


def night(tenant: TenantInfo, inside: Inside, at: datetime) -> tuple[list[str], list[str]]:
    """Do what each night does; return the notices and the modules erased."""
    with freeze(at), inside(tenant):
        services.record_transitions(tenant)
        return notices.send_due(tenant), purge.run_ended(tenant)


def life(tenant: TenantInfo, inside: Inside, start: datetime, days: range) -> list[tuple[int, Any]]:
    """Return the nights on which something happened."""
    found = []
    for number in days:
        told, erased = night(tenant, inside, start + number * DAY)
        if told or erased:
            found.append((number, (told, erased)))
    return found


def publish(tenant: TenantInfo, inside: Inside) -> None:
    """Write an event of the module, heard by a core subscriber, and one of another module."""
    with inside(tenant):
        for name in ("tremplin.quiz.attempt_completed.v1", "tremplin.other.happened.v1"):
            event = OutboxEvent.objects.create(
                event_id=uuid4(), name=name, aggregate="x", payload={"person": "théo"},
                occurred_at=START,
            )  # fmt: skip
            Receipt.objects.create(event_id=event.event_id, subscriber="core.heard")


def test_a_plan_that_ended_is_told_twice_then_its_data_goes(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside, held: dict[str, Any]
) -> None:
    from tremplin.files.models import StoredFileRecord

    for tenant in (tenant_a, tenant_b):
        with freeze(START):
            services.grant_plan(tenant, plan(f"p-{tenant.slug}", "quiz"), source="manual")
        publish(tenant, inside)
    ended = START + 10 * DAY
    with freeze(ended):
        licence = License.objects.get(tenant_id=tenant_a.pk)
        services.end(tenant_a, licence, reason="canceled")
    with freeze(ended + 30 * DAY):
        assert gate.mode(tenant_a, "quiz") == "off"
    assert summary(tenant_a, Module("quiz")) == held[tenant_a.slug]
    assert life(tenant_a, inside, ended, range(100)) == [
        (60, (["licensing.kept_60"], [])),
        (80, (["licensing.kept_80"], [])),
        (90, ([], ["quiz"])),
    ]
    assert summary(tenant_a, Module("quiz")).empty
    with inside(tenant_a):
        # Files of the module are gone, those of others stay; its events went, the audit stays.
        assert list(StoredFileRecord.objects.values_list("purpose", flat=True)) == ["quizzical"]
        assert list(OutboxEvent.objects.filter(aggregate="x").values_list("name", flat=True)) == [
            "tremplin.other.happened.v1"
        ]
        assert Receipt.objects.filter(subscriber="core.heard").count() == 1
        last = AuditEvent.objects.order_by("-id").first()
        assert last is not None
        rows = held[tenant_a.slug].rows
        assert (last.kind, last.target, last.data) == (
            "module.purged", "module:quiz",
            {"rows": rows, "files": 1, "version": "1.0.0", "reason": "licence_ended"},
        )  # fmt: skip
    assert License.objects.filter(tenant_id=tenant_a.pk).count() == 1
    # The other school, whose plan runs, lost nothing.
    assert life(tenant_b, inside, ended, range(90, 92)) == []
    assert summary(tenant_b, Module("quiz")) == held[tenant_b.slug]
    with inside(tenant_b):
        assert OutboxEvent.objects.filter(name__startswith="tremplin.quiz.").count() == 1


def test_invoices_outlive_the_data(
    hq: TenantInfo, tenant_a: TenantInfo, inside: Inside, held: dict[str, Any]
) -> None:
    from tests.core.billing.engine.conftest import card, identify, make_price
    from tremplin.billing import guards, invoicing, reconciliation
    from tremplin.billing import services as billing
    from tremplin.billing.models import Invoice

    assert guards is not None
    identify(tenant_a)
    with freeze(START):
        price = make_price("quiz-alone", 1900, module="quiz")
        sub = card(tenant_a, price)
        billing.cancel(sub, at_period_end=False)
    (invoice,) = Invoice.objects.filter(tenant_id=tenant_a.pk)
    before = invoicing.pdf(invoice)
    assert life(tenant_a, inside, START, range(55, 95))[-1] == (90, ([], ["quiz"]))
    kept = Invoice.objects.get(pk=invoice.pk)
    assert (kept.number, kept.total_minor, kept.state) == (invoice.number, 2280, "paid")
    assert invoicing.pdf(kept) == before
    with freeze(START + 95 * DAY):
        assert reconciliation.run() == []


def test_a_smaller_plan_tells_of_each_module_it_has_not(
    tenant_a: TenantInfo, inside: Inside, held: dict[str, Any]
) -> None:
    with freeze(START):
        services.grant_plan(tenant_a, plan("large", "quiz"), source="subscription")
        services.grant_plan(tenant_a, plan("small"), source="subscription")
    assert life(tenant_a, inside, START, range(95)) == [
        (60, (["licensing.kept_60:quiz"], [])),
        (80, (["licensing.kept_80:quiz"], [])),
        (90, ([], ["quiz"])),
    ]


def test_a_trial_that_nobody_bought_goes_the_same_way(
    tenant_a: TenantInfo, inside: Inside, held: dict[str, Any]
) -> None:
    with freeze(START):
        services.start_trial(tenant_a, "quiz")
    found = life(tenant_a, inside, START + 14 * DAY, range(1, 95))
    assert found[-3:] == [
        (60, (["licensing.kept_60:quiz"], [])),
        (80, (["licensing.kept_80:quiz"], [])),
        (90, ([], ["quiz"])),
    ]


def test_who_comes_back_in_time_keeps_everything(
    tenant_a: TenantInfo, inside: Inside, held: dict[str, Any]
) -> None:
    with freeze(START):
        services.start_trial(tenant_a, "quiz")
    end = START + 14 * DAY
    assert [number for number, _ in life(tenant_a, inside, end, range(1, 90))] == [1, 60, 80]
    with freeze(end + 89 * DAY):
        services.grant_module(tenant_a, "quiz", source="manual")
        assert gate.mode(tenant_a, "quiz") == "on"
    assert life(tenant_a, inside, end, range(90, 200)) == []
    assert summary(tenant_a, Module("quiz")) == held[tenant_a.slug]


def test_an_installation_that_was_stopped_tells_before_it_erases(
    tenant_a: TenantInfo, inside: Inside, held: dict[str, Any]
) -> None:
    """Nobody was told for 200 days: the last notice leaves now, and names a day ten days ahead."""
    with freeze(START):
        services.grant_plan(tenant_a, plan("large", "quiz"), source="manual")
        services.end(tenant_a, License.objects.get(tenant_id=tenant_a.pk), reason="canceled")
    with freeze(START + 200 * DAY), inside(tenant_a):
        assert purge.run_ended(tenant_a) == []
    assert life(tenant_a, inside, START, range(200, 215)) == [
        (200, (["licensing.kept_80"], [])),
        (210, ([], ["quiz"])),
    ]


def test_it_can_be_bought_again_and_starts_empty(
    tenant_a: TenantInfo, inside: Inside, held: dict[str, Any]
) -> None:
    with freeze(START):
        services.start_trial(tenant_a, "quiz")
    life(tenant_a, inside, START + 14 * DAY, range(55, 95))
    with freeze(START + 120 * DAY):
        services.grant_module(tenant_a, "quiz", source="manual")
        gate.activate(tenant_a, "quiz")
        assert gate.mode(tenant_a, "quiz") == "on"
        assert keeping.lost(tenant_a) == []
    found = summary(tenant_a, Module("quiz"))
    assert (found.rows, found.files, found.settings, found.state) == (0, 0, 0, 1)


def test_the_job_of_the_night_does_it_in_its_space(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside, held: dict[str, Any]
) -> None:
    with freeze(START):
        for tenant in (tenant_a, tenant_b):
            services.start_trial(tenant, "quiz")
    for tenant in (tenant_a, tenant_b):
        for number in (74, 94):
            with freeze(START + number * DAY), inside(tenant):
                notices.send_due(tenant)
    with freeze(START + 104 * DAY), inside(tenant_a):
        assert purge_ended() == ["quiz"]
        assert purge_ended() == []
    assert summary(tenant_a, Module("quiz")).empty
    assert summary(tenant_b, Module("quiz")) == held[tenant_b.slug]
    assert platform.files() is not None
