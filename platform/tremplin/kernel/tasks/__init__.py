"""Background work: tasks bound to a tenant, sent after commit, never lost and never done twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import Any
from uuid import UUID

from celery import Task, current_app, shared_task
from django.db import transaction
from django.utils import timezone, translation

from tremplin.api import services
from tremplin.api.tasks import MAX_COUNTDOWN_SECONDS
from tremplin.kernel.current import NoTenant, current_tenant, tenant_required
from tremplin.kernel.tasks import jobs
from tremplin.kernel.tasks.base import (
    ACTOR_HEADER,
    JOB_HEADER,
    LANGUAGE_HEADER,
    TENANT_HEADER,
    PublicTask,
    TenantTask,
    load_application,
    send,
)
from tremplin.kernel.tasks.broker import follow_database, install_broker, libpq_dsn

QUEUES = ("default", "mail", "bulk", "ai")

__all__ = [
    "QUEUES",
    "NoTenant",
    "PublicTask",
    "TenantTask",
    "follow_database",
    "install_broker",
    "libpq_dsn",
    "public_task",
    "runner",
    "sweep_jobs",
]


def _declare(base: type[Task[Any, Any]], queue: str, time_limit: int, **options: Any) -> Any:
    if queue not in QUEUES:
        raise ValueError(f"unknown queue {queue!r}: choose one of {', '.join(QUEUES)}")
    if time_limit < 1:
        raise ValueError("time_limit is in seconds, at least 1")
    return shared_task(
        base=base,
        lane=queue,
        seconds=float(time_limit),
        soft_time_limit=time_limit,
        time_limit=time_limit + 30,
        acks_late=True,
        **options,
    )


def public_task(
    *, queue: str = "default", time_limit: int = 300, max_retries: int = 3
) -> Callable[[Callable[..., Any]], Any]:
    """Declare a core task that runs in the public schema, outside any tenant."""
    decorator: Callable[[Callable[..., Any]], Any] = _declare(
        PublicTask, queue, time_limit, retries=max_retries
    )
    return decorator


def resolve(name: str) -> Task[Any, Any]:
    """Return the declared task called ``name``; raise ``LookupError`` when there is none."""
    load_application()
    app = current_app
    if name not in app.tasks:
        import_module(name.rpartition(".")[0])
    try:
        task: Task[Any, Any] = app.tasks[name]
    except KeyError:
        raise LookupError(f"no task is called {name!r}") from None
    return task


def _actor() -> str:
    from tremplin.kernel import audit

    found = audit.current_actor()
    return str(found.id) if found is not None and found.id is not None else ""


def headers_for(
    tenant: Any | None, job: UUID | None, *, actor: str = "", language: str = ""
) -> dict[str, str]:
    """Return the message headers of a task for ``tenant`` (None: public)."""
    found = {
        TENANT_HEADER: str(tenant.uuid) if tenant is not None else "",
        JOB_HEADER: str(job) if job is not None else "",
        ACTOR_HEADER: actor,
        LANGUAGE_HEADER: language,
    }
    return {name: value for name, value in found.items() if value}


class Runner:
    """The service ``task_runner``."""

    def declare(
        self, *, queue: str, time_limit: int, max_retries: int, suspended_ok: bool, module: str
    ) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
        """Return the decorator of a tenant task (see ``tremplin.api.tasks.task``)."""
        decorator: Callable[[Callable[..., Any]], Task[Any, Any]] = _declare(
            TenantTask,
            queue,
            time_limit,
            retries=max_retries,
            suspended_ok=suspended_ok,
            module=module,
        )
        return decorator

    def enqueue(self, task: Task[Any, Any], /, *, countdown: int = 0, **kwargs: Any) -> None:
        """Write the job in the current transaction and send it after commit.

        Raises ``ValueError`` for a countdown outside 0..600 s and ``NoTenant`` for a tenant task
        outside any tenant.
        """
        if not 0 <= countdown <= MAX_COUNTDOWN_SECONDS:
            raise ValueError(
                f"countdown is 0 to {MAX_COUNTDOWN_SECONDS} seconds: use remind() for longer waits"
            )
        is_public = isinstance(task, PublicTask)
        tenant = None if is_public else tenant_required()
        job = jobs.create(task.name, tenant.pk if tenant else None, kwargs, delay=countdown)
        headers = headers_for(
            tenant, job, actor=_actor(), language=translation.get_language() or ""
        )
        transaction.on_commit(lambda: send(task, headers, kwargs, countdown=countdown))

    def remind(self, key: str, task: Task[Any, Any], /, *, due_at: datetime, **kwargs: Any) -> None:
        """Store or move a reminder of the current tenant."""
        from tremplin.kernel import reminders

        reminders.remind(key, task, due_at=due_at, **kwargs)

    def forget(self, key: str) -> None:
        """Cancel a reminder of the current tenant."""
        from tremplin.kernel import reminders

        reminders.forget(key)


runner = Runner()


def send_job(
    job: UUID, tenant_pk: int | None, name: str, arguments: dict[str, Any], *, countdown: float = 0
) -> None:
    """Send the message of a job row that exists already."""
    tenant = services.tenancy().by_pk(tenant_pk) if tenant_pk is not None else None
    if tenant_pk is not None and tenant is None:
        jobs.finish(job, error="tenant_unknown", failed=True)
        return
    try:
        task = resolve(name)
    except (ImportError, LookupError):
        jobs.finish(job, error="task_unknown", failed=True)
        return
    send(task, headers_for(tenant, job), arguments, countdown=countdown)


@public_task(max_retries=0, time_limit=60)
def sweep_jobs() -> int:
    """Send again the jobs whose message or worker is gone; return how many."""
    now = timezone.now()
    found = jobs.lost(now)
    for job, tenant_pk, name, arguments in found:
        send_job(job, tenant_pk, name, arguments)
    jobs.purge(now)
    return len(found)


def current_headers() -> dict[str, str]:
    """Return the headers that a task sent now would carry, without a job."""
    return headers_for(current_tenant.get(), None)
