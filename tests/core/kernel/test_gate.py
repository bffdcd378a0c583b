"""The activation gate: licence, activation, quarantine, time; per tenant and without queries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from tremplin.api import Problem
from tremplin.kernel import gate, registry
from tremplin.kernel.models import AuditEvent
from tremplin.kernel.state.models import JobStatus, ModuleState
from tremplin.testing import freeze as frozen

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _modules(support: Callable[..., Any]) -> None:
    support("dummy", "raises")


def _license(tenant: Any, mode: Any = "on", **options: Any) -> None:
    gate.set_licence(tenant, "dummy", mode, reason="test", **options)


def test_a_module_is_off_until_licensed_and_activated(tenant_a: Any, tenant_b: Any) -> None:
    assert gate.mode(tenant_a, "dummy") == "off"
    _license(tenant_a)
    assert gate.mode(tenant_a, "dummy") == "off"
    gate.activate(tenant_a, "dummy")
    assert gate.mode(tenant_a, "dummy") == "on"
    assert gate.enabled(tenant_a) == frozenset({"dummy"})
    assert gate.mode(tenant_b, "dummy") == "off"
    assert gate.enabled(tenant_b) == frozenset()


def test_a_module_without_licence_is_not_activated(tenant_a: Any) -> None:
    with pytest.raises(Problem) as caught:
        gate.activate(tenant_a, "dummy")
    assert (caught.value.status, caught.value.code) == (402, "module_not_licensed")
    assert gate.states(tenant_a)["dummy"].activated is False


def test_an_unknown_or_quarantined_module_is_refused(tenant_a: Any) -> None:
    for call in (
        lambda: gate.activate(tenant_a, "absent"),
        lambda: gate.set_licence(tenant_a, "absent", "on", reason="test"),
    ):
        with pytest.raises(Problem) as caught:
            call()
        assert (caught.value.status, caught.value.code) == (404, "module_unknown")
    assert ModuleState.objects.filter(slug="absent").count() == 0
    _license(tenant_a)
    gate.set_quarantined(tenant_a, "dummy", True, reason="security")
    with pytest.raises(Problem) as caught:
        gate.activate(tenant_a, "dummy")
    assert caught.value.code == "module_quarantined"
    gate.set_quarantined(tenant_a, "dummy", False, reason="repaired")
    gate.activate(tenant_a, "dummy")
    assert gate.mode(tenant_a, "dummy") == "on"


def test_a_licence_ends_read_only_for_thirty_days_then_off(tenant_a: Any) -> None:
    with frozen(NOW):
        _license(tenant_a, until=NOW + timedelta(days=14))
        gate.activate(tenant_a, "dummy")
    end = NOW + timedelta(days=14)
    seen = []
    for moment in (
        end - timedelta(seconds=1),
        end,
        end + timedelta(days=30, seconds=-1),
        end + timedelta(days=30),
    ):
        with frozen(moment):
            seen.append((gate.mode(tenant_a, "dummy"), "dummy" in gate.enabled(tenant_a)))
    assert seen == [("on", True), ("read_only", True), ("read_only", True), ("off", False)]
    with frozen(end + timedelta(days=40)):
        _license(tenant_a)
        assert gate.mode(tenant_a, "dummy") == "on"


def test_a_suspended_licence_is_read_only(tenant_a: Any) -> None:
    _license(tenant_a)
    gate.activate(tenant_a, "dummy")
    _license(tenant_a, "read_only")
    assert gate.mode(tenant_a, "dummy") == "read_only"
    _license(tenant_a, "off")
    assert gate.mode(tenant_a, "dummy") == "off"


def test_quarantine_of_the_code_switches_every_space_off(tenant_a: Any) -> None:
    _license(tenant_a)
    gate.activate(tenant_a, "dummy")
    registry.quarantine("dummy", "broken")
    assert gate.mode(tenant_a, "dummy") == "off"
    assert gate.enabled(tenant_a) == frozenset()
    assert gate.states(tenant_a)["dummy"].activated is True


def test_activation_is_recorded_and_queues_its_hook_once(tenant_a: Any, inside: Any) -> None:
    _license(tenant_a)
    gate.activate(tenant_a, "dummy")
    gate.activate(tenant_a, "dummy")
    jobs = list(JobStatus.objects.filter(tenant_id=tenant_a.pk, task__endswith="module_activated"))
    assert [job.args for job in jobs] == [{"slug": "dummy", "first_time": True}]
    gate.deactivate(tenant_a, "dummy")
    gate.deactivate(tenant_a, "dummy")
    gate.activate(tenant_a, "dummy")
    with inside(tenant_a):
        rows = AuditEvent.objects.filter(target="module:dummy").order_by("id")
        assert [(row.kind, row.data.get("first_time")) for row in rows] == [
            ("licence.changed", None),
            ("module.activated", True),
            ("module.deactivated", None),
            ("module.activated", False),
        ]


def test_the_first_activation_is_remembered(tenant_a: Any) -> None:
    with frozen(NOW):
        _license(tenant_a)
        gate.activate(tenant_a, "dummy")
    with frozen(NOW + timedelta(days=3)):
        gate.deactivate(tenant_a, "dummy")
        gate.activate(tenant_a, "dummy")
    state = gate.states(tenant_a)["dummy"]
    assert (state.first_activated_at, state.mode, state.licensed_mode) == (NOW, "on", "on")
    assert ModuleState.objects.get(tenant_id=tenant_a.pk, slug="dummy").version == "1.2.3"


def test_requirements_hold_both_ways(
    tenant_a: Any, register_temporarily: Callable[[object], Any]
) -> None:
    from tests.support.plugins.slow.plugin import Plugin

    class Above(Plugin):
        manifest = Plugin.manifest.model_copy(update={"slug": "above", "requires": ("dummy",)})

    register_temporarily(Above())
    gate.set_licence(tenant_a, "above", "on", reason="test")
    with pytest.raises(Problem) as caught:
        gate.activate(tenant_a, "above")
    assert (caught.value.code, caught.value.extra) == ("module_requires", {"modules": ["dummy"]})
    _license(tenant_a)
    gate.activate(tenant_a, "dummy")
    gate.activate(tenant_a, "above")
    with pytest.raises(Problem) as caught:
        gate.deactivate(tenant_a, "dummy")
    assert caught.value.code == "module_required_by"
    assert caught.value.extra == {"modules": ["above"]}
    assert gate.mode(tenant_a, "dummy") == "on"


def test_a_change_that_rolls_back_is_not_remembered(tenant_a: Any) -> None:
    _license(tenant_a)
    with transaction.atomic():
        gate.activate(tenant_a, "dummy")
        assert gate.mode(tenant_a, "dummy") == "on"
        transaction.set_rollback(True)
    assert gate.mode(tenant_a, "dummy") == "off"


def test_the_activated_hook_runs_in_the_space(
    tenant_a: Any, inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.plugins.dummy import plugin as module
    from tremplin.kernel.activation import module_activated

    monkeypatch.setattr(module, "CALLS", [])
    with inside(tenant_a):
        module_activated.run(slug="dummy", first_time=True)
        assert module.CALLS == []
        _license(tenant_a)
        gate.activate(tenant_a, "dummy")
        module_activated.run(slug="dummy", first_time=True)
    assert module.CALLS == [("activated", tenant_a.slug, True)]


def test_a_deleted_space_leaves_no_row(tenant_a: Any, tenant_b: Any) -> None:
    for tenant in (tenant_a, tenant_b):
        _license(tenant)
        gate.activate(tenant, "dummy")
    gate.forget_tenant(tenant_a.pk)
    assert gate.mode(tenant_a, "dummy") == "off"
    assert gate.mode(tenant_b, "dummy") == "on"
    assert JobStatus.objects.filter(tenant_id=tenant_a.pk).count() == 0
    kept = JobStatus.objects.filter(tenant_id=tenant_b.pk, task__endswith="module_activated")
    assert kept.count() == 1
