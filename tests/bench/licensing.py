"""Measures licensing: what a check costs, and how fast units are counted without one too many.

Everything runs in a database of its own with real commits. Counting is compared with the usual way
(lock a row, count the rows that are there, insert one) in the same run, in turns.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from tests.bench.measure import Measure, at_most

SLUG = "banc"
HOST = f"{SLUG}.localhost"
SWITCH, ONE, TWO = "sso.enabled", "interview.sessions", "ai.tokens"
CHECKS = 20_000
TURNS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this measure."""
    parser.add_argument("--calls", type=int, default=3_000, help="units asked for in each turn")
    parser.add_argument("--threads", type=int, default=16, help="callers at the same time")


@dataclass(slots=True)
class Counted:
    """One turn: units granted, units in the tables, calls a second and slow calls (ms)."""

    granted: int
    stored: int
    rate: float
    p95: float


def run(options: argparse.Namespace) -> Iterator[Measure]:
    """Yield the measures."""
    from django.db import connection

    from tenants import databases

    # Every caller has a connection of its own, as in as many processes.
    pool = connection.settings_dict["OPTIONS"]["pool"]
    pool["max_size"] = max(pool["max_size"], options.threads + 4)
    with databases.scratch("bench_licensing"):
        options.report("Preparing a space with a plan.")
        tenant = _prepare(options)
        yield from _checks(tenant)
        options.report(f"Counting with {options.threads} callers, in turns.")
        yield from _counting(tenant, options)


def _prepare(options: argparse.Namespace) -> Any:
    from tenants import provisioning, registry, setup

    setup.ensure_database(options.report)
    made = provisioning.create(
        provisioning.NewTenant(
            name="Banc", slug=SLUG, kind="school", email="x@banc.example", host=HOST,
            options={"plan": "ecole"},
        )
    )  # fmt: skip
    registry.invalidate()
    return registry.by_pk(made.pk)


def _checks(tenant: Any) -> Iterator[Measure]:
    """Time a check on a warm snapshot and count its statements."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tremplin.licensing import entitlements

    def ask() -> bool:
        return entitlements.for_tenant(tenant).check(SWITCH).allowed

    if not ask():
        raise RuntimeError("the plan of the benchmark includes single sign-on")
    with CaptureQueriesContext(connection) as captured:
        for _number in range(20):
            ask()
    yield at_most("queries of 20 checks on a warm snapshot", len(captured), "queries", 0)
    medians = []
    for _turn in range(TURNS):
        spent = []
        for _number in range(CHECKS // TURNS):
            began = time.perf_counter()
            ask()
            spent.append(time.perf_counter() - began)
        medians.append(statistics.median(spent))
    yield at_most("check on a warm snapshot, time", min(medians) * 1e6, "µs", 50)


def _counting(tenant: Any, options: argparse.Namespace) -> Iterator[Measure]:
    """Count with one bucket, with two, and by counting rows under a lock, in turns."""
    limit = options.calls * 5 // 6
    ways: dict[str, list[Counted]] = {"one bucket": [], "two buckets": [], "row lock": []}
    for _turn in range(TURNS):
        ways["one bucket"].append(_one_bucket(tenant, options, limit))
        ways["two buckets"].append(_two_buckets(tenant, options, limit))
        ways["row lock"].append(_row_lock(tenant, options, limit))
    best = {name: max(found, key=lambda item: item.rate) for name, found in ways.items()}
    baseline = best["row lock"].rate
    for name, least in (("one bucket", 1_000), ("two buckets", 700)):
        over = sum(item.granted - limit for item in ways[name])
        lost = sum(abs(item.granted - item.stored) for item in ways[name])
        yield at_most(f"units over the limit, {name}, {TURNS} turns", over, "units", 0)
        yield at_most(f"granted units that are not in the ledger, {name}", lost, "units", 0)
        rate = best[name].rate
        yield Measure(
            f"units asked for a second, {name} and ledger (baseline: row lock)",
            rate, "calls/s", baseline, rate / baseline,
            target=f">= {least:,} calls/s", holds=rate >= least,
        )  # fmt: skip
        yield Measure(f"slow calls (p95), {name}", best[name].p95, "ms", best["row lock"].p95)
    yield Measure("units granted by the row lock", best["row lock"].granted, "units", limit)


def _one_bucket(tenant: Any, options: argparse.Namespace, limit: int) -> Counted:
    """Count against one limit of the space."""
    _sell(tenant, [(ONE, limit, "tenant")])
    return _measure(tenant, options, ONE, lambda _number: None)


def _two_buckets(tenant: Any, options: argparse.Namespace, limit: int) -> Counted:
    """Count against the space's limit and the one of each of forty people."""
    _sell(tenant, [(TWO, limit, "tenant"), (TWO, limit, "user")])
    people = [uuid4() for _number in range(40)]
    return _measure(tenant, options, TWO, lambda number: people[number % len(people)])


