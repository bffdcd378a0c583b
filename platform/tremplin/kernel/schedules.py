"""Periodic work declared in code, and the tick that starts everything that is due.

Beat knows one entry, the tick. A schedule's run is a row (schedule, slot): whoever inserts it does
the fan-out, so a second beat does no harm and a slot missed during a restart is caught up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5
from zlib import crc32

from celery import Task
from celery.schedules import ParseException, crontab
from django.db import transaction
from django.utils import timezone

from tremplin.api import services
from tremplin.kernel.state.models import ScheduleSlot
from tremplin.kernel.tasks import jobs, public_task, runner, send_job

CATCH_UP = timedelta(minutes=60)
TENANTS_PER_BATCH = 50
WINDOW_SECONDS = 300
_NAMESPACE = UUID("8a1e5b50-3f0e-4a43-9a55-5b8e7d0c9c11")


@dataclass(frozen=True, slots=True)
class Registered:
    """One schedule: ``cron`` has five fields in UTC; ``module`` is '' for core."""

    name: str
    task: str
    cron: str
    per_tenant: bool
    module: str = ""


_core: dict[str, Registered] = {}


def parse(cron: str) -> crontab:
    """Return the parsed expression; a date matches when all five fields do.

    Raises ``ValueError`` when it has not five valid fields.
    """
    fields = cron.split()
    if len(fields) != 5:
        raise ValueError(f"{cron!r} needs five fields: minute hour day month weekday")
    minute, hour, day, month, weekday = fields
    try:
        return crontab(
            minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday
        )
    except (ParseException, ValueError) as error:
        raise ValueError(f"{cron!r} is not a cron expression: {error}") from error


def last_slot(cron: str, now: datetime) -> datetime | None:
    """Return the latest minute within the last hour, ``now`` included, that ``cron`` names."""
    parsed = parse(cron)
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    oldest = minute - CATCH_UP
    while minute > oldest:
        if (
            minute.minute in parsed.minute
            and minute.hour in parsed.hour
            and minute.day in parsed.day_of_month
            and minute.month in parsed.month_of_year
            and minute.isoweekday() % 7 in parsed.day_of_week
        ):
            return minute
        minute -= timedelta(minutes=1)
    return None


def register_schedule(
    name: str, task: Task[Any, Any] | str, cron: str, per_tenant: bool = True
) -> None:
    """Declare periodic work of core; call it from ``AppConfig.ready``.

    ``task`` is the task or its dotted name. Raises ``ValueError`` for a name taken or a bad cron.
    """
    parse(cron)
    if name in _core:
        raise ValueError(f"schedule {name!r} is already registered")
    _core[name] = Registered(name, task if isinstance(task, str) else task.name, cron, per_tenant)


def unregister_schedule(name: str) -> None:
    """Forget a schedule (tests)."""
    del _core[name]


def every_schedule() -> list[Registered]:
    """Return the schedules of core and of every sound plugin, by name."""
    from tremplin.kernel import registry

    found = list(_core.values())
    for entry in registry.installed():
        if entry.status == "ok" and entry.manifest is not None:
            found.extend(
                Registered(item.task, item.task, item.cron, item.per_tenant, entry.slug)
                for item in entry.manifest.schedules
            )
    return sorted(found, key=lambda item: item.name)


def start_due(now: datetime) -> list[str]:
    """Take every due slot that nobody has taken, queue its fan-out and return the names."""
    started = []
    for schedule in every_schedule():
        slot = last_slot(schedule.cron, now)
        if slot is None:
            continue
        key = slot.isoformat()
        if ScheduleSlot.objects.filter(schedule=schedule.name, slot=key).exists():
            continue
        with services.tenancy().public_write("schedules"), transaction.atomic():
            _, is_new = ScheduleSlot.objects.get_or_create(schedule=schedule.name, slot=key)
            if is_new:
                runner.enqueue(fan_out, schedule=schedule.name, slot=key)
        if is_new:
            started.append(schedule.name)
    return started


def jitter(tenant: UUID, window: int = WINDOW_SECONDS) -> int:
    """Return the seconds by which a tenant's run is delayed, always the same for a tenant."""
    return crc32(tenant.bytes) % window


def _wanted(schedule: Registered) -> list[Any]:
    from tremplin.kernel import gate

    tenants: Sequence[Any] = services.tenancy().active()
    return [t for t in tenants if not schedule.module or gate.mode(t, schedule.module) == "on"]


@public_task(queue="default", time_limit=300)
def fan_out(schedule: str, slot: str) -> int:
    """Queue one run of ``schedule`` per active tenant whose module is on; return how many."""
    found = next((item for item in every_schedule() if item.name == schedule), None)
    if found is None:
        return 0
    if not found.per_tenant:
        job = jobs.create(found.task, None, {}, job=uuid5(_NAMESPACE, f"{schedule}|{slot}"))
        send_job(job, None, found.task, {})
        return 1
    total = 0
    tenants = _wanted(found)
    for start in range(0, len(tenants), TENANTS_PER_BATCH):
        batch = tenants[start : start + TENANTS_PER_BATCH]
        busy = jobs.unfinished(found.task, [tenant.pk for tenant in batch])
        ready = []
        with transaction.atomic():
            for tenant in batch:
                if tenant.pk in busy:
                    continue
                # The id is derived, so a repeated fan-out finds the same rows.
                identifier = uuid5(_NAMESPACE, f"{schedule}|{slot}|{tenant.uuid}")
                delay = jitter(tenant.uuid)
                jobs.create(found.task, tenant.pk, {}, job=identifier, delay=delay)
                ready.append((identifier, tenant.pk, delay))
        for identifier, tenant_pk, delay in ready:
            send_job(identifier, tenant_pk, found.task, {}, countdown=delay)
        total += len(ready)
    return total


@public_task(max_retries=0, time_limit=60)
def tick() -> None:
    """Send due reminders and start due schedules; beat calls it every 20 seconds."""
    from tremplin.kernel import health, reminders

    health.announce("worker")
    reminders.send_due()
    start_due(timezone.now())
    with services.tenancy().public_write("schedules"):
        ScheduleSlot.objects.filter(created_at__lt=timezone.now() - timedelta(days=7)).delete()
