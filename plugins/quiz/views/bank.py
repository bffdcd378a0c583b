"""The question bank: search, write, preview, versions."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from plugins.quiz import selectors
from plugins.quiz.internal import rendering
from plugins.quiz.internal.question_editor import Editor
from plugins.quiz.models import Kind, Question, QuestionVersion
from plugins.quiz.services import authoring
from tremplin.api import view

PAGE_SIZE = 25
KIND_ICONS = {
    "single": "circle",
    "multiple": "list-checks",
    "truefalse": "toggle-right",
    "numeric": "hash",
    "short": "pencil",
    "order": "list-ordered",
    "match": "link",
    "essay": "file-text",
    "description": "info",
}


def wanted(request: HttpRequest) -> selectors.BankFilter:
    """Return the filter of the query string; what cannot be read is ignored."""
    get = request.GET
    kind = get.get("kind", "")
    difficulty = get.get("difficulty", "")
    return selectors.BankFilter(
        text=get.get("q", "").strip()[:200],
        kind=kind if kind in Kind.values else "",
        category=authoring.is_uuid(get.get("category", "")),
        skill=get.get("skill", "")[:80],
        tag=get.get("tag", "")[:80],
        difficulty=int(difficulty) if difficulty in {"1", "2", "3", "4", "5"} else None,
        archived=get.get("archived") == "1",
    )


@view(permission="quiz.author")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Search the bank."""
    chosen = wanted(request)
    skills, tags = selectors.known_labels()
    return render(
        request,
        "quiz/bank.html",
        {
            "page": Paginator(selectors.bank(chosen), PAGE_SIZE).get_page(request.GET.get("page")),
            "wanted": chosen,
            "kinds": Kind.choices,
            "new_kinds": [(value, label, KIND_ICONS[value]) for value, label in Kind.choices],
            "skills": skills,
            "tags": tags,
            "categories": selectors.category_paths(),
            "filtered": chosen != selectors.BankFilter(),
        },
    )


@view(permission="quiz.author")
def create(request: HttpRequest, kind: str) -> HttpResponse:
    """Write a new question of one kind."""
    if kind not in Kind.values:
        raise Http404
    editor = _editor(request, kind, None)
    if request.method == "POST" and not editor.only_more_rows and editor.is_valid():
        question = authoring.create_question(
            request.ctx, editor.wording(request.ctx.person.id), category=editor.category()
        )
        messages.success(request, _("Question added to the bank."))
        return redirect("quiz_console:question_preview", question=question.pk)
    return _render(request, editor, kind, None)


@view(permission="quiz.author")
def edit(request: HttpRequest, question: UUID) -> HttpResponse:
    """Revise a question: saving writes a new version."""
    found = _find(question)
    version = found.current
    assert version is not None  # noqa: S101  _find checked it
    editor = _editor(request, version.kind, version)
    if request.method == "POST" and not editor.only_more_rows and editor.is_valid():
        new = authoring.revise_question(
            request.ctx, found, editor.wording(request.ctx.person.id), category=editor.category()
        )
        if new.pk == version.pk:
            messages.info(request, _("Nothing changed in the wording: no new version."))
        else:
            messages.success(request, _("Version %(number)s saved.") % {"number": new.number})
        return redirect("quiz_console:question_preview", question=found.pk)
    return _render(request, editor, version.kind, found)


def _find(question: UUID) -> Question:
    found = get_object_or_404(Question.objects.select_related("current", "category"), pk=question)
    if found.current is None:
        raise Http404
    return found


def _editor(request: HttpRequest, kind: str, version: QuestionVersion | None) -> Editor:
    if request.method == "POST":
        return Editor(kind, data=request.POST, files=request.FILES, version=version)
    return Editor(kind, version=version)


def _render(
    request: HttpRequest, editor: Editor, kind: str, question: Question | None
) -> HttpResponse:
    failed = request.method == "POST" and not editor.only_more_rows
    return render(
        request,
        "quiz/question_edit.html",
        {
            "editor": editor,
            "form": editor.form,
            "kind": kind,
            "kind_label": Kind(kind).label,
            "question": question,
        },
        status=422 if failed else 200,
    )


@view(permission="quiz.author")
@require_GET
def preview(request: HttpRequest, question: UUID) -> HttpResponse:
    """Show a question as a learner sees it, then its correction; ``?version=2`` an older one."""
    found = _find(question)
    version = found.current
    number = request.GET.get("version", "")
    if number.isdecimal():
        version = get_object_or_404(found.versions, number=int(number[:9]))
    pictures = rendering.Pictures([version])
    return render(
        request,
        "quiz/question_preview.html",
        {
            "question": found,
            "version": version,
            "is_current": version.pk == found.current_id,
            "item": rendering.present(version, pictures),
            "corrected": rendering.present(version, pictures, review=True),
        },
    )


@view(permission="quiz.author")
@require_GET
def versions(request: HttpRequest, question: UUID) -> HttpResponse:
    """List the versions of a question."""
    found = _find(question)
    rows = list(found.versions.order_by("-number"))
    people = selectors.names(row.created_by for row in rows)
    return render(
        request,
        "quiz/question_versions.html",
        {
            "question": found,
            "rows": [(row, people.get(row.created_by)) for row in rows],
        },
    )


@view(permission="quiz.author")
@require_POST
def archive(request: HttpRequest, question: UUID) -> HttpResponse:
    """Archive a question or bring it back."""
    found = _find(question)
    archived = request.POST.get("archived") == "1"
    authoring.archive_question(request.ctx, found, archived=archived)
    messages.success(
        request, _("Question archived.") if archived else _("Question back in the bank.")
    )
    return redirect("quiz_console:bank")
