"""Measures the autosave of quizzes: many learners answer one quiz at once over real HTTP.

A space with one quiz and one open attempt per learner is prepared in a database of its own. A real
web process serves it on the loopback; every learner has a connection and posts the answers one
after the other, all learners at once. Then the same number of posts goes to a second web process
of the same stack whose only view does one insert. At the end the stored answers are compared with
the acknowledged ones.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.bench.measure import Measure, at_most
from tremplin.config.processes import free_port, last_line

ROOT = Path(__file__).resolve().parents[2]
SLUG = "banc"
HOST = f"{SLUG}.localhost"
TOKEN = "a" * 32
MAX_QUERIES = 8
START_LIMIT = 60.0  # seconds
REQUEST_LIMIT = 60.0  # seconds
RIGHT: list[Any] = [
    "k2",
    "k1",
    "k3",
    ["k1", "k2", "k3", "k4", "k5"],
    ["k1", "k2", "k4"],
    "false",
    "13",
    "CAN",
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this measure."""
    parser.add_argument("--learners", type=int, default=200, help="people answering at once")


@dataclass(slots=True)
class Learner:
    """One person's browser: cookies, and the bodies to post in turn."""

    path: str
    cookie: str
    bodies: list[bytes]


@dataclass(slots=True)
class Load:
    """What a load gave: latencies in seconds, failures, wall time."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def share(self, percent: int) -> float:
        """Return a percentile of the latencies in milliseconds."""
        return 1000 * statistics.quantiles(self.latencies, n=100)[percent - 1]


def run(options: argparse.Namespace) -> Iterator[Measure]:
    """Yield the measures."""
    from tenants import databases

    with databases.scratch("bench_quiz"):
        options.report(f"Preparing {options.learners} learners with an open attempt.")
        learners, attempt_count = _prepare(options)
        queries = _queries(learners[0])
        options.report("Posting answers to the product.")
        with _web({}) as port:
            _warm(port, learners[0])
            ours = asyncio.run(_load(port, learners))
        stored = _stored()
        options.report("Posting to the bare view.")
        bare = [Learner("/bare/", "", learner.bodies) for learner in learners]
        with _web({"TREMPLIN_SETTINGS_OVERLAY": "tests.bench.quiz_bare"}) as port:
            _warm(port, bare[0])
            plain = asyncio.run(_load(port, bare))
    posts = sum(len(learner.bodies) for learner in learners)
    yield Measure("learners at once", attempt_count, "people")
    yield Measure(
        "answers acknowledged", len(ours.latencies), "answers", posts, len(ours.latencies) / posts
    )
    yield Measure(
        "throughput (baseline: bare view, one insert)", ours.rate, "saves/s", plain.rate,
        ours.rate / plain.rate,
    )  # fmt: skip
    yield Measure("median", ours.share(50), "ms", plain.share(50), ours.share(50) / plain.share(50))
    yield Measure("p95", ours.share(95), "ms", plain.share(95), ours.share(95) / plain.share(95))
    yield at_most("errors", ours.errors + plain.errors, "requests", 0)
    yield at_most("acknowledged answers not stored", len(ours.latencies) - stored, "answers", 0)
    yield at_most("queries per save", queries, "queries", MAX_QUERIES)


def _prepare(options: argparse.Namespace) -> tuple[list[Learner], int]:
    """Create the space, the quiz, the people, their sessions and attempts."""
    from django.db import connection
    from django.test import Client

    from plugins.quiz.internal import rendering
    from plugins.quiz.internal.packs import packs
    from plugins.quiz.services import library, taking
    from tenants import provisioning, setup
    from tenants.context import use
    from tests.bench.quiz_bare_urls import TABLE
    from tremplin.api import services
    from tremplin.identity.services import create_person
    from tremplin.kernel import gate

    setup.ensure_database(options.report)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {TABLE} (id bigserial PRIMARY KEY, body text, at timestamptz DEFAULT now())"
        )
    tenant = provisioning.create(
        provisioning.NewTenant(
            name="Banc", slug=SLUG, kind="school", email="banc@banc.example", host=HOST
        )
    )
    learners = []
    with use(tenant):
        gate.set_licence(tenant, "quiz", "on", reason="benchmark")
        gate.activate(tenant, "quiz")
        quiz = library.install(services.contexts().current(), packs()["securite-ht"])[0]
        quiz.open_to_all, quiz.minutes = True, 600
        quiz.save()
        for number in range(options.learners):
            person = create_person(email=f"p{number}@banc.example", roles=("learner",))
            client = Client(headers={"host": HOST})
            client.force_login(person, backend="tremplin.identity.backends.RoleBackend")
            session = client.cookies["sessionid"].value
            attempt = taking.start(services.contexts().for_person(person.pk), quiz)
            bodies = []
            for answer in attempt.answers.select_related("version").order_by("position"):
                names = rendering.tokens(answer.version.typed, f"{attempt.seed}:{answer.position}")
                value, name = RIGHT[answer.position], f"a{answer.position}"
                chosen = (
                    [names[key] for key in value]
                    if isinstance(value, list)
                    else [names.get(value, value)]
                )
                pairs = [(name, token) for token in chosen]
                pairs += [(f"{name}.touched", "1"), ("position", answer.position), ("revision", 1)]
                bodies.append(urlencode(pairs).encode())
            cookie = f"sessionid={session}; csrftoken={TOKEN}"
            learners.append(Learner(f"/app/quiz/attempt/{attempt.pk}/save/", cookie, bodies))
    return learners, len(learners)


def _queries(learner: Learner) -> int:
    """Count the statements of one save in this process, everything included, on warm caches."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"host": HOST})
    client.cookies["sessionid"] = learner.cookie.split(";")[0].removeprefix("sessionid=")
    body = learner.bodies[0].replace(b"revision=1", b"revision=0")
    form = "application/x-www-form-urlencoded"
    client.post(learner.path, body, content_type=form)
    with CaptureQueriesContext(connection) as captured:
        response = client.post(learner.path, learner.bodies[0], content_type=form)
    if response.status_code != 200:
        raise RuntimeError(f"a save answered {response.status_code}: {response.content[:200]!r}")
    return len(captured)


