"""The shared cache on a real Redis: one tenant per key, counters that count, a clean outage."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache

from tenants import lifecycle
from tenants.context import use
from tests.core.redis_server.server import RedisServer
from tremplin.kernel import health, throttle
from tremplin.kernel.cache import CacheUnavailable, TenantCache

PASSWORD = "a long and private phrase"  # noqa: S105  of a person of the tests


def test_keys_carry_the_tenant_and_two_tenants_never_meet(
    shared_cache: RedisServer, tenant_a: Any, tenant_b: Any
) -> None:
    store = TenantCache()
    with use(tenant_a):
        store.set("colour", "red", 60)
    with use(tenant_b):
        assert store.get("colour") is None
        assert store.add("colour", "blue", 60) is True
    with use(tenant_a):
        assert store.get("colour") == "red"
    assert sorted(shared_cache.client(0).keys()) == sorted(
        f"{tenant.uuid}::1:colour".encode() for tenant in (tenant_a, tenant_b)
    )


def test_an_erased_space_takes_its_own_keys_only(
    shared_cache: RedisServer, tenant_a: Any, tenant_b: Any
) -> None:
    for tenant in (tenant_a, tenant_b):
        with use(tenant):
            for number in range(3):
                cache.set(f"key-{number}", number, 60)
    lifecycle._clear_cache(tenant_a)
    assert sorted(shared_cache.client(0).keys()) == [
        f"{tenant_b.uuid}::1:key-{number}".encode() for number in range(3)
    ]


def test_a_counter_is_atomic_under_threads(shared_cache: RedisServer, tenant_a: Any) -> None:
    refused: list[bool] = []
    gate = threading.Barrier(16)

    def call() -> None:
        gate.wait()
        with use(tenant_a):
            for _ in range(10):
                refused.append(throttle.hit("x", "ana", limit=100, seconds=86400) is not None)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (refused.count(False), refused.count(True)) == (100, 60)
    [key] = shared_cache.client(0).keys()
    assert shared_cache.client(0).get(key) == b"160"


def sign_in(client: Any, password: str) -> Any:
    return client.post("/accounts/login/", {"login": "ana@example.org", "password": password})


@pytest.fixture
def ana(tenant_a: Any) -> Any:
    from tremplin.identity.services import create_person

    with use(tenant_a):
        person = create_person(email="ana@example.org", first_name="Ana", last_name="Roux")
        person.set_password(PASSWORD)
        person.save()
    return person


def test_sign_in_is_throttled_in_its_own_space(
    shared_cache: RedisServer, tenant_a: Any, ana: Any, client_for: Callable[..., Any]
) -> None:
    del ana
    client = client_for(tenant_a)
    assert [sign_in(client, "wrong words here").status_code for _ in range(5)] == [200] * 5
    # Even the right password is refused now.
    assert sign_in(client, PASSWORD).status_code == 200
    keys = [key.decode() for key in shared_cache.client(0).keys()]
    assert {key.partition(":")[0] for key in keys} == {str(tenant_a.uuid)}
    shared_cache.client(0).flushdb()
    assert sign_in(client, PASSWORD).status_code == 302


def test_a_silent_cache_refuses_what_needs_it_and_serves_the_rest(
    shared_cache: RedisServer, tenant_a: Any, ana: Any, client_for: Callable[..., Any]
) -> None:
    reader, stranger = client_for(tenant_a, ana), client_for(tenant_a)
    assert health.check_cache() == health.CheckResult("ok")
    shared_cache.stop()
    try:
        with use(tenant_a), pytest.raises(CacheUnavailable):
            TenantCache().get("colour")
        assert reader.get("/app/").status_code == 200
        refused = sign_in(stranger, PASSWORD)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
        assert health.check_cache() == health.CheckResult(
            "warning", "the cache of TREMPLIN_CACHE_URL does not answer; nobody can sign in"
        )
    finally:
        shared_cache.start()
    assert sign_in(stranger, PASSWORD).status_code == 302


def test_addresses_that_no_client_reads_are_named(settings: Any) -> None:
    from tremplin.kernel import checks

    assert checks.check_servers() == []
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "http://cache"}}
    settings.BROKER_URL = "sqs://"
    settings.REALTIME_BUS, settings.REALTIME_REDIS_URL = "redis", ""
    assert [(item.id, item.msg.split()[0]) for item in checks.check_servers()] == [
        ("tremplin.E012", "TREMPLIN_CACHE_URL"),
        ("tremplin.E012", "TREMPLIN_BROKER_URL"),
        ("tremplin.E013", "TREMPLIN_RT_BUS=redis"),
    ]
