"""Import of question files with a preview, and export."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET
from pydantic import ValidationError

from plugins.quiz import selectors
from plugins.quiz.internal import exchange, rendering, tables
from plugins.quiz.internal.interchange import EXPORT_FORMATS, markup, media, wire
from plugins.quiz.internal.interchange import model as theirs
from plugins.quiz.models import Category, ImportBatch, QuestionVersion
from plugins.quiz.services import transferring
from plugins.quiz.views.bank import wanted
from tremplin.api import Problem, view

PAGE_SIZE = 25
MAX_EXPORT = 5_000
FORMAT_LABELS = {
    "gift": "GIFT",
    "moodle_xml": "Moodle XML",
    "aiken": "Aiken",
    "qti12": "QTI 1.2",
    "qti2": "QTI 2.x",
    "qti3": "QTI 3.0",
    "csv": "CSV",
    "xlsx": "XLSX",
}


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("Question file"),
        help_text=gettext_lazy("GIFT, Moodle XML, Aiken, QTI 1.2, 2.x or 3.0 (file or package), CSV or XLSX; 20 MB at most."),
    )  # fmt: skip
    format = forms.ChoiceField(
        label=gettext_lazy("Format"), required=False,
        choices=[("", gettext_lazy("Recognise by itself")), *FORMAT_LABELS.items()],
    )  # fmt: skip

    def clean_file(self) -> Any:
        upload = self.cleaned_data["file"]
        if upload.size > exchange.MAX_UPLOAD:
            raise forms.ValidationError(_("The file is larger than 20 MB: split it."))
        return upload


class TargetForm(forms.Form):
    category = forms.ModelChoiceField(
        Category.objects.none(), label=gettext_lazy("Category"), required=False,
        empty_label=gettext_lazy("As in the file"),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["category"]
        field.queryset = Category.objects.all()  # type: ignore[attr-defined]
        field.choices = [("", _("As in the file")), *selectors.category_paths()]  # type: ignore[attr-defined]


@view(permission="quiz.author")
def upload(request: HttpRequest) -> HttpResponse:
    """Take a file, read it in a limited process and show its preview."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            batch = transferring.open_batch(
                request.ctx, file.name, file.read(), form.cleaned_data["format"]
            )
        except Problem as problem:
            form.add_error("file", problem.detail)
        else:
            return redirect("quiz_console:import_preview", batch=batch.pk)
    status = 422 if request.method == "POST" else 200
    return render(request, "quiz/import.html", {"form": form}, status=status)


@view(permission="quiz.author")
def preview(request: HttpRequest, batch: UUID) -> HttpResponse:
    """Show what a file holds and what cannot be imported; POST imports it."""
    found = get_object_or_404(ImportBatch, pk=batch)
    if found.imported_at is not None:
        messages.info(request, _("This file is already imported."))
        return redirect("quiz_console:bank")
    form = TargetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        counts = transferring.import_batch(request.ctx, found, form.cleaned_data["category"])
        messages.success(
            request,
            _("Import done: %(created)s new, %(revised)s updated, %(unchanged)s unchanged, %(refused)s refused.")
            % {"created": counts.created, "revised": counts.revised,
               "unchanged": counts.unchanged, "refused": counts.refused},
        )  # fmt: skip
        return redirect("quiz_console:bank")
    result = wire.result_from_dict(found.result)
    page = Paginator(result.questions, PAGE_SIZE).get_page(request.GET.get("page"))
    known = transferring.known_questions(result.questions)
    issues = [_issue(issue) for issue in result.issues]
    for question in result.questions:
        if exchange.bounded_points(question.points) != question.points:
            text = _("The points (%(points)s) are rounded or limited to 1000.") % {
                "points": question.points
            }
            issues.append({"severity": "warning", "text": text, "advice": "", "line": None,
                           "item": "", "title": question.title, "rejects": False})  # fmt: skip
    return render(
        request,
        "quiz/import_preview.html",
        {
            "batch": found,
            "result": result,
            "format_label": FORMAT_LABELS.get(result.format, result.format),
            "page": page,
            "questions": [
                _shown(question, page.start_index() + offset, known)
                for offset, question in enumerate(page)
            ],
            "issues": issues[:500],
            "more_issues": max(len(issues) - 500, 0),
            "form": form,
        },
        status=422 if request.method == "POST" else 200,
    )


def _issue(issue: theirs.Issue) -> dict[str, Any]:
    text, advice = exchange.issue_texts(issue)
    return {
        "severity": issue.severity.value,
        "text": text,
        "advice": advice,
        "line": issue.line,
        "item": issue.item,
        "title": issue.title,
        "rejects": issue.rejects_question,
    }


class _Inline(rendering.Pictures):
    """Images of a file that is not imported yet, inside the page."""

    def __init__(self, question: theirs.Question) -> None:
        super().__init__(())
        self.images = {file.name: media.to_data_uri(file) for file in question.media}

    def html(self, version: QuestionVersion, text: str) -> SafeString:
        shown = markup.replace_images(text, lambda name: self.images.get(name, ""))
        return super().html(version, mark_safe(shown))  # noqa: S308  cleaned by the reader


def _shown(question: theirs.Question, number: int, known: dict[str, Any]) -> dict[str, Any]:
    existing = known.get(exchange.source_id(question))
    try:
        wording = exchange.to_wording(question, lambda file: file.name)
    except ValidationError:
        return {"item": None, "question": question, "number": number, "status": "refused"}
    version = QuestionVersion(
        kind=wording.content.kind,
        title=wording.title,
        stem=wording.stem,
        content=wording.content.model_dump(mode="json"),
        feedback=wording.feedback,
        points=wording.points,
    )
    item = rendering.present(version, _Inline(question), review=True)
    item.number, item.position = number, number - 1
    status = "new"
    if existing is not None:
        same = transferring.same_wording(existing.current, question)
        status = "unchanged" if same else "update"
    return {"item": item, "question": question, "number": number, "status": status}


@view(permission="quiz.author")
@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """Say what an export holds and loses; ``?download=1`` sends the file."""
    chosen = wanted(request)
    fmt = request.GET.get("format", "")
    if fmt not in EXPORT_FORMATS:
        fmt = ""
    found = list(selectors.bank(chosen)[:MAX_EXPORT])
    context: dict[str, Any] = {
        "formats": [(code, FORMAT_LABELS[code]) for code in EXPORT_FORMATS],
        "format": fmt,
        "wanted": chosen,
        "count": len(found),
        "categories": selectors.category_paths(),
        "lost": [],
    }
    if fmt and found:
        result, context["lost"] = transferring.export_questions(found, fmt)
        if request.GET.get("download") == "1":
            return tables.download(result.data, result.filename, result.mime)
        context["size"] = len(result.data)
        context["download"] = f"?{request.GET.urlencode()}&download=1"
    return render(request, "quiz/export.html", context)
