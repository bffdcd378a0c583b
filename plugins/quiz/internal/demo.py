"""Demo content: packs, assignments and past attempts of a demo space, the same on every run."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid5

import yaml
from django.db import transaction
from pydantic import BaseModel, ConfigDict

from plugins.quiz.internal import marking
from plugins.quiz.internal.content import (
    MatchContent,
    MultipleContent,
    NumericContent,
    OrderContent,
    ShortContent,
    SingleContent,
)
from plugins.quiz.internal.packs import FOLDER, packs
from plugins.quiz.models import Answer, Assignment, Attempt, Quiz
from plugins.quiz.services.completing import completed_event, skill_totals
from plugins.quiz.services.library import install
from plugins.quiz.services.taking import draw
from tremplin.api import ContentAssigned, TenantContext, publish, services

SPAN_DAYS = 45
WRONG_NUMBER, WRONG_TEXT = "1", "?"


class DemoSpace(BaseModel):
    """What one demo space shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    packs: tuple[str, ...]
    assign: dict[str, tuple[str, ...]]
    attempts: int
    untouched: tuple[str, ...]
    failing_cohort: str


def plan() -> dict[str, DemoSpace]:
    """Return the plan by slug of the demo space."""
    data = yaml.safe_load((FOLDER / "demo.yaml").read_text(encoding="utf-8"))
    return {slug: DemoSpace.model_validate(values) for slug, values in data.items()}


