"""Writing questions and quizzes: versions, sections, publication."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from plugins.quiz.internal.content import Content, dump_content
from plugins.quiz.models import (
    Category,
    Question,
    QuestionVersion,
    Quiz,
    Section,
    SectionQuestion,
)
from tremplin.api import Problem, TenantContext


@dataclass(frozen=True, slots=True)
class Wording:
    """Everything a question version says. ``media`` maps image names to stored file ids."""

    stem: str
    content: Content
    title: str = ""
    feedback: str = ""
    skills: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    difficulty: int = 2
    points: Decimal = Decimal(1)
    media: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Return the hash of the wording; two equal wordings have equal hashes."""
        data = {
            "stem": self.stem,
            "content": dump_content(self.content),
            "title": self.title,
            "feedback": self.feedback,
            "skills": list(self.skills),
            "tags": list(self.tags),
            "difficulty": self.difficulty,
            "points": str(self.points.normalize()),
            "media": dict(self.media),
        }
        text = json.dumps(data, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def slug_list(values: Iterable[str]) -> tuple[str, ...]:
    """Return trimmed, lower-case, distinct tags in their first order, each at most 250 characters."""
    found = dict.fromkeys(" ".join(value.split()).casefold()[:250] for value in values)
    return tuple(value for value in found if value)


def _version(ctx: TenantContext, question: Question, number: int, new: Wording) -> QuestionVersion:
    return QuestionVersion(
        question=question,
        number=number,
        kind=new.content.kind,
        title=new.title,
        stem=new.stem,
        content=dump_content(new.content),
        feedback=new.feedback,
        skills=list(new.skills),
        tags=list(new.tags),
        difficulty=new.difficulty,
        points=Decimal(0) if new.content.kind == "description" else new.points,
        media=dict(new.media),
        content_hash=new.digest,
        created_at=ctx.now(),
        created_by=ctx.person.id if ctx.person else None,
    )


def create_question(
    ctx: TenantContext, new: Wording, *, category: Category | None = None, source_id: str = ""
) -> Question:
    """Add a question with its first version to the bank."""
    with transaction.atomic():
        question = Question.objects.create(
            category=category,
            source_id=source_id[:200],
            created_by=ctx.person.id if ctx.person else None,
        )
        version = _version(ctx, question, 1, new)
        version.save()
        question.current = version
        question.save(update_fields=["current", "updated_at"])
    return question


def revise_question(
    ctx: TenantContext, question: Question, new: Wording, *, category: Category | None = None
) -> QuestionVersion:
    """Write a new version of ``question`` and move it to ``category``.

    An unchanged wording writes nothing and returns the current version.
    """
    with transaction.atomic():
        locked = Question.objects.select_for_update().get(pk=question.pk)
        current = locked.current
        if current is not None and current.content_hash == new.digest:
            if locked.category != category:
                locked.category = category
                locked.save(update_fields=["category", "updated_at"])
            return current
        last = locked.versions.aggregate(last=Max("number"))["last"] or 0
        version = _version(ctx, locked, last + 1, new)
        version.save()
        locked.current = version
        locked.category = category
        locked.save(update_fields=["current", "category", "updated_at"])
    return version


def archive_question(ctx: TenantContext, question: Question, *, archived: bool) -> None:
    """Hide a question from the bank and from random draws, or bring it back."""
    question.archived_at = ctx.now() if archived else None
    question.save(update_fields=["archived_at", "updated_at"])


def ensure_category(path: str) -> Category | None:
    """Return the category of a ``/`` separated path, creating what is missing."""
    parent: Category | None = None
    for name in (part.strip()[:200] for part in path.split("/")[:10]):
        if name:
            parent = Category.objects.get_or_create(name=name, parent=parent)[0]
    return parent


def create_section(quiz: Quiz, **values: object) -> Section:
    """Append a section to ``quiz``."""
    last = quiz.sections.aggregate(last=Max("position"))["last"]
    return Section.objects.create(quiz=quiz, position=0 if last is None else last + 1, **values)


def choose_questions(section: Section, questions: Iterable[Question]) -> int:
    """Append questions to a section and return how many were not in it yet."""
    with transaction.atomic():
        chosen = set(section.chosen.values_list("question_id", flat=True))
        last = section.chosen.aggregate(last=Max("position"))["last"]
        start = 0 if last is None else last + 1
        fresh = [question for question in questions if question.pk not in chosen]
        SectionQuestion.objects.bulk_create(
            SectionQuestion(section=section, question=question, position=start + offset)
            for offset, question in enumerate(fresh)
        )
    return len(fresh)


def move(siblings: list, item: object, step: int) -> None:
    """Move ``item`` by ``step`` among its ordered ``siblings`` and store the new positions."""
    index = siblings.index(item)
    target = min(max(index + step, 0), len(siblings) - 1)
    siblings.insert(target, siblings.pop(index))
    with transaction.atomic():
        for position, sibling in enumerate(siblings):
            if sibling.position != position:
                sibling.position = position
                sibling.save(update_fields=["position"])


def publication_problems(quiz: Quiz) -> list[str]:
    """Return what prevents publication, in the reader's language (empty when nothing does)."""
    from plugins.quiz.selectors import drawable

    sections = list(quiz.sections.prefetch_related("chosen__question__current"))
    if not sections:
        return [_("Add a section with questions first.")]
    problems: list[str] = []
    scored = False
    for section in sections:
        if section.source == Section.Source.FIXED:
            versions = [row.question.current for row in section.chosen.all()]
            if not versions:
                problems.append(_("Section “%(name)s” has no question.") % {"name": section})
            scored = scored or any(version and version.scored for version in versions)
        else:
            found = drawable(section).count()
            if not section.draw_count or found < section.draw_count:
                problems.append(
                    _("Section “%(name)s” draws %(count)s questions but the bank offers %(found)s.")
                    % {"name": section, "count": section.draw_count, "found": found}
                )
            scored = scored or bool(section.draw_count)
    if not scored and not problems:
        problems.append(_("The quiz needs at least one question with points."))
    return problems


def set_state(quiz: Quiz, state: str) -> None:
    """Publish, archive or take back a quiz. Raises ``Problem`` 422 ``quiz_not_ready``."""
    if state == Quiz.State.PUBLISHED and (problems := publication_problems(quiz)):
        raise Problem(422, "quiz_not_ready", " ".join(problems))
    quiz.state = state
    quiz.save(update_fields=["state", "updated_at"])


def delete_quiz(quiz: Quiz) -> None:
    """Delete a quiz nobody has taken. Raises ``Problem`` 409 ``quiz_has_attempts``."""
    with transaction.atomic():
        locked = Quiz.objects.select_for_update().get(pk=quiz.pk)
        if locked.attempts.exists():
            raise Problem(
                409, "quiz_has_attempts", _("People have taken this quiz: archive it instead.")
            )
        locked.delete()


def is_uuid(value: object) -> UUID | None:
    """Return the UUID that ``value`` spells, or ``None``."""
    try:
        return UUID(str(value))
    except ValueError:
        return None
