"""Measures who-is-asking: sign-in, session, tokens, keys and rights, in a space of 20,000 people.

Everything runs in one process through the real middleware, views and database, in turns with a
bare Django view without middleware, so that both feel the same machine. Times are medians; queries
are those of one request on warm caches.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.bench.measure import Measure, at_most

SLUG = "foule"
HOST = f"{SLUG}.localhost"
PASSWORD = "a phrase of the benchmark 7"  # noqa: S105  of people made up here
BATCH = 5_000
TURNS = 5
LOGINS = 5
URLS = "tests.bench.identity_urls"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this measure."""
    parser.add_argument("--people", type=int, default=20_000, help="people in the space")
    parser.add_argument("--rounds", type=int, default=60, help="requests per case and turn")


@dataclass(slots=True)
class Callers:
    """What the cases present: a session, an access token, an API key."""

    session: str
    token: str
    key: str


@dataclass(slots=True)
class Case:
    """One kind of request: how it is sent, and what it took."""

    name: str
    send: Callable[[], Any]
    queries: int = 0
    median: float = 0.0


def run(options: argparse.Namespace) -> Iterator[Measure]:
    """Yield the measures."""
    from tenants import databases

    with databases.scratch("bench_identity"):
        options.report(f"Preparing a space of {options.people:,} people.")
        tenant = _prepare(options)
        callers = _callers(tenant)
        options.report("Asking in turns: the bare view, then each way of being known.")
        cases = _measure(_cases(callers), options.rounds)
        yield Measure("people in the space", _count(tenant), "people")
        bare = cases["bare view"]
        for name, case in cases.items():
            if name == "bare view":
                yield Measure("bare Django view, no middleware", case.median, "ms")
                continue
            yield Measure(
                f"{name}, time (baseline: bare view)", case.median, "ms", bare.median,
                case.median / bare.median,
            )  # fmt: skip
            yield Measure(f"{name}, queries", case.queries, "queries", bare.queries)
        yield _rights(cases)
        yield from _login(options)


def _rights(cases: dict[str, Case]) -> Measure:
    added = cases["session and 21 rights"].queries - cases["session"].queries
    return at_most("queries that checking rights adds to a request", added, "queries", 1)


def _prepare(options: argparse.Namespace) -> Any:
    """Create the space and its people: learners in bulk, one of them signs in."""
    from allauth.account.models import EmailAddress
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import Group

    from tenants import provisioning, setup
    from tenants.context import use
    from tremplin.identity.models import User
    from tremplin.kernel import gate

    setup.ensure_database(options.report)
    tenant = provisioning.create(
        provisioning.NewTenant(
            name="Foule", slug=SLUG, kind="school", email="x@foule.example", host=HOST
        )
    )
    hashed = make_password(PASSWORD)
    with use(tenant):
        gate.set_licence(tenant, "quiz", "on", reason="benchmark")
        gate.activate(tenant, "quiz")
        learner = Group.objects.get(name="learner")
        for start in range(0, options.people, BATCH):
            people = [
                User(
                    email=f"p{number}@foule.example", first_name=f"P{number}", last_name="Foule",
                    password=hashed, locale="en",
                )
                for number in range(start, min(start + BATCH, options.people))
            ]  # fmt: skip
            for person in people:
                person.refresh_search_text()
            User.objects.bulk_create(people)
            EmailAddress.objects.bulk_create(
                EmailAddress(user=person, email=person.email, primary=True, verified=True)
                for person in people
            )
            User.groups.through.objects.bulk_create(
                User.groups.through(user_id=person.pk, group_id=learner.pk) for person in people
            )
        _analyse()
    return tenant


