"""A database of its own with two spaces, and real worker and web processes on it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from django.conf import settings
from django.db import connection, transaction

ROOT = Path(__file__).resolve().parents[3]
WORK = "tests.core.tasks.work"
QUEUES = ("default", "mail", "bulk", "ai")


@dataclass
class Stack:
    """Two active schools, ``a`` and ``b``, in a database that only this test module uses."""

    dsn: str
    a: Any
    b: Any
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    _raw: psycopg.Connection[Any] | None = None

    # --- processes ------------------------------------------------------------------------------

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "CELERY"))}
        return {
            **kept,
            "DATABASE_URL": url_of_current_database(),
            "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
            "PYTHONPATH": os.pathsep.join(
                [str(ROOT), str(ROOT / "platform"), os.environ.get("PYTHONPATH", "")]
            ),
            "TREMPLIN_MODE": "test",
            "TREMPLIN_LOG_FORMAT": "text",
            **self.variables,
            **more,
        }

    def start(self, *command: str, log: str, **more: str) -> subprocess.Popen[bytes]:
        output = (self.folder / log).open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=self.environment(**more),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        output.close()
        self.processes.append(process)
        return process

    def start_worker(self, *options: str, pool: str = "threads") -> subprocess.Popen[bytes]:
        """Start a worker and return once it takes messages."""
        log = f"worker-{len(self.processes)}.log"
        process = self.start(
            "celery", "-A", "tremplin.config.celery", "worker", "-P", pool, "-c", "2",
            "--without-mingle", "--without-gossip", "--without-heartbeat", "-l", "INFO",
            "-I", WORK, *options, log=log,
        )  # fmt: skip
        self._until(process, log, lambda text: " ready." in text)
        return process

    def start_web(
        self,
        port: int,
        *options: str,
        application: str = "tremplin.config.asgi:application",
        **more: str,
    ) -> subprocess.Popen[bytes]:
        """Start the product's server and return once it answers."""
        log = f"web-{len(self.processes)}.log"
        process = self.start(
            "uvicorn", application, "--host", "127.0.0.1",
            "--port", str(port), "--no-proxy-headers", "--timeout-graceful-shutdown", "10",
            *options, log=log, **more,
        )  # fmt: skip
        self._until(process, log, lambda text: "Uvicorn running" in text)
        return process

    def _until(
        self, process: subprocess.Popen[bytes], log: str, ready: Callable[[str], bool]
    ) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            text = (self.folder / log).read_text(encoding="utf-8", errors="replace")
            if ready(text):
                return
            assert process.poll() is None, text
            time.sleep(0.05)
        raise AssertionError(f"not ready: {text}")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process and its group at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        """Kill every process started here that still runs."""
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)

    # --- facts ----------------------------------------------------------------------------------

    def notes(self, tenant: Any, label: str = "") -> list[dict[str, Any]]:
        """Return the effects of the tasks of ``work`` in a tenant, oldest first."""
        from tenants.context import use
        from tremplin.kernel.models import AuditEvent

        with use(tenant):
            rows = AuditEvent.objects.filter(kind="test.note").order_by("id")
            return [
                {**row.data, "target": row.target}
                for row in rows
                if not label or row.target == label
            ]

    def jobs(self, **which: Any) -> list[tuple[str, int, str]]:
        """Return (state, attempts, error) of job rows, oldest first."""
        from tremplin.kernel.state.models import JobStatus

        found = JobStatus.objects.filter(**which).order_by("created_at")
        return [(row.state, row.attempts, row.error) for row in found]

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own, committed."""
        if self._raw is None or self._raw.closed:
            self._raw = psycopg.connect(self.dsn, autocommit=True)
        cursor = self._raw.execute(text, values)
        return cursor.fetchall() if cursor.description else []

    # --- queues, wherever they are --------------------------------------------------------------

    def messages(self) -> int:
        """Return how many messages there are, those in the hands of a worker included."""
        # A queue exists from the first message or worker on.
        return int(self.sql("SELECT coalesce(sum(queue_length), 0) FROM pgmq.metrics_all()")[0][0])

    def show_again(self) -> None:
        """Make the messages of dead workers visible again, as they would be after an hour."""
        self.sql("SELECT pgmq.set_vt('default', msg_id, 0) FROM pgmq.q_default")

    def lose_messages(self) -> None:
        """Empty every queue."""
        self.sql("SELECT pgmq.purge_queue(queue_name) FROM pgmq.list_queues()")

    def open_jobs(self) -> int:
        """Return how many job rows are not at their end."""
        return sum(state in {"queued", "running"} for state, _, _ in self.jobs())

    def age_jobs(self, minutes: int = 10) -> None:
        """Let time pass for the job rows."""
        self.sql(
            "UPDATE kernel_state_jobstatus SET created_at = created_at - make_interval(mins => %s),"
            " heartbeat_at = heartbeat_at - make_interval(mins => %s)",
            minutes,
            minutes,
        )

    def person(self, tenant: Any) -> tuple[UUID, str]:
        """Create a person with an open session; return her id and the Cookie header."""
        from django.contrib.sessions.backends.db import SessionStore

        from tenants.context import use
        from tremplin.identity.services import create_person

        with use(tenant):
            user = create_person(
                email=f"{uuid4().hex}@example.org", first_name="Ana", last_name="Roux"
            )
            session = SessionStore()
            session["_auth_user_id"] = str(user.pk)
            session["_auth_user_backend"] = settings.AUTHENTICATION_BACKENDS[0]
            session["_auth_user_hash"] = user.get_session_auth_hash()
            session.save()
        return user.pk, f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


class _Undo(Exception):
    pass


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """Run a block in a transaction (or savepoint) that is rolled back at its end."""
    with contextlib.suppress(_Undo), transaction.atomic():
        yield
        raise _Undo


def url_of_current_database() -> str:
    """Return the address of the database this process uses now."""
    from urllib.parse import quote

    values = connection.settings_dict
    password = quote(str(values["PASSWORD"]), safe="")
    return (
        f"postgresql://{values['USER']}:{password}@{values['HOST']}:{values['PORT']}"
        f"/{values['NAME']}"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Poll every 20 ms; return whether the condition became true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


@contextlib.contextmanager
def live_database(folder: Path) -> Iterator[Stack]:
    """Point this process, its broker included, at a copy of the base database of the run."""
    from tenants import databases, registry, setup

    base = str(connection.settings_dict["NAME"]).rpartition("_")[0]
    with databases.scratch(f"live_{os.urandom(3).hex()}", template=base):
        setup.install_queues()
        a, b = registry.by_slug("mecaformation"), registry.by_slug("lycee")
        stack = Stack(setup.dsn(), a, b, folder)
        try:
            yield stack
        finally:
            stack.stop()
            if stack._raw is not None:
                stack._raw.close()