def seed_demo(ctx: TenantContext, seed: int) -> None:
    """Install the packs of the space, assign them and write past attempts.

    Nobody is notified: these are facts of the past. A second call finds everything in place.
    """
    space = plan().get(ctx.tenant.slug)
    if space is None:
        return
    cohorts = {cohort.name: cohort for cohort in services.people().cohorts()}
    quizzes = {key: install(ctx, packs()[key])[0] for key in space.packs}
    for key, names in space.assign.items():
        for name in names:
            if name in cohorts:
                _assign(ctx, quizzes[key], cohorts[name].id)
    if not space.attempts or Attempt.objects.exists():
        return
    quiz = next(iter(quizzes.values()))
    people = sorted(
        (p for p in services.people().with_role("learner") if p.email not in space.untouched),
        key=lambda person: person.email,
    )
    if not people:
        return
    random = Random(f"{seed}:{ctx.tenant.slug}")  # noqa: S311  demo data
    failing = _failing(space, cohorts, {person.id for person in people})
    runs = []
    for index in range(space.attempts):
        person = people[index % len(people)]
        runs.append((person.id, 1 + index // len(people)))
    last = max(number for _person, number in runs)
    with transaction.atomic():
        for person, number in runs:
            started = _moment(ctx.now(), random, number, last)
            skill = 0.25 if person == failing else 0.62 + 0.1 * number
            _past_attempt(ctx, quiz, person, number, started, min(skill, 0.95), random)


def _assign(ctx: TenantContext, quiz: Quiz, cohort: UUID) -> None:
    with transaction.atomic():
        _row, created = Assignment.objects.get_or_create(
            quiz=quiz, cohort=cohort, defaults={"created_at": ctx.now()}
        )
        if created:
            publish(
                ContentAssigned(module_slug="quiz", content_id=quiz.pk, cohorts=1),
                aggregate=f"quiz.quiz:{quiz.pk}",
            )


def _failing(space: DemoSpace, cohorts: dict[str, Any], people: set[UUID]) -> UUID | None:
    """Return the one person who never passes: the last of the cohort by id, or nobody."""
    cohort = cohorts.get(space.failing_cohort)
    if cohort is None:
        return None
    members = sorted(set(services.people().cohort_members(cohort.id)) & people, key=str)
    return members[-1] if members else None


def _moment(now: datetime, random: Random, number: int, last: int) -> datetime:
    """Return a working hour in the weeks before ``now``; later attempts come later."""
    width = SPAN_DAYS / last
    days = SPAN_DAYS - width * (number - 1) - random.random() * (width - 1)
    moment = now - timedelta(days=days)
    moment = moment.replace(
        hour=8 + random.randrange(9), minute=random.randrange(60), second=0, microsecond=0
    )
    return min(moment, now - timedelta(hours=1))


def _past_attempt(
    ctx: TenantContext,
    quiz: Quiz,
    person: UUID,
    number: int,
    started: datetime,
    skill: float,
    random: Random,
) -> None:
    seed = int.from_bytes(hashlib.sha256(f"{person}:{number}".encode()).digest()[:7], "big")
    drawn = draw(quiz, seed)
    passing = skill >= 0.5
    answers: list[Answer] = []
    while True:
        responses = [
            _response(version.typed, random, random.random() < skill) for version, _p, _s in drawn
        ]
        answers = [
            Answer(version=version, position=position, points=points, response=response, revision=1)
            for position, ((version, points, _s), response) in enumerate(
                zip(drawn, responses, strict=True)
            )
        ]
        for answer in answers:
            answer.fraction = marking.mark(answer.version.typed, answer.response).fraction
            answer.score = marking.score(answer.fraction or Decimal(0), answer.points)
        score = sum((answer.score or Decimal(0) for answer in answers), Decimal(0))
        maximum = sum((points for _v, points, _s in drawn), Decimal(0))
        percent = marking.percent(score, maximum)
        passed = None if quiz.pass_percent is None else percent >= quiz.pass_percent
        # The weak person fails each time; everybody else passes by the second attempt at the latest.
        if passed is None or (passing and (passed or number == 1)) or (not passing and not passed):
            break
    submitted = started + timedelta(seconds=random.randrange(240, 700))
    attempt = Attempt.objects.create(
        id=uuid5(ctx.tenant.id, f"quiz:{quiz.source_id}:{person}:{number}"),
        quiz=quiz, person=person, number=number, state=Attempt.State.COMPLETED, seed=seed,
        items=[{"version": str(v.pk), "points": str(p), "section": s} for v, p, s in drawn],
        started_at=started, submitted_at=submitted, completed_at=submitted,
        deadline_at=started + timedelta(minutes=quiz.minutes) if quiz.minutes else None,
        submitted_by=Attempt.SubmittedBy.PERSON, score=score, max_score=maximum, percent=percent,
        passed=passed, skills=skill_totals(answers),
    )  # fmt: skip
    for answer in answers:
        answer.attempt = attempt
        answer.saved_at = submitted
    Answer.objects.bulk_create(answers)
    publish(completed_event(attempt), aggregate=f"quiz.attempt:{attempt.pk}")


def _response(content: Any, random: Random, right: bool) -> dict[str, Any]:
    """Return a right response, or a plausible wrong one."""
    if isinstance(content, SingleContent):
        keys = [c.key for c in content.choices if (c.weight == 100) == right]
        return {"value": random.choice(keys)}
    if isinstance(content, MultipleContent):
        chosen = [c.key for c in content.choices if c.weight > 0]
        return {"value": chosen if right else chosen[1:]}
    if isinstance(content, OrderContent):
        keys = [item.key for item in content.items]
        if not right:
            at = random.randrange(len(keys) - 1)
            keys[at], keys[at + 1] = keys[at + 1], keys[at]
        return {"value": keys}
    if isinstance(content, MatchContent):
        pairs = {pair.key: content.right_key(pair) for pair in content.pairs}
        if not right:
            first, second = random.sample(list(pairs), 2)
            pairs[first], pairs[second] = pairs[second], pairs[first]
        return {"value": pairs}
    if isinstance(content, NumericContent):
        return {"value": str(content.answers[0].value) if right else WRONG_NUMBER}
    if isinstance(content, ShortContent):
        return {"value": content.answers[0].text if right else WRONG_TEXT}
    return {"value": "true" if content.correct == right else "false"}
