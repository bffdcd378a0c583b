"""Job rows: the durable side of the queue.

A job is written in the transaction that asks for the work, so neither a lost message nor a killed
worker loses it: the sweeper sends it again. A message is only a wake-up call; whoever changes the
row from ``queued`` to ``running`` does the work, everyone else stops. Rows hold ids and codes only.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from tremplin.api import services

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
STALE = timedelta(seconds=120)
_TOLERANCE = timedelta(seconds=5)  # of the doubling, for the time a sweep itself takes
KEEP_DONE = timedelta(days=1)
KEEP_FAILED = timedelta(days=30)
SWEEP_LIMIT = 500


def _model() -> Any:
    from tremplin.kernel.state.models import JobStatus

    return JobStatus


def create(
    task: str,
    tenant_pk: int | None,
    arguments: Mapping[str, Any],
    *,
    job: UUID | None = None,
    delay: float = 0,
) -> UUID:
    """Write one queued job in the caller's transaction; ``delay`` (s) postpones the sweeper."""
    identifier = job or uuid4()
    now = timezone.now()
    with services.tenancy().public_write("task queue"):
        _model().objects.bulk_create(
            [
                _model()(
                    id=identifier,
                    tenant_id=tenant_pk,
                    task=task,
                    state=QUEUED,
                    args=dict(arguments),
                    attempts=0,
                    heartbeat_at=now + timedelta(seconds=delay),
                    created_at=now,
                )
            ],
            ignore_conflicts=job is not None,
        )
    return identifier


def claim(job: UUID) -> int | None:
    """Take a job for this worker; return its attempt number (1, 2, …) or None when not ours.

    Takes queued jobs, and running ones whose worker has been silent for two minutes.
    """
    now = timezone.now()
    stale = Q(state=RUNNING, heartbeat_at__lt=now - STALE)
    with services.tenancy().public_write("task queue"), transaction.atomic():
        row = (
            _model()
            .objects.select_for_update(skip_locked=True)
            .filter(Q(state=QUEUED) | stale, pk=job)
            .values("attempts")
            .first()
        )
        if row is None:
            return None
        _model().objects.filter(pk=job).update(
            state=RUNNING, attempts=F("attempts") + 1, heartbeat_at=now, error=""
        )
    attempt: int = row["attempts"] + 1
    return attempt


def beat(running: Sequence[UUID]) -> None:
    """Tell the sweeper that these jobs are alive."""
    with services.tenancy().public_write("task queue"):
        _model().objects.filter(pk__in=running, state=RUNNING).update(heartbeat_at=timezone.now())


def finish(job: UUID, *, error: str = "", failed: bool = False) -> None:
    """Close a job; ``error`` is a code such as ``module_off`` or a place in the code."""
    with services.tenancy().public_write("task queue"):
        _model().objects.filter(pk=job).update(
            state=FAILED if failed else DONE, finished_at=timezone.now(), error=error[:500]
        )


def postpone(job: UUID, seconds: float, *, error: str) -> None:
    """Put a failed job back in the queue for a new attempt in ``seconds``."""
    with services.tenancy().public_write("task queue"):
        _model().objects.filter(pk=job).update(
            state=QUEUED,
            heartbeat_at=timezone.now() + timedelta(seconds=seconds),
            error=error[:500],
        )


def describe(error: BaseException) -> str:
    """Return class and place of ``error``; its message may name a person and stays in the log."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def lost(now: datetime) -> list[tuple[UUID, int | None, str, dict[str, Any]]]:
    """Return, and mark as queued again, the jobs whose message or worker is gone.

    A running job is lost after two minutes of silence. A queued one is sent again at two minutes,
    then at 4, 8, 16 … minutes of age, so that a long queue is not flooded with copies.
    """
    stale = Q(state=RUNNING, heartbeat_at__lt=now - STALE)
    unheard = Q(state=QUEUED, heartbeat_at__lt=now - STALE) & Q(
        heartbeat_at__lt=now + _TOLERANCE - (F("heartbeat_at") - F("created_at"))
    )
    with services.tenancy().public_write("task queue"), transaction.atomic():
        rows = list(
            _model()
            .objects.select_for_update(skip_locked=True)
            .filter(stale | unheard)
            .order_by("created_at")
            .values_list("id", "tenant_id", "task", "args")[:SWEEP_LIMIT]
        )
        _model().objects.filter(pk__in=[row[0] for row in rows]).update(
            state=QUEUED, heartbeat_at=now
        )
    return rows


def unfinished(task: str, tenant_pks: Sequence[int]) -> set[int]:
    """Return the tenants among ``tenant_pks`` that have an open job of ``task``."""
    return set(
        _model()
        .objects.filter(task=task, tenant_id__in=tenant_pks, state__in=[QUEUED, RUNNING])
        .values_list("tenant_id", flat=True)
    )


def purge(now: datetime) -> int:
    """Delete finished jobs after a day and failed ones after thirty; return how many."""
    old = Q(state=DONE, finished_at__lt=now - KEEP_DONE) | Q(
        state=FAILED, finished_at__lt=now - KEEP_FAILED
    )
    with services.tenancy().public_write("task queue"):
        deleted, _ = _model().objects.filter(old).delete()
    return int(deleted)
