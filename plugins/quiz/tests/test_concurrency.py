"""Saves and starts that arrive at the same moment, with real commits and threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any


def together(tenant: Any, works: list[Any]) -> list[Any]:
    """Run every work inside ``tenant`` in a thread of its own, all at once."""
    from django.db import connection

    from tenants.context import use

    barrier = Barrier(len(works))

    def one(work: Any) -> Any:
        try:
            with use(tenant):
                barrier.wait(10)
                return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def test_the_newest_revision_wins_and_a_second_start_finds_the_first(own_database: str) -> None:
    from plugins.quiz.internal.packs import packs
    from plugins.quiz.models import Answer, Attempt
    from plugins.quiz.services import taking
    from plugins.quiz.services.library import install
    from tenants import registry
    from tenants.context import use
    from tremplin.api import services
    from tremplin.identity.services import create_person
    from tremplin.kernel.models import OutboxEvent

    tenant = registry.by_slug("mecaformation")
    with use(tenant):
        lina = create_person(email="lina@mecaformation.example", roles=("learner",))
        quiz = install(services.contexts().current(), packs()["securite-ht"])[0]
        quiz.open_to_all = True
        quiz.save()

    def context() -> Any:
        return services.contexts().for_person(lina.pk)

    started = together(tenant, [lambda: taking.start(context(), quiz)] * 4)
    assert len({attempt.pk for attempt in started}) == 1
    attempt = started[0]

    def save(revision: int) -> Any:
        value = {"value": f"k{revision % 4 + 1}"}
        return lambda: taking.save_answer(context(), attempt.pk, 0, value, revision=revision)

    outcomes = together(tenant, [save(revision) for revision in (1, 2, 3, 4)])
    assert {outcome.outcome for outcome in outcomes} <= {"saved", "stale"}
    submitted = together(tenant, [lambda: taking.submit(context(), attempt)] * 4)
    assert {row.state for row in submitted} == {"completed"}
    with use(tenant):
        answer = Answer.objects.get(attempt=attempt, position=0)
        assert (answer.revision, answer.response) == (4, {"value": "k1"})
        assert Attempt.objects.count() == 1
        events = OutboxEvent.objects.filter(name="tremplin.quiz.attempt_completed.v1")
        assert events.count() == 1