def _analyse() -> None:
    """Let the planner know the tables: the server does so by itself within a minute."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _count(tenant: Any) -> int:
    from tenants.context import use
    from tremplin.identity.models import User

    with use(tenant):
        return User.objects.count()


def _callers(tenant: Any) -> Callers:
    """Sign one learner in by the browser and by an application, and give her a key."""
    from django.test import Client

    from tenants.context import use
    from tremplin.identity.api_access import keys, scopes
    from tremplin.identity.models import User

    email = "p7@foule.example"
    client = Client(headers={"host": HOST})
    with use(tenant):
        person = User.objects.get(email=email)
        client.force_login(person, backend="tremplin.identity.backends.RoleBackend")
        offered = [s.name for s in scopes.known() if scopes.may_grant(person, s.name)]
        secret = keys.create(name="bench", scopes=offered[:1], created_by=person)[1]
    answer = Client(headers={"host": HOST}).post(
        "/_allauth/app/v1/auth/login",
        {"email": email, "password": PASSWORD},
        content_type="application/json",
    )
    if answer.status_code != 200:
        raise RuntimeError(f"the sign-in answered {answer.status_code}: {answer.content!r}")
    return Callers(client.cookies["sessionid"].value, answer.json()["meta"]["access_token"], secret)


def _cases(callers: Callers) -> list[Case]:
    from django.test import Client

    client = Client(headers={"host": HOST})

    def known(path: str, headers: dict[str, str]) -> Callable[[], Any]:
        return lambda: client.get(path, headers=headers)

    cookie = {"Cookie": f"sessionid={callers.session}"}
    return [
        Case("bare view", _own("/bench/bare/", {}, ROOT_URLCONF=URLS, MIDDLEWARE=[])),
        Case("session", _own("/bench/person/", cookie, ROOT_URLCONF=URLS)),
        Case("session and 21 rights", _own("/bench/rights/", cookie, ROOT_URLCONF=URLS)),
        Case("API by session", known("/api/v1/me", cookie)),
        Case(
            "API by access token",
            known("/api/v1/me", {"Authorization": f"Bearer {callers.token}"}),
        ),
        Case("API by API key", known("/api/v1/me", {"Authorization": f"Bearer {callers.key}"})),
    ]


def _own(path: str, headers: dict[str, str], **settings: Any) -> Callable[[], Any]:
    """Return how to ask ``path`` of a handler built with other settings."""
    from django.test import Client
    from django.test.utils import override_settings
    from django.urls import clear_url_caches, set_urlconf

    client = Client(headers={"host": HOST})
    with override_settings(**settings):
        client.handler.load_middleware()

    def send() -> Any:
        with override_settings(**settings):
            clear_url_caches()
            set_urlconf(None)
            return client.get(path, headers=headers)

    return send


def _measure(cases: list[Case], rounds: int) -> dict[str, Case]:
    """Time every case in turns; keep the best median of each, as load only ever adds."""
    for case in cases:
        case.queries = _queries(case)
    times: dict[str, list[float]] = {case.name: [] for case in cases}
    for _turn in range(TURNS):
        for case in cases:
            spent = []
            for _round in range(rounds):
                began = time.perf_counter()
                case.send()
                spent.append(time.perf_counter() - began)
            times[case.name].append(1000 * statistics.median(spent))
    for case in cases:
        case.median = min(times[case.name])
    return {case.name: case for case in cases}


def _queries(case: Case) -> int:
    """Count the statements of one request on warm caches; check that it is answered."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for _warm in range(3):
        answer = case.send()
    if answer.status_code != 200:
        raise RuntimeError(f"{case.name}: {answer.status_code} {answer.content[:300]!r}")
    with CaptureQueriesContext(connection) as captured:
        answer = case.send()
    if answer.content == b"wrong":
        raise RuntimeError(f"{case.name}: the rights of a learner are not as declared")
    return len(captured)


def _login(options: argparse.Namespace) -> Iterator[Measure]:
    """Sign in with the form, beside the hash of a password alone."""
    from django.contrib.auth.hashers import check_password, make_password
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    hashed = make_password(PASSWORD)
    alone, whole, queries = [], [], 0
    for number in range(LOGINS):
        began = time.perf_counter()
        check_password(PASSWORD, hashed)
        alone.append(1000 * (time.perf_counter() - began))
        form = {"login": f"p{100 + number}@foule.example", "password": PASSWORD}
        client = Client(headers={"host": HOST})
        with CaptureQueriesContext(connection) as captured:
            began = time.perf_counter()
            answer = client.post("/accounts/login/", form)
            whole.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 302:
            raise RuntimeError(f"the sign-in answered {answer.status_code}")
        queries = len(captured)
    hash_time, total = statistics.median(alone), statistics.median(whole)
    yield Measure(
        "sign-in, time (baseline: the hash alone)", total, "ms", hash_time, total / hash_time
    )
    yield Measure("sign-in without the hash", total - hash_time, "ms")
    yield Measure("sign-in, queries", queries, "queries")
