"""The library of ready-made packs."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from plugins.quiz.internal.packs import packs
from plugins.quiz.models import Quiz
from plugins.quiz.services import library
from tremplin.api import view


@view(permission="quiz.author")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """List the packs, installed or not."""
    sources = {f"pack:{key}" for key in packs()}
    installed = {quiz.source_id: quiz for quiz in Quiz.objects.filter(source_id__in=sources)}
    language = get_language() or "en"
    rows = [
        {
            "key": key,
            "title": pack.title.in_language(language),
            "summary": pack.summary.in_language(language),
            "language": pack.language,
            "count": len(pack.questions),
            "minutes": pack.quiz.minutes,
            "quiz": installed.get(f"pack:{key}"),
        }
        for key, pack in packs().items()
    ]
    return render(request, "quiz/library.html", {"rows": rows})


@view(permission="quiz.author")
@require_POST
def install(request: HttpRequest, pack: str) -> HttpResponse:
    """Install a pack, then open the assignment page of its quiz."""
    found = packs().get(pack)
    if found is None:
        raise Http404
    quiz, fresh = library.install(request.ctx, found)
    if fresh:
        messages.success(
            request,
            _("Pack installed: %(count)s questions in the bank and one quiz ready to assign.")
            % {"count": len(found.questions)},
        )
    else:
        messages.info(request, _("This pack was already installed."))
    if request.ctx.can("quiz.assign"):
        return redirect("quiz_console:assign", quiz=quiz.pk)
    return redirect("quiz_console:edit", quiz=quiz.pk)
