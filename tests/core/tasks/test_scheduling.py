"""Enqueueing rules, job rows, reminders and schedules, without a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from tenants import registry
from tenants.context import use
from tests.core.tasks import work
from tests.core.tasks.stack import Stack, undone
from tremplin.api.tasks import enqueue, forget, remind, task
from tremplin.kernel import clock, reminders, schedules
from tremplin.kernel import tasks as kernel_tasks
from tremplin.kernel.current import NoTenant
from tremplin.kernel.state.models import Reminder
from tremplin.kernel.tasks import jobs


class Sent:
    """Collects the messages instead of the broker."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any], dict[str, str], float]] = []

    def __call__(
        self, task: Any, headers: dict[str, str], kwargs: Any, *, countdown: float = 0
    ) -> None:
        self.messages.append((task.name, kwargs, headers, countdown))

    def who(self) -> list[tuple[str, str]]:
        """Return (last part of the task's name, tenant uuid) of each message."""
        return [
            (name.rpartition(".")[2], headers.get("tremplin_tenant", ""))
            for name, _, headers, _ in self.messages
        ]


@pytest.fixture(autouse=True)
def sent(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Sent:
    stack.sql("TRUNCATE kernel_state_jobstatus, kernel_state_reminder, kernel_state_scheduleslot")
    collected = Sent()
    monkeypatch.setattr(kernel_tasks, "send", collected)
    return collected


NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


# --- enqueue ------------------------------------------------------------------------------------


def test_enqueue_refuses_no_tenant_and_long_waits(stack: Stack, sent: Sent) -> None:
    with pytest.raises(NoTenant):
        enqueue(work.note, label="x")
    for countdown in (-1, 601):
        with use(stack.a), pytest.raises(ValueError, match="0 to 600"):
            enqueue(work.note, countdown=countdown, label="x")
    assert (stack.jobs(), sent.messages) == ([], [])
    with use(stack.a):
        enqueue(work.note, countdown=600, label="x")
    assert [message[3] for message in sent.messages] == [600]


def test_a_task_names_a_known_queue_and_a_limit() -> None:
    with pytest.raises(ValueError, match="default, mail, bulk, ai"):
        task(queue="fast")
    with pytest.raises(ValueError, match="at least 1"):
        task(time_limit=0)


def test_a_broker_that_is_down_does_not_fail_the_caller(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()

    def down(**_options: object) -> None:
        raise OSError("no route to the broker")

    monkeypatch.setattr(work.note, "apply_async", down)
    with use(stack.a), transaction.atomic():
        enqueue(work.note, label="kept")
    assert stack.jobs(args={"label": "kept"}) == [("queued", 0, "")]


def test_a_direct_call_runs_in_the_current_tenant(stack: Stack) -> None:
    with use(stack.b):
        work.note(label="direct")
    assert [note["schema"] for note in stack.notes(stack.b, "direct")] == [stack.b.schema_name]
    assert stack.notes(stack.a, "direct") == []


# --- job rows -----------------------------------------------------------------------------------


def test_one_claim_per_job(stack: Stack) -> None:
    job = jobs.create("t", stack.a.pk, {})
    assert (jobs.claim(job), jobs.claim(job)) == (1, None)
    jobs.finish(job)
    assert (jobs.claim(job), jobs.claim(uuid4())) == (None, None)
    assert stack.jobs() == [("done", 1, "")]


def test_a_silent_job_can_be_claimed_again_and_a_beating_one_cannot(stack: Stack) -> None:
    job = jobs.create("t", stack.a.pk, {})
    jobs.claim(job)
    stack.age_jobs(3)
    jobs.beat([job])
    assert jobs.claim(job) is None
    assert jobs.lost(timezone.now()) == []
    stack.age_jobs(3)
    assert jobs.claim(job) == 2


def test_lost_jobs_are_sent_again_at_growing_ages(stack: Stack) -> None:
    jobs.create("t", stack.a.pk, {"id": 7})
    resent = []
    for _minute in range(40):
        stack.age_jobs(1)
        resent.append(len(jobs.lost(timezone.now())))
    assert [minute + 1 for minute, count in enumerate(resent) if count] == [2, 4, 8, 16, 32]


def test_the_sweeper_closes_what_has_no_tenant_or_no_code(stack: Stack, sent: Sent) -> None:
    jobs.create("tests.core.tasks.work.note", 999_999, {"label": "x"})
    jobs.create("plugins.gone.tasks.work", stack.a.pk, {})
    stack.age_jobs(3)
    assert kernel_tasks.sweep_jobs() == 2
    assert sorted(stack.jobs()) == [("failed", 0, "task_unknown"), ("failed", 0, "tenant_unknown")]
    assert sent.messages == []


def test_old_rows_are_purged(stack: Stack) -> None:
    for failed in (False, True):
        job = jobs.create("t", stack.a.pk, {})
        jobs.finish(job, failed=failed)
    now = timezone.now()
    assert jobs.purge(now) == 0
    assert jobs.purge(now + timedelta(days=2)) == 1
    assert [state for state, _, _ in stack.jobs()] == ["failed"]
    assert jobs.purge(now + timedelta(days=31)) == 1


# --- reminders ----------------------------------------------------------------------------------


def test_a_reminder_is_sent_once_when_due_to_its_tenant(stack: Stack, sent: Sent) -> None:
    with clock.frozen_at(NOW):
        for tenant in (stack.a, stack.b):
            with use(tenant):
                remind("event.7", work.note, due_at=NOW + timedelta(hours=24), label=tenant.slug)
        assert reminders.send_due() == 0
    with clock.frozen_at(NOW + timedelta(hours=24)):
        assert reminders.send_due() == 2
        assert reminders.send_due() == 0
    assert sent.who() == [("note", str(stack.a.uuid)), ("note", str(stack.b.uuid))]
    assert [message[1] for message in sent.messages] == [
        {"label": stack.a.slug},
        {"label": stack.b.slug},
    ]
    assert stack.jobs() == [("queued", 0, ""), ("queued", 0, "")]


def test_a_reminder_is_moved_and_cancelled_by_its_key(stack: Stack, sent: Sent) -> None:
    with use(stack.a):
        remind("event.7", work.note, due_at=NOW, label="old")
        remind("event.7", work.note, due_at=NOW + timedelta(days=1), label="new")
        remind("event.8", work.note, due_at=NOW, label="cancelled")
        forget("event.8")
        forget("event.9")
    with use(stack.b):
        forget("event.7")
    with clock.frozen_at(NOW + timedelta(hours=23)):
        assert reminders.send_due() == 0
    with clock.frozen_at(NOW + timedelta(hours=25)):
        assert reminders.send_due() == 1
    assert [message[1] for message in sent.messages] == [{"label": "new"}]


def test_a_rolled_back_reminder_does_not_exist(stack: Stack) -> None:
    with use(stack.a), undone():
        remind("event.7", work.note, due_at=NOW, label="x")
    assert Reminder.objects.count() == 0


@pytest.mark.parametrize(
    ("key", "due_at", "message"),
    [("k", datetime(2026, 11, 20), "time zone"), ("", NOW, "1 to 200"), ("k" * 201, NOW, "1 to")],
)
def test_bad_reminders(stack: Stack, key: str, due_at: datetime, message: str) -> None:
    with use(stack.a), pytest.raises(ValueError, match=message):
        remind(key, work.note, due_at=due_at, label="x")
    with use(stack.a), pytest.raises(ValueError, match="tenant task"):
        remind("k", work.in_public, due_at=NOW)


def test_more_due_reminders_than_one_batch(
    stack: Stack, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "BATCH", 10)
    with use(stack.a), transaction.atomic():
        for number in range(25):
            remind(f"n.{number}", work.note, due_at=NOW, label=str(number))
    with clock.frozen_at(NOW):
        assert reminders.send_due() == 25
    assert sorted(int(m[1]["label"]) for m in sent.messages) == list(range(25))


# --- schedules ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "now", "slot"),
    [
        ("* * * * *", "2026-11-20 10:07:59", "2026-11-20 10:07"),
        ("*/15 * * * *", "2026-11-20 10:07", "2026-11-20 10:00"),
        ("30 9 * * *", "2026-11-20 10:29", "2026-11-20 09:30"),
        ("30 9 * * *", "2026-11-20 10:30", None),
        ("55 23 * * *", "2026-11-21 00:10", "2026-11-20 23:55"),
        ("0 10 * * 5", "2026-11-20 10:01", "2026-11-20 10:00"),
        ("0 10 * * fri", "2026-11-20 10:01", "2026-11-20 10:00"),
        ("0 10 * * 0", "2026-11-22 10:01", "2026-11-22 10:00"),
        ("0 10 * * 1-4", "2026-11-20 10:01", None),
        ("0 10 20 11 *", "2026-11-20 10:01", "2026-11-20 10:00"),
        ("0 10 21 * *", "2026-11-20 10:01", None),
    ],
)
def test_last_slot(cron: str, now: str, slot: str | None) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    expected = None if slot is None else datetime.fromisoformat(slot).replace(tzinfo=UTC)
    assert schedules.last_slot(cron, moment) == expected


@pytest.mark.parametrize("cron", ["", "* * * *", "61 * * * *", "a b c d e", "* * * * * *"])
def test_bad_cron(cron: str) -> None:
    with pytest.raises(ValueError, match=r"five fields|not a cron"):
        schedules.parse(cron)


@pytest.fixture
def nightly() -> Any:
    schedules.register_schedule("tests.nightly", work.note, "0 10 * * *")
    schedules.register_schedule("tests.once", work.in_public, "0 10 * * *", per_tenant=False)
    yield
    for name in ("tests.nightly", "tests.once"):
        schedules.unregister_schedule(name)


def ours(names: list[str]) -> list[str]:
    return [name for name in names if name.startswith("tests.")]


@pytest.mark.usefixtures("nightly")
def test_two_beats_start_a_slot_once_and_a_missed_one_is_caught_up(
    stack: Stack, sent: Sent
) -> None:
    late = NOW + timedelta(minutes=59)
    assert ours(schedules.start_due(NOW - timedelta(minutes=1))) == []
    assert ours(schedules.start_due(late)) == ["tests.nightly", "tests.once"]
    assert ours(schedules.start_due(late)) == []
    assert ours(schedules.start_due(NOW + timedelta(minutes=60))) == []
    assert ours(schedules.start_due(NOW + timedelta(days=1))) == ["tests.nightly", "tests.once"]
    fans = [m for m in sent.messages if m[1].get("schedule", "").startswith("tests.")]
    assert [(name.rpartition(".")[2], kw["slot"]) for name, kw, _, _ in fans] == 2 * [
        ("fan_out", "2026-11-20T10:00:00+00:00")
    ] + 2 * [("fan_out", "2026-11-21T10:00:00+00:00")]


@pytest.mark.usefixtures("nightly")
def test_fan_out_gives_each_active_tenant_one_job_however_often_it_runs(
    stack: Stack, sent: Sent
) -> None:
    slot = NOW.isoformat()
    stack.sql("UPDATE tenants_tenant SET status = 'suspended' WHERE slug = 'volteo'")
    registry.invalidate()
    spaces = {row[0] for row in stack.sql("SELECT uuid FROM tenants_tenant WHERE slug <> 'volteo'")}
    assert len(spaces) == 6
    assert schedules.fan_out(schedule="tests.nightly", slot=slot) == 6
    assert sorted(sent.who()) == sorted(("note", str(uuid)) for uuid in spaces)
    assert {message[2]["tremplin_tenant"]: message[3] for message in sent.messages} == {
        str(uuid): schedules.jitter(uuid) for uuid in spaces
    }
    # The run before has not ended anywhere.
    assert schedules.fan_out(schedule="tests.nightly", slot=slot) == 0
    stack.sql("UPDATE kernel_state_jobstatus SET state = 'done'")
    # The same slot again finds the rows that exist: their messages are sent, nothing runs twice.
    assert schedules.fan_out(schedule="tests.nightly", slot=slot) == 6
    assert stack.jobs(task=work.note.name) == 6 * [("done", 0, "")]
    assert schedules.fan_out(schedule="tests.once", slot=slot) == 1
    assert stack.jobs(task=work.in_public.name) == [("queued", 0, "")]
    assert schedules.fan_out(schedule="tests.unknown", slot=slot) == 0


@pytest.mark.usefixtures("nightly")
def test_schedule_names_are_unique() -> None:
    with pytest.raises(ValueError, match="already registered"):
        schedules.register_schedule("tests.nightly", work.note, "0 10 * * *")


def test_slots_older_than_a_week_are_forgotten(stack: Stack) -> None:
    stack.sql(
        "INSERT INTO kernel_state_scheduleslot (schedule, slot, created_at) VALUES"
        " ('x', 'old', now() - interval '8 days'), ('x', 'recent', now() - interval '6 days')"
    )
    schedules.tick()
    found = stack.sql("SELECT slot FROM kernel_state_scheduleslot WHERE schedule = 'x'")
    assert found == [("recent",)]


UNKNOWN = """
import django
django.setup()
from tremplin.config.celery import app
from tremplin.kernel import schedules
app.loader.import_default_modules()
print(sorted({entry.task for entry in schedules.every_schedule()} - set(app.tasks)))
"""


def test_a_worker_knows_the_task_of_every_schedule():
    """In a process of its own: other tests import modules that a worker would have to find."""
    done = subprocess.run(
        [sys.executable, "-c", UNKNOWN],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
