"""Pages of learners: their quizzes, an attempt, its result."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from plugins.quiz import selectors
from plugins.quiz.internal import marking, rendering
from plugins.quiz.internal.packs import skill_label
from plugins.quiz.models import Answer, Attempt, Quiz
from plugins.quiz.services import taking
from tremplin.api import Problem, TenantContext, services, view

MOVES = {"up": -1, "down": 1}
LONGEST_NUMBER = 6  # digits; no attempt has that many questions


@view(permission="quiz.take")
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """List the quizzes of the person: to do, then done."""
    cards = selectors.my_quizzes(request.ctx)
    return render(
        request,
        "quiz/home.html",
        {
            "todo": [card for card in cards if not card.done],
            "done": [card for card in cards if card.done],
        },
    )


@view(permission="quiz.take")
def intro(request: HttpRequest, quiz: UUID) -> HttpResponse:
    """Say the rules of a quiz and, on POST, open an attempt."""
    ctx: TenantContext = request.ctx
    found = get_object_or_404(Quiz, pk=quiz)
    allowed = selectors.availability(ctx, found)
    attempts = list(found.attempts.filter(person=ctx.person.id).order_by("number"))
    if allowed.code in {"not_published", "not_assigned"} and not attempts:
        raise Http404
    if request.method == "POST":
        attempt = taking.start(ctx, found)
        return redirect("quiz:attempt", attempt=attempt.pk)
    card = selectors.QuizCard(found, attempts=attempts)
    card.due_at = allowed.closes_at
    needs = services.profiles().accommodation(ctx.person.id)
    minutes = found.minutes
    seconds = None
    if minutes is not None:
        base = minutes * 60
        seconds = base + base * needs.extra_time_numerator // needs.extra_time_denominator
    return render(
        request,
        "quiz/intro.html",
        {
            "quiz": found,
            "card": card,
            "allowed": allowed,
            "seconds": seconds,
            "extra_time": bool(needs.extra_time_numerator and minutes),
        },
    )


def _mine(request: HttpRequest, attempt: UUID) -> Attempt:
    found = selectors.my_attempt(request.ctx, attempt)
    if found is None:
        raise Http404
    return taking.settle(request.ctx, found)


@view(permission="quiz.take")
@require_GET
def attempt_page(request: HttpRequest, attempt: UUID) -> HttpResponse:
    """Show the open attempt: one question (``?q=3``) or all of them."""
    found = _mine(request, attempt)
    if found.state != Attempt.State.IN_PROGRESS:
        return redirect("quiz:result", attempt=found.pk)
    return _take(request, found)


def _take(request: HttpRequest, attempt: Attempt, *, status: int = 200) -> HttpResponse:
    answers = selectors.answers_of(attempt)
    paged = attempt.quiz.layout == Quiz.Layout.PAGED
    sequential = attempt.quiz.navigation == Quiz.Navigation.SEQUENTIAL
    at = _position(request, len(answers))
    if sequential and paged:
        at = attempt.current
    visible = [answers[at]] if paged else answers
    pictures = rendering.Pictures(answer.version for answer in visible)
    shown = []
    for answer in visible:
        item = rendering.present(
            answer.version,
            pictures,
            answer=answer,
            seed=str(attempt.seed),
            shuffle=attempt.quiz.shuffle_answers,
            review=answer.checked_at is not None,
        )
        item.section = attempt.items[answer.position]["section"]
        shown.append(item)
    palette = [_palette(answer, visible if paged else []) for answer in answers]
    now = request.ctx.now()
    remaining = None
    if attempt.deadline_at is not None:
        remaining = max(int((attempt.deadline_at - now).total_seconds()), 0)
    context = {
        "attempt": attempt,
        "quiz": attempt.quiz,
        "shown": shown,
        "palette": palette,
        "answered_count": sum(row["answered"] for row in palette),
        "total": len(answers),
        "at": at,
        "paged": paged,
        "sequential": sequential and paged,
        "is_first": at == 0,
        "is_last": at == len(answers) - 1,
        "practice": attempt.quiz.review == Quiz.Review.PRACTICE,
        "remaining": remaining,
    }
    return render(request, "quiz/take.html", context, status=status)


def _palette(answer: Answer, visible: list[Answer]) -> dict[str, Any]:
    answered = answer.response is not None
    label = _("Question %(n)s") % {"n": answer.position + 1}
    states = [_("answered") if answered else _("not answered")]
    if answer.flagged:
        states.append(_("to review"))
    return {
        "position": answer.position,
        "number": answer.position + 1,
        "answered": answered,
        "flagged": answer.flagged,
        "current": answer in visible,
        "label": f"{label}, {', '.join(states)}",
    }


def _position(request: HttpRequest, total: int) -> int:
    try:
        number = int(request.GET.get("q", "1"))
    except ValueError:
        number = 1
    return min(max(number, 1), total) - 1


@view(permission="quiz.take")
@require_POST
def save(request: HttpRequest, attempt: UUID) -> JsonResponse:
    """Autosave one answer; the body names ``position`` and ``revision``."""
    try:
        position, revision = int(request.POST["position"]), int(request.POST["revision"])
        if not 0 < revision < 2**31 or not 0 <= position < 10_000:
            raise ValueError
    except (KeyError, ValueError):
        return JsonResponse(
            {"code": "bad_request", "detail": _("Reload the page and answer again.")}, status=400
        )
    try:
        saved = taking.save_answer(
            request.ctx,
            attempt,
            position,
            taking.PostedAnswer(request.POST, position),
            revision=revision,
        )
    except Problem as problem:
        return JsonResponse({"code": problem.code, "detail": problem.detail}, status=problem.status)
    return JsonResponse(
        {
            "outcome": saved.outcome,
            "revision": saved.revision,
            "answered": saved.answered,
            "saved_at": saved.saved_at.isoformat() if saved.saved_at else None,
        },
        status=409 if saved.outcome == "stale" else 200,
    )


@view(permission="quiz.take")
@require_POST
def answer(request: HttpRequest, attempt: UUID) -> HttpResponse:
    """Save what the page shows, then do what the pressed button says."""
    found = _mine(request, attempt)
    if found.state != Attempt.State.IN_PROGRESS:
        messages.warning(request, _("This attempt is already submitted."))
        return redirect("quiz:result", attempt=found.pk)
    ctx: TenantContext = request.ctx
    verb, _colon, argument = request.POST.get("go", "stay").partition(":")
    try:
        for position in _shown_positions(request):
            raw = taking.PostedAnswer(request.POST, position)
            try:
                taking.save_answer(ctx, found.pk, position, raw)
            except Problem as problem:
                if problem.code != "answer_checked":
                    raise
        target = _follow(request, found, verb, argument)
    except Problem as problem:
        if problem.status == 404:
            raise
        if problem.code in {"attempt_closed", "time_is_up"}:
            messages.warning(request, problem.detail)
            return redirect("quiz:attempt", attempt=found.pk)
        messages.error(request, problem.detail)
        target = _number(request.POST.get("at"))
    if target is None:
        return redirect("quiz:confirm", attempt=found.pk)
    anchor = "" if found.quiz.layout == Quiz.Layout.PAGED else f"#question-{target}"
    return redirect(f"{ctx.url('quiz:attempt', attempt=found.pk)}?q={target}{anchor}")


def _shown_positions(request: HttpRequest) -> list[int]:
    return [_number(value) for value in request.POST.getlist("shown") if value.isdecimal()][:500]


def _number(value: object) -> int:
    text = str(value or "")
    return int(text[:LONGEST_NUMBER]) if text.isdecimal() else 1


def _follow(request: HttpRequest, attempt: Attempt, verb: str, argument: str) -> int | None:
    """Return the number of the question to show next, or ``None`` for the confirmation page."""
    ctx: TenantContext = request.ctx
    at = _number(request.POST.get("at"))
    if verb == "next":
        taking.advance(ctx, attempt, at)
        return at + 1
    if verb == "previous":
        return max(at - 1, 1)
    if verb == "jump":
        return _number(argument)
    if verb == "finish":
        return None
    parts = argument.split(":")
    position = _number(parts[0])
    if verb == "flag":
        taking.set_flag(ctx, attempt.pk, position, flagged=parts[-1] == "on")
    elif verb == "check":
        taking.check_answer(ctx, attempt, position)
    elif verb == "move" and len(parts) == 3 and parts[2] in MOVES:
        keys = request.POST.getlist(f"a{position}")
        if parts[1] in keys:
            index = keys.index(parts[1])
            target = min(max(index + MOVES[parts[2]], 0), len(keys) - 1)
            keys.insert(target, keys.pop(index))
            post = request.POST.copy()
            post.setlist(f"a{position}", keys)
            post[f"a{position}.touched"] = "1"
            taking.save_answer(ctx, attempt.pk, position, taking.PostedAnswer(post, position))
    else:
        return at
    return position + 1


@view(permission="quiz.take")
@require_GET
def confirm(request: HttpRequest, attempt: UUID) -> HttpResponse:
    """List what is not answered or flagged before submitting."""
    found = _mine(request, attempt)
    if found.state != Attempt.State.IN_PROGRESS:
        return redirect("quiz:result", attempt=found.pk)
    answers = selectors.answers_of(found)
    scored = [row for row in answers if row.version.scored]
    remaining = None
    if found.deadline_at is not None:
        remaining = max(int((found.deadline_at - request.ctx.now()).total_seconds()), 0)
    return render(
        request,
        "quiz/confirm.html",
        {
            "attempt": found,
            "quiz": found.quiz,
            "total": len(scored),
            "answered_count": sum(row.response is not None for row in scored),
            "unanswered": [row.position + 1 for row in scored if row.response is None],
            "flagged": [row.position + 1 for row in answers if row.flagged],
            "may_return": found.quiz.navigation == Quiz.Navigation.FREE
            or found.quiz.layout == Quiz.Layout.ALL,
            "remaining": remaining,
        },
    )


@view(permission="quiz.take")
@require_POST
def submit(request: HttpRequest, attempt: UUID) -> HttpResponse:
    """Submit the attempt; a second press shows the same result."""
    found = selectors.my_attempt(request.ctx, attempt)
    if found is None:
        raise Http404
    done = taking.submit(request.ctx, found)
    if done.submitted_by == Attempt.SubmittedBy.TIMEOUT:
        messages.warning(
            request, _("The time was up: the quiz was submitted with your saved answers.")
        )
    return redirect("quiz:result", attempt=done.pk)


@view(permission="quiz.take")
@require_GET
def result(request: HttpRequest, attempt: UUID) -> HttpResponse:
    """Show the score, the skills and, when the quiz allows it, the corrections."""
    ctx: TenantContext = request.ctx
    found = _mine(request, attempt)
    if found.state == Attempt.State.IN_PROGRESS:
        return redirect("quiz:attempt", attempt=found.pk)
    closes = selectors.review_date(ctx, found.quiz)
    review = selectors.may_review(ctx, found, closes)
    allowed = selectors.availability(ctx, found.quiz)
    return render(
        request,
        "quiz/result.html",
        {
            "attempt": found,
            "quiz": found.quiz,
            "skills": skill_rows(found),
            "review": review,
            "review_from": found.quiz.closes_at or closes,
            "shown": reviewed(found) if review else [],
            "history": list(
                Attempt.objects.filter(quiz=found.quiz, person=ctx.person.id).order_by("-number")
            ),
            "allowed": allowed,
        },
    )


def reviewed(attempt: Attempt) -> list[rendering.Shown]:
    """Return every question of a closed attempt with its correction."""
    answers = selectors.answers_of(attempt)
    pictures = rendering.Pictures(answer.version for answer in answers)
    return [
        rendering.present(
            answer.version,
            pictures,
            answer=answer,
            seed=str(attempt.seed),
            shuffle=attempt.quiz.shuffle_answers,
            review=True,
        )
        for answer in answers
    ]


def skill_rows(attempt: Attempt) -> list[dict[str, Any]]:
    """Return per skill: label, points, maximum and percentage, as the bar chart and table show."""
    rows = []
    for skill, totals in attempt.skills.items():
        score, maximum = Decimal(totals["score"]), Decimal(totals["max"])
        rows.append(
            {
                "skill": skill,
                "label": skill_label(skill),
                "score": score,
                "max": maximum,
                "percent": marking.percent(score, maximum),
            }
        )
    return rows
