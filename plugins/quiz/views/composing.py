"""Quizzes as staff see them: list, rules, sections, preview, assignment."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from plugins.quiz import selectors
from plugins.quiz.internal import rendering
from plugins.quiz.internal.quiz_forms import AssignForm, NewQuizForm, QuizForm, SectionForm
from plugins.quiz.models import Assignment, Question, Quiz, Section, SectionQuestion
from plugins.quiz.plugin import QuizSettings
from plugins.quiz.services import assigning, authoring, taking
from plugins.quiz.views.bank import wanted
from tremplin.api import Problem, view

PAGE_SIZE = 25


@view(permission="quiz.results")
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """List the quizzes."""
    page = Paginator(selectors.quizzes(), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "quiz/quizzes.html", {"page": page, "form": NewQuizForm()})


@view(permission="quiz.author")
@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """Create a draft with one empty section."""
    form = NewQuizForm(request.POST)
    if not form.is_valid():
        page = Paginator(selectors.quizzes(), PAGE_SIZE).get_page(1)
        return render(request, "quiz/quizzes.html", {"page": page, "form": form}, status=422)
    settings = request.ctx.settings(QuizSettings)
    quiz = Quiz.objects.create(
        title=form.cleaned_data["title"],
        language=request.ctx.tenant.locale,
        pass_percent=settings.default_pass_percent,
        minutes=settings.default_minutes,
        created_by=request.ctx.person.id,
    )
    authoring.create_section(quiz)
    return redirect("quiz_console:edit", quiz=quiz.pk)


@view(permission="quiz.author")
@require_GET
def edit(request: HttpRequest, quiz: UUID) -> HttpResponse:
    """Show a quiz with its sections and what it still lacks."""
    found = get_object_or_404(Quiz, pk=quiz)
    sections = []
    for section in found.sections.select_related("draw_category").prefetch_related(
        "chosen__question__current"
    ):
        offered = (
            None if section.source == Section.Source.FIXED else selectors.drawable(section).count()
        )
        sections.append((section, offered))
    return render(
        request,
        "quiz/quiz_edit.html",
        {
            "quiz": found,
            "sections": sections,
            "problems": authoring.publication_problems(found),
            "has_attempts": found.attempts.exists(),
            "tab": "edit",
        },
    )


@view(permission="quiz.author")
def rules(request: HttpRequest, quiz: UUID) -> HttpResponse:
    """Change the rules of a quiz."""
    found = get_object_or_404(Quiz, pk=quiz)
    form = QuizForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Rules saved."))
        return redirect("quiz_console:edit", quiz=found.pk)
    found.refresh_from_db(fields=["title"])
    status = 422 if request.method == "POST" else 200
    context = {"quiz": found, "form": form, "tab": "rules"}
    return render(request, "quiz/quiz_rules.html", context, status=status)


@view(permission="quiz.author")
@require_POST
def state(request: HttpRequest, quiz: UUID) -> HttpResponse:
    """Publish, take back, archive or delete a quiz."""
    found = get_object_or_404(Quiz, pk=quiz)
    target = request.POST.get("state", "")
    try:
        if target == "deleted":
            authoring.delete_quiz(found)
            messages.success(request, _("Quiz deleted."))
            return redirect("quiz_console:quizzes")
        if target in Quiz.State.values:
            authoring.set_state(found, target)
            done = {
                "published": _("Quiz published: assign it now."),
                "draft": _("Quiz taken back: nobody can start it."),
                "archived": _("Quiz archived."),
            }
            messages.success(request, done[target])
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("quiz_console:edit", quiz=found.pk)


@view(permission="quiz.author")
@require_GET
def preview(request: HttpRequest, quiz: UUID) -> HttpResponse:
    """Show one possible run of the quiz with its corrections; nothing is stored."""
    found = get_object_or_404(Quiz, pk=quiz)
    drawn = taking.draw(found, 1)
    pictures = rendering.Pictures(version for version, _points, _section in drawn)
    shown = []
    for position, (version, points, section) in enumerate(drawn):
        item = rendering.present(version, pictures, review=True)
        item.position, item.number = position, position + 1
        item.points, item.section = points, section
        shown.append(item)
    return render(
        request, "quiz/quiz_preview.html", {"quiz": found, "shown": shown, "tab": "preview"}
    )


@view(permission="quiz.author")
@require_POST
def add_section(request: HttpRequest, quiz: UUID) -> HttpResponse:
    """Append a section of chosen questions or a random draw."""
    found = get_object_or_404(Quiz, pk=quiz)
    draw = request.POST.get("source") == "draw"
    section = authoring.create_section(
        found,
        source=Section.Source.DRAW if draw else Section.Source.FIXED,
        draw_count=5 if draw else 0,
    )
    return redirect("quiz_console:section", quiz=found.pk, section=section.pk)


def _section(quiz: UUID, section: UUID) -> Section:
    return get_object_or_404(Section.objects.select_related("quiz"), pk=section, quiz_id=quiz)


@view(permission="quiz.author")
def section(request: HttpRequest, quiz: UUID, section: UUID) -> HttpResponse:
    """Edit a section: its title, its draw, or its chosen questions."""
    found = _section(quiz, section)
    form = SectionForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Section saved."))
        return redirect("quiz_console:section", quiz=quiz, section=section)
    context = {"quiz": found.quiz, "section": found, "form": form, "tab": "edit"}
    if found.source == Section.Source.FIXED:
        chosen = wanted(request)
        context |= {
            "chosen": list(found.chosen.select_related("question__current")),
            "wanted": chosen,
            "page": Paginator(
                selectors.bank(chosen).exclude(uses__section=found), PAGE_SIZE
            ).get_page(request.GET.get("page")),
        }
    else:
        context["offered"] = selectors.drawable(found).count()
    status = 422 if request.method == "POST" else 200
    return render(request, "quiz/section.html", context, status=status)


@view(permission="quiz.author")
@require_POST
def section_action(request: HttpRequest, quiz: UUID, section: UUID) -> HttpResponse:
    """Move or remove a section or one of its questions, add questions, set points."""
    found = _section(quiz, section)
    verb, _colon, argument = request.POST.get("action", "").partition(":")
    step = {"up": -1, "down": 1}.get(verb, 0)
    if verb == "remove_section":
        found.delete()
        return redirect("quiz_console:edit", quiz=quiz)
    if verb in {"up", "down"} and argument == "section":
        authoring.move(list(found.quiz.sections.all()), found, step)
        return redirect("quiz_console:edit", quiz=quiz)
    if verb == "add":
        ids = [
            pk
            for value in request.POST.getlist("question")[:500]
            if (pk := authoring.is_uuid(value))
        ]
        added = authoring.choose_questions(
            found,
            Question.objects.filter(pk__in=ids, archived_at=None).order_by("created_at", "id"),
        )
        messages.success(
            request,
            ngettext("%(n)s question added.", "%(n)s questions added.", added) % {"n": added},
        )
    elif (pk := authoring.is_uuid(argument)) is not None:
        row = get_object_or_404(SectionQuestion, pk=pk, section=found)
        if step:
            authoring.move(list(found.chosen.all()), row, step)
        elif verb == "remove":
            row.delete()
    return redirect("quiz_console:section", quiz=quiz, section=section)


@view(permission="quiz.assign")
def assign(request: HttpRequest, quiz: UUID) -> HttpResponse:
    """Assign a quiz to groups and people, see and withdraw assignments."""
    found = get_object_or_404(Quiz, pk=quiz)
    if request.method == "POST" and (pk := authoring.is_uuid(request.POST.get("withdraw", ""))):
        assigning.withdraw(get_object_or_404(Assignment, pk=pk, quiz=found))
        messages.success(request, _("Assignment withdrawn; attempts already made stay."))
        return redirect("quiz_console:assign", quiz=found.pk)
    rows = list(found.assignments.all())
    form = AssignForm(request.POST or None, assigned={row.cohort for row in rows if row.cohort})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            told = assigning.assign(
                request.ctx,
                found,
                people=data["people"],
                cohorts=[UUID(value) for value in data["cohorts"]],
                opens_at=data["opens_at"],
                due_at=data["due_at"],
            )
        except Problem as problem:
            form.add_error(None, problem.detail)
        else:
            messages.success(
                request,
                ngettext(
                    "Quiz assigned: %(n)s person is notified.",
                    "Quiz assigned: %(n)s people are notified.",
                    told,
                )
                % {"n": told},
            )
            return redirect("quiz_console:assign", quiz=found.pk)
    people = selectors.names(row.person for row in rows)
    cohorts = {cohort.id: cohort for cohort in form.known_cohorts}
    status = 422 if request.method == "POST" else 200
    context = {
        "quiz": found,
        "form": form,
        "rows": [(row, people.get(row.person), cohorts.get(row.cohort)) for row in rows],
        "tab": "assign",
    }
    return render(request, "quiz/assign.html", context, status=status)
