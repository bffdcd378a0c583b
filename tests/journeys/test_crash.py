"""kill -9 of web, worker and database while learners take a quiz: nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from tests.support import stack as stacks
from tests.support.stack import Stack, free_port
from tremplin.operations.demo.visitor import Visitor

pytestmark = pytest.mark.slow

SEED = 20261121
LEARNERS = 4
QUESTIONS = 5
KILLS = ("web", "database", "worker", "web", "database", "worker", "database", "web")
PASSWORD = "une phrase assez longue 7"
HOST = "crash.localhost"
SUBSCRIBERS = ("log_it", "tell_her")
CALM_SECONDS = 100  # two sweeps of what a killed worker left behind

PREPARE = """
import django
django.setup()
from django.contrib.auth.hashers import make_password
from tenants import provisioning, setup
from tenants.context import use
from tremplin.kernel import gate
setup.ensure_database(lambda text: None)
tenant = provisioning.create(provisioning.NewTenant(
    name="Crash", slug="crash", kind="school", email="b@crash.example",
    options={{"owner": {{"email": "owner@crash.example", "password_hash": None,
                         "first_name": "O", "last_name": "O"}}}}))
with use(tenant):
    gate.set_licence(tenant, "quiz", "on", reason="test")
    gate.activate(tenant, "quiz")
    from tremplin.identity.services import create_person
    from tremplin.identity.models import User
    from tremplin.api import services
    from plugins.quiz.models import Question, Quiz
    from plugins.quiz.services import authoring, transferring
    hashed = make_password({password!r})
    for number in range({learners}):
        create_person(email=f"l{{number}}@crash.example", first_name="L", password_hash=hashed)
    ctx = services.contexts().for_person(User.objects.get(email="owner@crash.example").pk)
    gift = "".join(f"::q{{n}}:: Say {{n}} {{{{=yes}}}}\\n\\n" for n in range({questions}))
    transferring.import_batch(ctx, transferring.open_batch(ctx, "q.gift", gift.encode(), "gift"), None)
    quiz = Quiz.objects.create(title="Crash", open_to_all=True)
    authoring.choose_questions(authoring.create_section(quiz), Question.objects.all())
    authoring.set_state(quiz, "published")
    print("READY", tenant.schema_name, quiz.pk)
