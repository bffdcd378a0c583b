"""The task classes: one tenant per task, or the public schema when declared so."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from importlib import import_module
from typing import Any
from uuid import UUID

from celery import Task
from celery.exceptions import Reject
from django.conf import settings
from django.utils import translation

from tremplin.api import services
from tremplin.kernel.current import NoTenant, current_tenant
from tremplin.kernel.tasks import jobs
from tremplin.kernel.tasks.deadline import keeper

logger = logging.getLogger(__name__)

TENANT_HEADER = "tremplin_tenant"
JOB_HEADER = "tremplin_job"
ACTOR_HEADER = "tremplin_actor"
LANGUAGE_HEADER = "tremplin_language"
MAX_BACKOFF_SECONDS = 600


def backoff(attempt: int) -> float:
    """Return the seconds before the attempt after ``attempt``: 5, 20, 80, 320, then 600, ±20 %."""
    seconds = min(float(MAX_BACKOFF_SECONDS), 5.0 * 4.0 ** (attempt - 1))
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311  spreads load, hides nothing


class _CoreTask(Task[Any, Any]):  # type: ignore[misc]
    abstract = True
    lane = "default"
    module = ""
    suspended_ok = False
    retries = 3
    seconds: float | None = 300.0

    def apply_async(self, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        """Send to the queue the task was declared for, unless told otherwise."""
        options.setdefault("queue", self.lane)
        return super().apply_async(args, kwargs, **options)

    def header(self, name: str) -> str:
        """Return a header of the message being worked on ('' when absent)."""
        request = self.request
        found = request.get(name) or (request.headers or {}).get(name)
        return str(found) if found else ""

    def place(self) -> Any:
        """Return the context manager of the tenant this message belongs to."""
        raise TypeError("a task is declared with tremplin.api.tasks.task or public_task")

    def stopped(self) -> str:
        """Return why the work must not be done now, as a code ('' to go on)."""
        return ""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do the work of one message, or run directly in the caller's tenant and transaction."""
        if self.request.called_directly and not self.header(TENANT_HEADER):
            return self.run(*args, **kwargs)
        job = UUID(found) if (found := self.header(JOB_HEADER)) else None
        attempt = 1
        if job is not None:
            claimed = jobs.claim(job)
            if claimed is None:
                logger.info("%s: job %s is done or in other hands", self.name, job)
                return None
            attempt = claimed
        try:
            outcome, reason = self._work(job, args, kwargs)
        except NoTenant as error:
            if job is not None:
                jobs.finish(job, error=str(error), failed=True)
            raise
        except Exception as error:
            if job is None:
                raise
            self._failed(job, attempt, kwargs, error)
            return None
        if job is not None:
            jobs.finish(job, error=reason)
        return outcome

    def _work(self, job: UUID | None, args: Any, kwargs: Any) -> tuple[Any, str]:
        with self.place(), self._surroundings():
            reason = self.stopped()
            if reason:
                logger.info("%s stopped: %s", self.name, reason)
                return None, reason
            with keeper.watch(job, self.seconds):
                return self.run(*args, **kwargs), ""

    @contextmanager
    def _surroundings(self) -> Iterator[None]:
        from tremplin.kernel import audit

        tenant = current_tenant.get()
        language = self.header(LANGUAGE_HEADER) or (tenant.locale if tenant else "en")
        actor = self.header(ACTOR_HEADER)
        with ExitStack() as stack:
            stack.enter_context(translation.override(language))
            stack.enter_context(
                audit.actor(UUID(actor) if actor else None, f"task:{self.name}", "")
            )
            yield

    def _failed(self, job: UUID, attempt: int, kwargs: Any, error: Exception) -> None:
        place = jobs.describe(error)
        if isinstance(error, Reject) or attempt > self.retries:
            logger.error("%s failed for good after %d attempts", self.name, attempt, exc_info=error)
            jobs.finish(job, error=place, failed=True)
            return
        seconds = backoff(attempt)
        logger.warning(
            "%s failed (attempt %d), again in %.0f s", self.name, attempt, seconds, exc_info=error
        )
        jobs.postpone(job, seconds, error=place)
        names = (TENANT_HEADER, JOB_HEADER, ACTOR_HEADER, LANGUAGE_HEADER)
        headers = {name: value for name in names if (value := self.header(name))}
        send(self, headers, kwargs, countdown=seconds)


class TenantTask(_CoreTask):
    """Runs inside the tenant that was current when it was enqueued, and refuses any other way.

    Raises ``NoTenant`` (never retried) when the tenant is missing, unknown or not active.
    """

    abstract = True

    def place(self) -> Any:
        """Enter the tenant named by the message."""
        found = self.header(TENANT_HEADER)
        tenant = services.tenancy().by_uuid(UUID(found)) if found else None
        if tenant is None:
            raise NoTenant("tenant_unknown" if found else "tenant_missing")
        accepted = {"active", "suspended"} if self.suspended_ok else {"active"}
        if tenant.status not in accepted:
            raise NoTenant(f"tenant_{tenant.status}")
        return services.tenancy().use(tenant)

    def stopped(self) -> str:
        """Stop the work of a module that is no longer on."""
        from tremplin.kernel import gate

        tenant = current_tenant.get()
        if self.module and tenant is not None and gate.mode(tenant, self.module) != "on":
            return "module_off"
        return ""


class PublicTask(_CoreTask):
    """Runs in the public schema; for core only."""

    abstract = True

    def place(self) -> Any:
        """Leave any tenant."""
        return services.tenancy().public()


@lru_cache(maxsize=1)
def load_application() -> None:
    """Make the Celery application of the settings the current one, in any process of the project.

    The kernel may not import the configuration; without this a command would talk to Celery's
    default broker.
    """
    import_module(settings.TASK_APPLICATION)


def send(
    task: Task[Any, Any], headers: dict[str, str], kwargs: dict[str, Any], *, countdown: float = 0
) -> None:
    """Hand one message to the broker; a broker that is down only delays the job.

    The job row exists already, so the sweeper sends what this call could not.
    """
    load_application()
    try:
        task.apply_async(kwargs=kwargs, headers=headers, countdown=countdown or None)
    except Exception:
        logger.warning("the broker did not take %s; the sweeper will", task.name, exc_info=True)
