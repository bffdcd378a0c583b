"""Human marks: essays waiting in the queue, and corrections of any answer."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from plugins.quiz.internal import marking
from plugins.quiz.models import Answer, Attempt, Mark
from plugins.quiz.services.assigning import in_languages
from plugins.quiz.services.completing import complete, recompute
from tremplin.api import Problem, TenantContext, services

MARKED_TITLE = gettext_noop("Result available: %(title)s")
MARKED_BODY = gettext_noop("Your answers to “%(title)s” are marked.")
MARKED_ACTION = gettext_noop("See my result")


def mark_answer(ctx: TenantContext, answer: UUID, score: Decimal, comment: str) -> Attempt:
    """Give ``score`` points to an answer; the last open one completes its attempt.

    Every decision is kept as a ``Mark``. Raises ``Problem`` 404, 409 ``attempt_open`` and 422
    ``score_out_of_range``.
    """
    assert ctx.person is not None  # noqa: S101  views require a person
    with transaction.atomic():
        found = (
            Answer.objects.select_for_update(of=("attempt",))
            .select_related("attempt__quiz", "version")
            .filter(pk=answer)
            .first()
        )
        if found is None:
            raise Problem(404, "answer_not_found", _("This answer does not exist."))
        attempt = found.attempt
        if attempt.state == Attempt.State.IN_PROGRESS:
            raise Problem(409, "attempt_open", _("This attempt is not submitted yet."))
        if not 0 <= score <= found.points:
            raise Problem(
                422,
                "score_out_of_range",
                _("Give between 0 and %(max)s points.") % {"max": found.points.normalize()},
            )
        now = ctx.now()
        rows = list(attempt.answers.select_related("version").order_by("position"))
        row = next(item for item in rows if item.pk == found.pk)
        Mark.objects.create(
            answer=row, former=row.score, score=score, comment=comment,
            marked_by=ctx.person.id, marked_at=now,
        )  # fmt: skip
        changed = row.score != score
        row.score = score.quantize(marking.SCORE)
        row.fraction = (score / row.points).quantize(marking.FRACTION) if row.points else Decimal(0)
        row.needs_marking = False
        row.comment = comment
        row.marked_by = ctx.person.id
        row.marked_at = now
        row.save()
        if attempt.state == Attempt.State.SUBMITTED:
            if not any(item.needs_marking for item in rows):
                complete(ctx, attempt, rows)
                _tell(ctx, attempt)
        elif changed:
            recompute(ctx, attempt, rows)
            services.audit().record(
                "quiz.attempt_remarked",
                target=f"quiz.attempt:{attempt.pk}",
                data={"answer": str(row.pk), "percent": str(attempt.percent)},
            )
    return attempt


def _tell(ctx: TenantContext, attempt: Attempt) -> None:
    if attempt.person is None:
        return
    services.notify().send(
        [attempt.person],
        "quiz.marked",
        title=in_languages(MARKED_TITLE, title=attempt.quiz.title),
        body=in_languages(MARKED_BODY, title=attempt.quiz.title),
        url=ctx.url("quiz:result", attempt=attempt.pk),
        action=in_languages(MARKED_ACTION),
    )
