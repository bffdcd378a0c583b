"""Reminders: rows that ask for a task at a date of the business clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from celery import Task
from django.db import transaction

from tremplin.api import services
from tremplin.kernel.current import tenant_required
from tremplin.kernel.state.models import Reminder
from tremplin.kernel.tasks import PublicTask, jobs, send_job

BATCH = 500


def remind(key: str, task: Task[Any, Any], /, *, due_at: datetime, **kwargs: Any) -> None:
    """Store that ``task`` must run at ``due_at`` (aware); the same ``key`` moves the reminder.

    Raises ``ValueError`` for a naive date or a key longer than 200 characters, and ``NoTenant``
    outside a tenant.
    """
    if due_at.tzinfo is None:
        raise ValueError("due_at needs a time zone")
    if not 0 < len(key) <= 200:
        raise ValueError("a reminder's key holds 1 to 200 characters")
    if isinstance(task, PublicTask):
        raise ValueError("a reminder belongs to a tenant: give it a tenant task")
    tenant = tenant_required()
    with services.tenancy().public_write("reminder"):
        Reminder.objects.update_or_create(
            tenant_id=tenant.pk,
            key=key,
            defaults={
                "due_at": due_at,
                "task": task.name,
                "args": kwargs,
                "state": Reminder.State.WAITING,
            },
        )


def forget(key: str) -> bool:
    """Cancel the waiting reminder stored under ``key``; return whether there was one."""
    tenant = tenant_required()
    with services.tenancy().public_write("reminder"):
        deleted, _ = Reminder.objects.filter(
            tenant_id=tenant.pk, key=key, state=Reminder.State.WAITING
        ).delete()
    return bool(deleted)


def send_due() -> int:
    """Turn the due reminders of every tenant into jobs and return how many.

    Two processes may call it at once: each row is locked by one of them, and it becomes a job in
    the transaction that marks it as sent.
    """
    from tremplin.kernel import clock

    total = 0
    while True:
        sent: list[tuple[Any, int, str, dict[str, Any]]] = []
        with services.tenancy().public_write("reminders"), transaction.atomic():
            due = list(
                Reminder.objects.select_for_update(skip_locked=True)
                .filter(state=Reminder.State.WAITING, due_at__lte=clock.now())
                .order_by("due_at", "id")[:BATCH]
            )
            for row in due:
                job = jobs.create(row.task, row.tenant_id, row.args)
                sent.append((job, row.tenant_id, row.task, row.args))
            Reminder.objects.filter(pk__in=[row.pk for row in due]).update(
                state=Reminder.State.SENT
            )
        for job, tenant_pk, task, arguments in sent:
            send_job(job, tenant_pk, task, arguments)
        total += len(sent)
        if len(sent) < BATCH:
            return total
