"""Human marking: the queue, and one answer at a time."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from plugins.quiz import selectors
from plugins.quiz.internal import rendering
from plugins.quiz.internal.question_forms import NumberField
from plugins.quiz.models import Answer, Attempt
from plugins.quiz.services import marking as marks
from tremplin.api import Problem, view

PAGE_SIZE = 50


class MarkForm(forms.Form):
    score = NumberField(label=gettext_lazy("Points"))
    comment = forms.CharField(
        label=gettext_lazy("Comment for the learner"), required=False, max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["score"].widget.attrs |= {"autofocus": True, "inputmode": "decimal"}


@view(permission="quiz.mark")
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """List the answers that wait for a person."""
    page = Paginator(selectors.marking_queue(), PAGE_SIZE).get_page(request.GET.get("page"))
    people = selectors.names(row.attempt.person for row in page)
    return render(
        request,
        "quiz/marking.html",
        {"page": page, "rows": [(row, people.get(row.attempt.person)) for row in page]},
    )


@view(permission="quiz.mark")
def mark(request: HttpRequest, answer: UUID) -> HttpResponse:
    """Show one answer and store its mark; "save and next" goes down the queue."""
    found = get_object_or_404(Answer.objects.select_related("attempt__quiz", "version"), pk=answer)
    if found.attempt.state == Attempt.State.IN_PROGRESS or not found.version.scored:
        raise Http404
    initial = (
        {} if found.score is None else {"score": found.score.normalize(), "comment": found.comment}
    )
    form = MarkForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            marks.mark_answer(
                request.ctx,
                found.pk,
                form.cleaned_data["score"],
                form.cleaned_data["comment"].strip(),
            )
        except Problem as problem:
            form.add_error("score", problem.detail)
        else:
            return _next(request, found)
    pictures = rendering.Pictures([found.version])
    item = rendering.present(found.version, pictures, answer=found, review=True)
    people = selectors.names([found.attempt.person, *(row.marked_by for row in found.marks.all())])
    return render(
        request,
        "quiz/mark.html",
        {
            "answer": found,
            "quiz": found.attempt.quiz,
            "item": item,
            "form": form,
            "person": people.get(found.attempt.person),
            "history": [(row, people.get(row.marked_by)) for row in found.marks.all()],
            "waiting": selectors.marking_queue().count(),
            "words": len(item.value.split()),
        },
        status=422 if request.method == "POST" else 200,
    )


def _next(request: HttpRequest, done: Answer) -> HttpResponse:
    messages.success(request, _("Mark saved."))
    if request.POST.get("action") == "next":
        following = selectors.marking_queue().first()
        if following is not None:
            return redirect("quiz_console:mark", answer=following.pk)
        return redirect("quiz_console:marking")
    return redirect("quiz_console:attempt", attempt=done.attempt_id)
