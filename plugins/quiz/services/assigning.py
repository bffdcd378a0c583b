"""Giving a quiz to people or cohorts, and telling them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext, gettext_noop

from plugins.quiz.models import Assignment, Quiz
from tremplin.api import ContentAssigned, Problem, TenantContext, publish, services

TITLE = gettext_noop("New quiz: %(title)s")
BODY = gettext_noop("The quiz “%(title)s” is waiting for you.")
BODY_DUE = gettext_noop("The quiz “%(title)s” is waiting for you. Please finish it by %(due)s.")
ACTION = gettext_noop("Open the quiz")
LANGUAGES = ("en", "fr")


def in_languages(message: str, **values: object) -> dict[str, str]:
    """Return ``message`` translated and filled in, by language."""
    texts = {}
    for language in LANGUAGES:
        with translation.override(language):
            texts[language] = gettext(message) % values
    return texts


def assign(
    ctx: TenantContext,
    quiz: Quiz,
    *,
    people: Iterable[UUID] = (),
    cohorts: Iterable[UUID] = (),
    opens_at: datetime | None = None,
    due_at: datetime | None = None,
) -> int:
    """Assign ``quiz`` and return how many people are newly reached and notified.

    Assigning the same target again only moves its window. Unknown people and cohorts raise
    ``Problem`` 404; a quiz that is not published raises ``Problem`` 409 ``quiz_not_published``.
    """
    if quiz.state != Quiz.State.PUBLISHED:
        raise Problem(409, "quiz_not_published", gettext("Publish the quiz before assigning it."))
    if opens_at and due_at and opens_at >= due_at:
        raise Problem(
            422, "window_reversed", gettext("The due date must come after the opening date.")
        )
    directory = services.people()
    person_ids, cohort_ids = set(people), set(cohorts)
    known = directory.many(person_ids)
    if missing := person_ids - known.keys():
        raise Problem(
            404,
            "person_unknown",
            gettext("%(count)s people are unknown here.") % {"count": len(missing)},
        )
    if any(directory.cohort(cohort) is None for cohort in cohort_ids):
        raise Problem(404, "cohort_unknown", gettext("This cohort does not exist here."))
    before = reached(quiz)
    author = ctx.person.id if ctx.person else None
    defaults = {"opens_at": opens_at, "due_at": due_at}
    with transaction.atomic():
        for person in sorted(person_ids, key=str):
            Assignment.objects.update_or_create(
                quiz=quiz, person=person, defaults=defaults,
                create_defaults={**defaults, "created_by": author, "created_at": ctx.now()},
            )  # fmt: skip
        for cohort in sorted(cohort_ids, key=str):
            Assignment.objects.update_or_create(
                quiz=quiz, cohort=cohort, defaults=defaults,
                create_defaults={**defaults, "created_by": author, "created_at": ctx.now()},
            )  # fmt: skip
        fresh = sorted(reached(quiz) - before, key=str)
        publish(
            ContentAssigned(
                module_slug="quiz",
                content_id=quiz.pk,
                assigned_by=author,
                people=len(person_ids),
                cohorts=len(cohort_ids),
            ),
            aggregate=f"quiz.quiz:{quiz.pk}",
        )
        if fresh:
            _tell(ctx, quiz, fresh, due_at)
    return len(fresh)


def reached(quiz: Quiz) -> set[UUID]:
    """Return everybody the assignments of ``quiz`` reach, directly or through a cohort."""
    directory = services.people()
    found: set[UUID] = set()
    for person, cohort in quiz.assignments.values_list("person", "cohort"):
        found |= {person} if person else set(directory.cohort_members(cohort))
    return found


def _tell(ctx: TenantContext, quiz: Quiz, people: list[UUID], due_at: datetime | None) -> None:
    from django.utils.formats import date_format

    if due_at is None:
        body = in_languages(BODY, title=quiz.title)
    else:
        local = due_at.astimezone(ctx.now().tzinfo)
        body = {}
        for language in LANGUAGES:
            with translation.override(language):
                due = date_format(local, "DATETIME_FORMAT")
                body[language] = gettext(BODY_DUE) % {"title": quiz.title, "due": due}
    services.notify().send(
        people,
        "quiz.assigned",
        title=in_languages(TITLE, title=quiz.title),
        body=body,
        url=ctx.url("quiz:intro", quiz=quiz.pk),
        action=in_languages(ACTION),
    )


def withdraw(assignment: Assignment) -> None:
    """Take an assignment back; attempts already made stay."""
    assignment.delete()
