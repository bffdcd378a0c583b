"""Background work of plugins: bound to a tenant, sent after commit, limited in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from celery import Task

MAX_COUNTDOWN_SECONDS = 600


def task(
    *,
    queue: str = "default",
    time_limit: int = 300,
    max_retries: int = 3,
    suspended_ok: bool = False,
    module: str = "",
) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    """Declare a task that runs inside one tenant; its arguments are ids (JSON values) only.

    ``queue`` is ``default``, ``mail``, ``bulk`` or ``ai``; ``time_limit`` is in seconds;
    ``module`` is the plugin slug whose gate is re-checked when the task starts (a module that is
    off stops it). A task declared ``suspended_ok`` also runs for a suspended tenant.
    """
    from tremplin.api import services

    declared: Callable[[Callable[..., Any]], Task[Any, Any]] = services.task_runner().declare(
        queue=queue,
        time_limit=time_limit,
        max_retries=max_retries,
        suspended_ok=suspended_ok,
        module=module,
    )
    return declared


def enqueue(task: Task[Any, Any], /, *, countdown: int = 0, **kwargs: Any) -> None:
    """Send ``task`` after the current transaction commits, with the current tenant.

    ``countdown`` is in seconds, at most 600: longer waits are reminders (``remind``).
    """
    from tremplin.api import services

    services.task_runner().enqueue(task, countdown=countdown, **kwargs)


def remind(key: str, task: Task[Any, Any], /, *, due_at: datetime, **kwargs: Any) -> None:
    """Store that ``task`` must run at ``due_at``; the same ``key`` moves the reminder."""
    from tremplin.api import services

    services.task_runner().remind(key, task, due_at=due_at, **kwargs)


def forget(key: str) -> None:
    """Cancel the reminder stored under ``key`` (nothing happens when there is none)."""
    from tremplin.api import services

    services.task_runner().forget(key)
