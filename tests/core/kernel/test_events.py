"""Facts of a module: published in a transaction, delivered once to modules that are on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from tests.support.plugins.dummy import subscribers
from tests.support.plugins.dummy.events import Happened
from tremplin.api import Event, publish, subscribe
from tremplin.kernel import gate, relay
from tremplin.kernel.current import NoTenant
from tremplin.kernel.models import OutboxEvent, Receipt

pytestmark = pytest.mark.django_db
THING = UUID(int=9)


@pytest.fixture
def received(support: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    support("dummy")
    monkeypatch.setattr(subscribers, "RECEIVED", [])
    return subscribers.RECEIVED


def _switch_on(tenant: Any) -> None:
    gate.set_licence(tenant, "dummy", "on", reason="test")
    gate.activate(tenant, "dummy")


def test_a_fact_reaches_its_subscriber_once(
    received: list[Any], tenant_a: Any, inside: Any
) -> None:
    _switch_on(tenant_a)
    with inside(tenant_a):
        with transaction.atomic():
            event_id = publish(Happened(thing=THING), aggregate=f"dummy.thing:{THING}")
        relay.relay_tenant(tenant_a)
        relay.relay_tenant(tenant_a)
        assert received == [(tenant_a.slug, str(THING))]
        row = OutboxEvent.objects.get(event_id=event_id)
        assert (row.name, row.payload, row.sent_at is not None, row.dead) == (
            "tremplin.dummy.something_happened.v1",
            {"thing": str(THING)},
            True,
            False,
        )
        assert Receipt.objects.filter(event_id=event_id).count() == 1
        OutboxEvent.objects.filter(pk=row.pk).update(sent_at=None)  # a worker died before this
        relay.relay_tenant(tenant_a)
        assert received == [(tenant_a.slug, str(THING))]


def test_a_module_that_is_off_or_read_only_hears_nothing_and_nothing_is_replayed(
    received: list[Any], tenant_a: Any, tenant_b: Any, inside: Any
) -> None:
    _switch_on(tenant_b)
    for prepare in (
        lambda: None,
        lambda: (
            _switch_on(tenant_a),
            gate.set_licence(tenant_a, "dummy", "read_only", reason="t"),
        ),
    ):
        prepare()
        with inside(tenant_a):
            with transaction.atomic():
                publish(Happened(thing=THING), aggregate="dummy.thing:1")
            relay.relay_tenant(tenant_a)
    gate.set_licence(tenant_a, "dummy", "on", reason="test")
    with inside(tenant_a):
        relay.relay_tenant(tenant_a)
        assert OutboxEvent.objects.filter(name=Happened.event_name, sent_at=None).count() == 0
    assert received == []


def test_a_fact_is_published_inside_a_tenant_only(received: list[Any]) -> None:
    with pytest.raises(NoTenant):
        publish(Happened(thing=THING), aggregate="dummy.thing:1")


@pytest.mark.parametrize(
    "name",
    ["", "dummy.happened", "tremplin.dummy.happened", "tremplin.dummy.*.v1", "tremplin.d.h.v0"],
)
def test_an_event_has_a_full_versioned_name(name: str) -> None:
    with pytest.raises(TypeError, match="is not a valid event name"):
        type("Bad", (Event,), {"event_name": name, "__annotations__": {}})
    with pytest.raises(ValueError, match="is not a valid event name"):
        subscribe(name)
