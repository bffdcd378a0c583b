"""Interview 31 of 30: fifty requests over HTTP at the same time, for one person and for a space."""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings
from django.urls import path
from ninja import NinjaAPI

from tenants import registry
from tenants.context import use
from tenants.registry import TenantInfo
from tests.core.licensing.test_consumption import at_once, buckets
from tremplin.kernel import gate
from tremplin.kernel.problems import install_problem_handlers
from tremplin.kernel.routing import plugin_routers
from tremplin.licensing.models import License, UsageEvent

Sell = Callable[..., License]
PATH = "/api/v1/dummy/counted/"
METER = "dummy.things"
_numbers = itertools.count()


@pytest.fixture
def counting(school: TenantInfo, register_temporarily: Callable[..., Any]) -> Iterator[TenantInfo]:
    """The module whose API counts one unit per request, on in a school."""
    from tremplin.config import urls

    register_temporarily(import_module("tests.support.plugins.dummy.plugin").plugin)
    api = NinjaAPI(urls_namespace=f"quota{next(_numbers)}", docs_url=None)
    install_problem_handlers(api)
    for mounted in plugin_routers():
        if mounted.path.startswith("dummy"):
            # A router is mounted once per process, a test mounts the module's router again.
            api.add_router(mounted.path, mounted.router, auth=mounted.auth)
    module = ModuleType("quota_urls")
    module.urlpatterns = [path("api/v1/", api.urls), *urls.urlpatterns]  # type: ignore[attr-defined]
    for name in ("handler400", "handler403", "handler404", "handler429", "handler500"):
        setattr(module, name, getattr(urls, name))
    sys.modules["quota_urls"] = module
    with use(school):
        gate.set_licence(school, "dummy", "on", reason="test")
        gate.activate(school, "dummy")
    with override_settings(ROOT_URLCONF="quota_urls"):
        yield school
    del sys.modules["quota_urls"]


def allowed(tenant: TenantInfo, person: Any) -> Any:
    """Give a person the right of the module."""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    with use(tenant):
        kind = ContentType.objects.get_or_create(app_label="dummy", model="module")[0]
        right, _new = Permission.objects.get_or_create(
            content_type=kind, codename="use", defaults={"name": "use"}
        )
        person.user_permissions.add(right)
    return person


def refreshed() -> TenantInfo:
    registry.invalidate()
    found = registry.by_slug("mecaformation")
    assert found is not None
    return found


def test_fifty_requests_at_once_for_thirty_are_thirty(
    counting: TenantInfo, sell: Sell, person_of: Callable[..., Any], client_for: Callable[..., Any]
) -> None:
    sell(counting, {METER: {"value": 30, "reset": "month", "scope": "user"}})
    theo = allowed(counting, person_of(counting, "theo@x.example", "trainer"))
    clients = [client_for(refreshed(), theo) for _ in range(16)]
    free = iter(clients)
    mine: dict[int, Any] = {}

    def post(number: int) -> tuple[int, str]:
        import threading

        client = mine.setdefault(threading.get_ident(), None) or next(free)
        mine[threading.get_ident()] = client
        answer = client.post(PATH, {"key": str(uuid4())}, content_type="application/json")
        body = answer.json()
        return answer.status_code, body.get("code", "counted")

    answers = Counter(at_once(50, post))
    assert answers == {(200, "counted"): 30, (402, "quota_exceeded"): 20}
    assert buckets(refreshed()) == [(str(theo.pk), 30, 0)]
    assert UsageEvent.objects.filter(tenant_id=counting.pk).count() == 30
    refused = clients[0].post(PATH, {"key": str(uuid4())}, content_type="application/json").json()
    assert (refused["limit"], refused["used"]) == (30, 30)
    assert refused["upgrade_url"] == "/console/billing/"


def test_the_same_request_sent_twice_counts_once_under_load(
    counting: TenantInfo, sell: Sell, person_of: Callable[..., Any], client_for: Callable[..., Any]
) -> None:
    """25 keys, each sent by two requests: 25 units, whatever the order."""
    sell(counting, {METER: {"value": 30, "reset": "month", "scope": "user"}})
    theo = allowed(counting, person_of(counting, "theo@x.example", "trainer"))
    clients = [client_for(refreshed(), theo) for _ in range(50)]
    keys = [str(uuid4()) for _ in range(25)]

    def post(number: int) -> bool:
        answer = clients[number].post(
            PATH, {"key": keys[number % 25]}, content_type="application/json"
        )
        assert answer.status_code == 200
        return bool(answer.json()["counted"])

    assert Counter(at_once(50, post)) == {True: 25, False: 25}
    assert buckets(refreshed()) == [(str(theo.pk), 25, 0)]
    assert UsageEvent.objects.filter(tenant_id=counting.pk).count() == 25
