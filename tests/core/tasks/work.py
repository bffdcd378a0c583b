"""Tasks that the tests of this folder run in a real worker; each effect is a line of the audit log."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from django.db import connection, transaction
from django.utils import translation

from tremplin.api.tasks import task
from tremplin.kernel import audit
from tremplin.kernel.current import current_tenant, tenant_required
from tremplin.kernel.tasks import public_task


@task()
def note(label: str) -> None:
    """Write down where and as whom the task runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        row = cursor.fetchone()
    actor = audit.current_actor()
    audit.record(
        "test.note",
        target=label,
        data={
            "schema": row[0] if row else "",
            "tenant": tenant_required().slug,
            "language": translation.get_language(),
            "actor": str(actor.id) if actor.id else "",
            "label": actor.label,
        },
    )


@task(module="quiz")
def of_a_module(label: str) -> None:
    """Belongs to a module."""
    audit.record("test.note", target=label)


@task(suspended_ok=True)
def even_suspended(label: str) -> None:
    """Runs for a suspended tenant too."""
    audit.record("test.note", target=label)


@task(max_retries=2)
def stumble(label: str, folder: str, falls: int) -> None:
    """Fail ``falls`` times, then write; each attempt leaves a file."""
    attempts = len(list(Path(folder).iterdir()))
    (Path(folder) / f"attempt-{attempts}").touch()
    with transaction.atomic():
        audit.record("test.note", target=label)
        if attempts < falls:
            raise ValueError("private words of ana@example.org")


@task(time_limit=1)
def endless(label: str) -> None:
    """Work for ever, in Python."""
    audit.record("test.note", target=label)
    while True:
        time.sleep(0.01)


@task()
def die_once(label: str, folder: str) -> None:
    """Kill the whole worker in the middle of the first attempt, after writing uncommitted work."""
    first = not (Path(folder) / "died").exists()
    with transaction.atomic():
        audit.record("test.note", target=label)
        if first:
            (Path(folder) / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)


@task()
def wait_for(label: str, folder: str) -> None:
    """Say it has started, wait for the file ``go``, then write."""
    (Path(folder) / f"started-{label}").touch()
    while not (Path(folder) / "go").exists():
        time.sleep(0.01)
    audit.record("test.note", target=label)


@public_task()
def in_public(folder: str) -> None:
    """Say that no tenant is current."""
    (Path(folder) / "public").write_text(repr(current_tenant.get()), encoding="utf-8")
