"""Keeps running tasks honest: heart-beats of their job rows and their time limits.

One daemon thread per worker process does both. Celery enforces time limits in prefork pools only;
in a thread pool the keeper raises ``SoftTimeLimitExceeded`` inside the late task's thread. That
reaches Python code at its next instruction; a call blocked in C ends first.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 20.0
_CHECK_SECONDS = 0.5


@dataclass(slots=True, eq=False)
class _Watched:
    job: UUID | None
    thread: int
    deadline: float | None
    fired: bool = field(default=False)


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    target = ctypes.py_object(exception) if exception is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), target)


class Keeper:
    """Watches the tasks that run in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[_Watched] = set()
        self._pid = 0

    @contextmanager
    def watch(self, job: UUID | None, seconds: float | None) -> Iterator[None]:
        """Watch the calling thread for a block; ``seconds`` is its time limit (None: none).

        Raises ``SoftTimeLimitExceeded`` in the block when the limit is over.
        """
        # A prefork child runs its task in the main thread, where Celery's own signal does it.
        in_main = threading.current_thread() is threading.main_thread()
        deadline = None if in_main or not seconds else time.monotonic() + seconds
        entry = _Watched(job, threading.get_ident(), deadline)
        with self._lock:
            self._running.add(entry)
        self._ensure_thread()
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(entry)
                if entry.fired:
                    # The limit may have struck between the end of the work and this line.
                    _raise_in(entry.thread, None)

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
        threading.Thread(target=self._run, name="task-keeper", daemon=True).start()

    def _run(self) -> None:
        pid, last_beat = self._pid, time.monotonic()
        while pid == self._pid:
            time.sleep(_CHECK_SECONDS)
            now = time.monotonic()
            with self._lock:
                jobs = [entry.job for entry in self._running if entry.job is not None]
                for entry in self._running:
                    if entry.deadline is not None and now > entry.deadline and not entry.fired:
                        entry.fired = True
                        _raise_in(entry.thread, SoftTimeLimitExceeded)
            if now - last_beat >= HEARTBEAT_SECONDS:
                last_beat = now
                if jobs:
                    _beat(jobs)


def _beat(jobs: list[UUID]) -> None:
    from django.db import DatabaseError, connection

    from tremplin.kernel.tasks import jobs as rows

    try:
        rows.beat(jobs)
    except DatabaseError:
        logger.warning("heart-beat of %d running tasks failed", len(jobs), exc_info=True)
    finally:
        connection.close()


keeper = Keeper()