def _stored() -> int:
    """Count the answers that the database holds."""
    from plugins.quiz.models import Answer
    from tenants import registry
    from tenants.context import use

    tenant = registry.by_slug(SLUG)
    with use(tenant):
        return Answer.objects.filter(response__isnull=False, revision=1).count()


@contextlib.contextmanager
def _web(environment: dict[str, str]) -> Iterator[int]:
    """Serve with the web process of the product on a free port; ended by its id."""
    from tenants import setup

    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tremplin.config.asgi:application", "--host", "127.0.0.1",
               "--port", str(port), "--no-proxy-headers", "--log-level", "warning", "--no-access-log"]  # fmt: skip
    log = Path(os.environ["TREMPLIN_DATA_DIR"]) / f"bench-quiz-{port}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    output = log.open("wb")
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": setup.url(),
            "TREMPLIN_PUBLIC_PORT": str(port),
            **environment,
        },
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    try:
        limit = time.monotonic() + START_LIMIT
        while not _listens(port):
            if child.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"the web process did not start: {last_line(log)}")
            time.sleep(0.2)
        yield port
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(5)
        output.close()
        log.unlink(missing_ok=True)


def _listens(port: int) -> bool:
    import socket

    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _warm(port: int, learner: Learner) -> None:
    """Send a few posts, so that imports and caches are not measured."""
    warm = Learner(learner.path, learner.cookie, [learner.bodies[0]] * 8)
    asyncio.run(_load(port, [warm]))


async def _load(port: int, learners: list[Learner]) -> Load:
    load = Load()
    began = time.perf_counter()
    await asyncio.gather(*(_learner(port, learner, load) for learner in learners))
    load.seconds = time.perf_counter() - began
    return load


async def _learner(port: int, learner: Learner, load: Load) -> None:
    """Post every answer of one learner over one kept connection."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        load.errors += len(learner.bodies)
        return
    try:
        for body in learner.bodies:
            began = time.perf_counter()
            try:
                status, answer = await asyncio.wait_for(
                    _post(reader, writer, learner, body), REQUEST_LIMIT
                )
            except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
                load.errors += 1
                return
            if status == 200 and (b'"saved"' in answer or b'"same"' in answer):
                load.latencies.append(time.perf_counter() - began)
            else:
                load.errors += 1
    finally:
        writer.close()


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, learner: Learner, body: bytes
) -> tuple[int, bytes]:
    head = (
        f"POST {learner.path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {learner.cookie}\r\n"
        f"X-CSRFToken: {TOKEN}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1])
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return status, await reader.readexactly(int(headers.get("content-length", "0")))