def _sell(tenant: Any, content: list[tuple[str, int, str]]) -> None:
    """Replace the plan by one with these meters, and forget what was counted before."""
    from tenants.context import public_write
    from tremplin.licensing import services
    from tremplin.licensing.models import (
        Plan,
        PlanEntitlement,
        PlanVersion,
        UsageBucket,
        UsageEvent,
    )

    with public_write("benchmark"):
        UsageBucket.objects.all().delete()
        UsageEvent.objects.all().delete()
        plan = Plan.objects.create(key=f"bench-{uuid4().hex[:8]}", name_en="B", name_fr="B")
        version = PlanVersion.objects.create(plan=plan, number=1)
        for feature, value, scope in content:
            PlanEntitlement.objects.create(
                version=version, feature=feature, value=value, reset="month", scope=scope
            )
    services.grant_plan(tenant, version, source="manual")


def _measure(
    tenant: Any,
    options: argparse.Namespace,
    feature: str,
    person: Callable[[int], UUID | None],
) -> Counted:
    from django.db.models import Sum

    from tremplin.licensing import consumption, entitlements
    from tremplin.licensing.errors import QuotaExceeded
    from tremplin.licensing.models import UsageEvent

    entitlements.for_tenant(tenant)

    def take(number: int) -> bool:
        try:
            consumption.consume(tenant, feature, person=person(number), idem=uuid4())
        except QuotaExceeded:
            return False
        return True

    granted, rate, p95 = _at_once(options, take)
    total = UsageEvent.objects.filter(tenant_id=tenant.pk, feature=feature).aggregate(
        total=Sum("quantity")
    )
    return Counted(granted, total["total"] or 0, rate, p95)


def _row_lock(tenant: Any, options: argparse.Namespace, limit: int) -> Counted:
    """Count the usual way: lock the licence, count the rows, insert one more."""
    from django.db import transaction

    from tenants.context import public_write
    from tremplin.kernel import clock
    from tremplin.licensing.models import License, UsageEvent

    held = License.objects.filter(tenant_id=tenant.pk, module="").latest("created_at")
    with public_write("benchmark"):
        UsageEvent.objects.all().delete()

    def take(_number: int) -> bool:
        with transaction.atomic(), public_write("benchmark"):
            License.objects.select_for_update().get(pk=held.pk)
            if UsageEvent.objects.filter(tenant_id=tenant.pk, feature="bench").count() >= limit:
                return False
            UsageEvent.objects.create(
                tenant_id=tenant.pk, feature="bench", quantity=1, idempotency_key=uuid4(),
                at=clock.now(),
            )  # fmt: skip
        return True

    granted, rate, p95 = _at_once(options, take)
    stored = UsageEvent.objects.filter(tenant_id=tenant.pk, feature="bench").count()
    return Counted(granted, stored, rate, p95)


def _at_once(options: argparse.Namespace, call: Callable[[int], bool]) -> tuple[int, float, float]:
    """Call from threads that start together; return successes, calls a second and p95 (ms)."""
    from django.db import connection

    barrier = threading.Barrier(options.threads + 1)
    share = options.calls // options.threads

    def work(thread: int) -> tuple[int, list[float]]:
        connection.ensure_connection()
        barrier.wait(60)
        successes, spent = 0, []
        for number in range(share):
            began = time.perf_counter()
            successes += call(thread * share + number)
            spent.append(time.perf_counter() - began)
        connection.close()
        return successes, spent

    with ThreadPoolExecutor(options.threads) as pool:
        futures = [pool.submit(work, thread) for thread in range(options.threads)]
        barrier.wait(60)
        began = time.perf_counter()
        results = [future.result() for future in futures]
        elapsed = time.perf_counter() - began
    times = sorted(moment for _granted, spent in results for moment in spent)
    return (
        sum(granted for granted, _spent in results),
        len(times) / elapsed,
        1000 * times[int(len(times) * 0.95)],
    )
