"""Tasks on the real broker with a real worker process: right tenant, never lost, never twice."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from django.db import transaction
from django.utils import translation

from tenants.context import use
from tests.core.tasks import work
from tests.core.tasks.stack import Stack, eventually, undone
from tremplin.api.tasks import enqueue
from tremplin.kernel import audit
from tremplin.kernel.tasks import sweep_jobs

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _nothing_left(stack: Stack) -> None:
    """Start without jobs and messages: what an earlier test left waiting ends with its worker."""
    if not eventually(lambda: stack.messages() == stack.open_jobs() == 0, 1.0):
        stack.stop()
        stack.lose_messages()
    stack.sql("TRUNCATE kernel_state_jobstatus")


@pytest.fixture
def worker(stack: Stack, _nothing_left: None) -> subprocess.Popen[bytes]:
    """Give the worker of the test before when it is still alive."""
    if stack.processes and stack.processes[-1].poll() is None:
        return stack.processes[-1]
    return stack.start_worker()


def label() -> str:
    return f"label-{uuid4().hex[:8]}"


def send(stack: Stack, tenant: object, task: object, **arguments: object) -> None:
    with use(tenant), transaction.atomic():
        enqueue(task, **arguments)  # type: ignore[arg-type]


def test_each_task_runs_in_its_own_tenant(stack: Stack, worker: subprocess.Popen[bytes]) -> None:
    del worker
    first, second = label(), label()
    person = uuid4()
    for _ in range(5):
        with use(stack.a), transaction.atomic(), translation.override("fr"):
            with audit.actor(person, "person"):
                enqueue(work.note, label=first)
        with use(stack.b), transaction.atomic(), translation.override("en"):
            enqueue(work.note, label=second)
    assert eventually(lambda: stack.jobs() == 10 * [("done", 1, "")])
    assert [stack.notes(stack.a, second), stack.notes(stack.b, first)] == [[], []]
    task_label = "task:tests.core.tasks.work.note"
    assert stack.notes(stack.a, first) == 5 * [
        {
            "schema": stack.a.schema_name,
            "tenant": stack.a.slug,
            "language": "fr",
            "actor": str(person),
            "label": task_label,
            "target": first,
        }
    ]
    assert stack.notes(stack.b, second) == 5 * [
        {
            "schema": stack.b.schema_name,
            "tenant": stack.b.slug,
            "language": "en",
            "actor": "",
            "label": task_label,
            "target": second,
        }
    ]


def test_nothing_is_sent_before_commit_nor_after_rollback(
    stack: Stack, worker: subprocess.Popen[bytes]
) -> None:
    del worker
    never, kept = label(), label()
    with use(stack.a):
        with undone():
            enqueue(work.note, label=never)
        with transaction.atomic():
            enqueue(work.note, label=kept)
            waiting = stack.messages()
    assert waiting == 0
    assert eventually(lambda: stack.jobs(args={"label": kept}) == [("done", 1, "")])
    assert len(stack.notes(stack.a, kept)) == 1
    assert stack.notes(stack.a, never) == []
    assert stack.jobs(args={"label": never}) == []


def test_kill_in_the_middle_of_a_task_then_one_effect(
    stack: Stack, worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    name = label()
    arguments = {"label": name, "folder": str(tmp_path)}
    send(stack, stack.a, work.die_once, **arguments)
    assert worker.wait(20) == -9
    assert stack.jobs(args=arguments) == [("running", 1, "")]
    assert stack.notes(stack.a, name) == []
    second = stack.start_worker()
    stack.age_jobs()
    assert sweep_jobs() == 1
    assert eventually(lambda: stack.jobs(args=arguments) == [("done", 2, "")])
    # The first message becomes visible again, as it would after an hour: it changes nothing.
    # The second message goes after its job is recorded, not at the same instant.
    assert eventually(lambda: stack.messages() == 1)
    stack.show_again()
    send(stack, stack.a, work.note, label=f"{name}-next")
    assert eventually(lambda: stack.messages() == 0)
    assert len(stack.notes(stack.a, f"{name}-next")) == 1
    assert len(stack.notes(stack.a, name)) == 1
    assert stack.jobs(args=arguments) == [("done", 2, "")]
    stack.kill(second)


def test_a_job_whose_message_was_lost_is_sent_again(
    stack: Stack, worker: subprocess.Popen[bytes]
) -> None:
    stack.kill(worker)
    name = label()
    send(stack, stack.b, work.note, label=name)
    stack.lose_messages()
    assert sweep_jobs() == 0
    stack.age_jobs(3)
    assert sweep_jobs() == 1
    assert sweep_jobs() == 0
    second = stack.start_worker()
    assert eventually(lambda: stack.jobs(args={"label": name}) == [("done", 1, "")])
    assert len(stack.notes(stack.b, name)) == 1
    stack.kill(second)


def test_failures_are_retried_then_reported_without_personal_data(
    stack: Stack, worker: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del worker, monkeypatch
    name = label()
    arguments = {"label": name, "folder": str(tmp_path), "falls": 9}
    send(stack, stack.a, work.stumble, **arguments)
    assert eventually(lambda: stack.jobs(args=arguments)[0][:2] == ("queued", 1))
    state, _, error = stack.jobs(args=arguments)[0]
    assert (state, error.split(":")[0]) == ("queued", "ValueError at work.py")
    delays = stack.sql(
        "SELECT extract(epoch FROM heartbeat_at - now()) BETWEEN 0 AND 6.1"
        " FROM kernel_state_jobstatus WHERE args @> %s::jsonb",
        f'{{"label": "{name}"}}',
    )
    assert delays == [(True,)]
    assert stack.notes(stack.a, name) == []
    assert len(list(tmp_path.iterdir())) == 1


def test_a_time_limit_holds_in_a_thread_pool(stack: Stack, worker: subprocess.Popen[bytes]) -> None:
    del worker
    name = label()
    send(stack, stack.a, work.endless, label=name)
    assert eventually(lambda: stack.jobs(args={"label": name})[0][:2] == ("queued", 1), 15)
    state, attempts, error = stack.jobs(args={"label": name})[0]
    assert (state, attempts, error.split(" ")[0]) == ("queued", 1, "SoftTimeLimitExceeded")
    stack.sql("UPDATE kernel_state_jobstatus SET state = 'done' WHERE state = 'queued'")


def test_refusals_unknown_suspended_and_module_off(
    stack: Stack, worker: subprocess.Popen[bytes]
) -> None:
    del worker
    off, late, anyway = label(), label(), label()
    send(stack, stack.a, work.of_a_module, label=off)
    assert eventually(lambda: stack.jobs(args={"label": off}) == [("done", 1, "module_off")])
    stack.sql("UPDATE tenants_tenant SET status = 'suspended' WHERE id = %s", stack.b.pk)
    stack.sql("SELECT nextval('tenants_epoch')")
    time.sleep(2.5)  # every process looks at the epoch at least every two seconds
    try:
        with use(stack.b), transaction.atomic():
            enqueue(work.note, label=late)
            enqueue(work.even_suspended, label=anyway)
        assert eventually(
            lambda: stack.jobs(args={"label": late}) == [("failed", 1, "tenant_suspended")]
        )
        assert eventually(lambda: stack.jobs(args={"label": anyway}) == [("done", 1, "")])
        assert stack.notes(stack.b, late) == []
        assert len(stack.notes(stack.b, anyway)) == 1
        assert stack.notes(stack.a, off) == []
    finally:
        stack.sql("UPDATE tenants_tenant SET status = 'active' WHERE id = %s", stack.b.pk)
        stack.sql("SELECT nextval('tenants_epoch')")


def test_a_message_without_or_with_a_foreign_tenant_does_nothing(
    stack: Stack, worker: subprocess.Popen[bytes]
) -> None:
    log = stack.folder / f"worker-{len(stack.processes) - 1}.log"
    del worker
    name = label()
    before = log.read_text()
    work.note.apply_async(kwargs={"label": name})
    work.note.apply_async(kwargs={"label": name}, headers={"tremplin_tenant": str(uuid4())})

    def refused(reason: str) -> bool:
        return f"NoTenant('{reason}')" in log.read_text().removeprefix(before)

    assert eventually(lambda: refused("tenant_missing"))
    assert eventually(lambda: refused("tenant_unknown"))
    assert [stack.notes(tenant, name) for tenant in (stack.a, stack.b)] == [[], []]


def test_a_public_task_has_no_tenant(
    stack: Stack, worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    del worker
    with use(stack.a), transaction.atomic():
        enqueue(work.in_public, folder=str(tmp_path))
    assert eventually((tmp_path / "public").exists)
    assert eventually(lambda: (tmp_path / "public").read_text() == "None")


def test_countdown(stack: Stack, worker: subprocess.Popen[bytes]) -> None:
    del worker
    name = label()
    with use(stack.a), transaction.atomic():
        enqueue(work.note, countdown=2, label=name)
    assert eventually(lambda: stack.notes(stack.a, name))
    [(waited,)] = stack.sql(
        "SELECT extract(epoch FROM finished_at - created_at) FROM kernel_state_jobstatus"
        " WHERE args @> %s::jsonb",
        f'{{"label": "{name}"}}',
    )
    assert round(float(waited)) == 2


def test_prefork_pool_runs_in_the_right_schema(stack: Stack) -> None:
    stack.stop()
    process = stack.start_worker(pool="prefork")
    first, second = label(), label()
    send(stack, stack.a, work.note, label=first)
    send(stack, stack.b, work.note, label=second)
    assert eventually(lambda: stack.jobs() == 2 * [("done", 1, "")])
    assert [n["schema"] for n in stack.notes(stack.a, first)] == [stack.a.schema_name]
    assert [n["schema"] for n in stack.notes(stack.b, second)] == [stack.b.schema_name]
    stack.kill(process)


def test_the_embedded_beat_dies_with_a_killed_worker(stack: Stack) -> None:
    stack.stop()
    process = stack.start_worker("-B")
    assert eventually(lambda: len(psutil.Process(process.pid).children()) == 1)
    [beat] = psutil.Process(process.pid).children()
    process.kill()
    process.wait(10)
    assert eventually(lambda: not beat.is_running() or beat.status() == "zombie", 10)