"""


class Gone(Exception):
    """The server did not answer, or said that it cannot now: try again."""


@dataclass
class Learner(threading.Thread):
    """Takes the quiz again and again; insists, as the page does, until the server acknowledges."""

    number: int
    base_url: str
    quiz: str
    enough: threading.Event
    acknowledged: dict[tuple[str, int], str] = field(default_factory=dict)
    submitted: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    broken: str = ""

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.visitor = Visitor(self.base_url, HOST)
        self.token = ""

    __hash__ = threading.Thread.__hash__

    def sign_in(self) -> None:
        self.visitor.sign_in(f"l{self.number}@crash.example", PASSWORD)

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                self.take()
        except Exception as error:  # noqa: BLE001  reported by the test
            self.broken = f"{type(error).__name__}: {error}"

    def take(self) -> None:
        """One attempt: every question answered three times, then submitted."""
        attempt = self.insist(self.start_attempt)
        for revision in (1, 2, 3):
            for position in range(QUESTIONS):
                value = f"{self.number}-{revision}-{position}"
                self.insist(lambda p=position, r=revision, v=value: self.save(attempt, p, r, v))
                self.acknowledged[attempt, position] = value
        self.insist(lambda: self.submit(attempt))
        self.submitted.append(attempt)

    def insist(self, act: Callable[[], Any]) -> Any:
        limit = time.monotonic() + 90
        while True:
            try:
                return act()
            except (Gone, OSError, http.client.HTTPException) as error:
                self.failures[type(error).__name__] += 1
                if time.monotonic() > limit:
                    raise
                time.sleep(0.05)

    def post(self, path: str, **fields: str) -> Any:
        body = urlencode({"csrfmiddlewaretoken": self.token, **fields}).encode()
        page = self.visitor._send("POST", path, body, "application/x-www-form-urlencoded")
        if page.status >= 500:
            raise Gone(str(page.status))
        return page

    def start_attempt(self) -> str:
        intro = self.visitor._send("GET", f"/app/quiz/{self.quiz}/")
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', intro.text)
        if intro.status >= 500 or found is None:
            raise Gone(str(intro.status))
        self.token = found[1]
        page = self.post(f"/app/quiz/{self.quiz}/")
        assert page.status == 302, (page.status, page.text[-300:])
        return str(page.location.rstrip("/").rsplit("/", 1)[-1])

    def save(self, attempt: str, position: int, revision: int, value: str) -> None:
        fields = {"position": str(position), "revision": str(revision), f"a{position}": value}
        page = self.post(f"/app/quiz/attempt/{attempt}/save/", **fields)
        assert page.status == 200, (page.status, page.text[-300:])
        assert json.loads(page.text)["outcome"] in {"saved", "same"}

    def submit(self, attempt: str) -> None:
        page = self.post(f"/app/quiz/attempt/{attempt}/submit/")
        assert page.status == 302, (page.status, page.text[-300:])
        assert page.location.endswith(f"/app/quiz/attempt/{attempt}/result/"), page.location


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Stack, Any, str, str]]:
    """A durable server of its own, one school with a quiz, web and worker running on it."""
    from tenants.embedded import server

    monkeypatch.delenv("DATABASE_URL", raising=False)
    folder = Path(tempfile.mkdtemp(prefix="tremplin-crash-"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as ended:
        ended.callback(shutil.rmtree, folder, ignore_errors=True)
        database = ended.enter_context(server(folder / "postgres", durable=True))
        data = folder / "data"
        data.mkdir()
        port = free_port()
        stack = Stack(port, data, stacks._environment(data, database.url, port))
        ended.callback(stack.stop)
        script = PREPARE.format(password=PASSWORD, learners=LEARNERS, questions=QUESTIONS)
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=stacks.ROOT, env=stack.environment,
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        _ready, schema, quiz = done.stdout.strip().splitlines()[-1].split()
        monkeypatch.setattr(
            stacks, "WORKER", (*stacks.WORKER, "-I", "tests.support.crash_subscribers")
        )
        stack.start("web")
        stack.start("worker")
        stack.wait_ready()
        yield stack, database, schema, quiz


def kill(stack: Stack, database: Any, name: str) -> None:
    """kill -9 one of the three and start it again."""
    if name == "database":
        os.kill(database.pid, signal.SIGKILL)
        limit = time.monotonic() + 30
        while database.running() and time.monotonic() < limit:
            time.sleep(0.01)
        database.restart()
        return
    stack.kill(name)
    stack.start(name)


def rows(database: Any, schema: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.url) as raw:
        raw.execute(f'SET search_path = "{schema}"')
        return raw.execute(query).fetchall()


def until(what: Callable[[], bool], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < limit:
        time.sleep(0.5)
    return found


def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(
    crashing: tuple[Stack, Any, str, str],
) -> None:
    stack, database, schema, quiz = crashing
    chance = random.Random(SEED)
    enough = threading.Event()
    learners = [Learner(n, stack.base_url, quiz, enough) for n in range(LEARNERS)]
    for learner in learners:
        learner.sign_in()
    for learner in learners:
        learner.start()
    order = list(KILLS)
    chance.shuffle(order)
    for name in order:
        if chance.random() < 0.6:  # else the next blow falls while the last one still heals
            stack.wait_ready()
        time.sleep(chance.uniform(0.3, 2.0))
        kill(stack, database, name)
    stack.wait_ready()
    time.sleep(1)
    enough.set()
    for learner in learners:
        learner.join(timeout=100)
        assert (learner.is_alive(), learner.broken) == (False, "")
    acknowledged = {k: v for learner in learners for k, v in learner.acknowledged.items()}
    submitted = sorted(attempt for learner in learners for attempt in learner.submitted)
    assert sum(sum(learner.failures.values()) for learner in learners) > 0, "no kill was felt"
    assert len(acknowledged) == len(submitted) * QUESTIONS
    assert len(submitted) >= LEARNERS

    stored = {
        (str(attempt), position): response["value"]
        for attempt, position, response in rows(
            database, schema, "SELECT attempt_id, position, response FROM quiz_answer"
        )
    }
    assert stored == acknowledged
    completed = rows(database, schema, "SELECT id FROM quiz_attempt WHERE state = 'completed'")
    assert sorted(str(pk) for (pk,) in completed) == submitted
    assert rows(database, schema, "SELECT count(*) FROM quiz_attempt") == [(len(submitted),)]

    said = (
        "SELECT payload->>'attempt_id' FROM kernel_outboxevent "
        "WHERE name = 'tremplin.quiz.attempt_completed.v1'"
    )
    assert sorted(pk for (pk,) in rows(database, schema, said)) == submitted
    waiting = "SELECT count(*) FROM kernel_outboxevent WHERE sent_at IS NULL"
    assert until(lambda: rows(database, schema, waiting) == [(0,)], CALM_SECONDS)

    receipts = rows(
        database, schema,
        "SELECT e.payload->>'attempt_id', split_part(r.subscriber, '.', 4) FROM kernel_receipt r "
        "JOIN kernel_outboxevent e USING (event_id) "
        "WHERE r.subscriber LIKE 'tests.support.crash_subscribers.%'",
    )  # fmt: skip
    assert sorted(receipts) == sorted((pk, name) for pk in submitted for name in SUBSCRIBERS)
    logged = rows(
        database, schema, "SELECT target FROM kernel_auditevent WHERE kind = 'test.completed'"
    )
    assert sorted(pk for (pk,) in logged) == submitted
    told = rows(
        database, schema,
        "SELECT split_part(url, '/', 5) FROM notifications_notification WHERE key = 'test.done'",
    )  # fmt: skip
    assert sorted(pk for (pk,) in told) == submitted
