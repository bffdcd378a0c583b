"""Between the interchange model and the bank: the same meaning, stored differently.

Reading happens in a limited child process (``interchange/parse_worker.py``); only its JSON answer
enters this process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from plugins.quiz.internal import content as ours
from plugins.quiz.internal.interchange import model as theirs
from plugins.quiz.internal.interchange import wire
from plugins.quiz.models import QuestionVersion
from plugins.quiz.services.authoring import Wording, slug_list
from tremplin.api import Problem, services

WORKER = Path(__file__).parent / "interchange" / "parse_worker.py"
MAX_UPLOAD = 20 * 1024 * 1024
MAX_POINTS = Decimal(1000)
POINTS = Decimal("0.00001")


def read_upload(name: str, data: bytes, fmt: str = "") -> theirs.ImportResult:
    """Parse an uploaded question file in a limited process.

    Raises ``Problem`` 422 ``file_too_large`` or ``file_not_readable``.
    """
    if len(data) > MAX_UPLOAD:
        raise Problem(422, "file_too_large", _("The file is larger than 20 MB: split it."))
    header = json.dumps({"name": name[:200], "format": fmt or None}).encode()
    answer = services.files().parse(WORKER, header + b"\n" + data)
    try:
        return wire.result_from_dict(json.loads(answer))
    except (ValueError, KeyError, TypeError):
        raise Problem(
            422,
            "file_not_readable",
            _("The file could not be read to its end. Check it and try again."),
        ) from None


def issue_texts(issue: theirs.Issue) -> tuple[str, str]:
    """Return the message and the advice of an issue in the reader's language."""
    return _(issue.message) % issue.params, _(issue.advice) % issue.params


def source_id(question: theirs.Question) -> str:
    """Return the stable identity of an imported question, at most 200 characters."""
    key = f"import:{question.key}"
    if len(key) <= 200:
        return key
    return f"import:sha256:{hashlib.sha256(key.encode()).hexdigest()}"


# --- from a file into the bank -----------------------------------------------------------------


def to_content(question: theirs.Question) -> ours.Content:
    """Return the typed content of an imported question. Raises ``pydantic.ValidationError``."""
    data: dict[str, Any] = {
        "kind": question.kind.value,
        "correct_feedback_html": question.correct_feedback_html,
        "partial_feedback_html": question.partial_feedback_html,
        "incorrect_feedback_html": question.incorrect_feedback_html,
        "hints": question.hints,
    }
    return ours.parse_content(data | _body_data(question.body))


def _body_data(body: theirs.Body) -> dict[str, Any]:
    match body:
        case theirs.ChoiceBody():
            choices = [
                {"key": f"k{n}", "text_html": c.text_html, "weight": c.weight, "feedback_html": c.feedback_html}
                for n, c in enumerate(body.choices, start=1)
            ]  # fmt: skip
            return {"choices": choices, "shuffle": body.shuffle}
        case theirs.TrueFalseBody():
            return {
                "correct": body.correct,
                "true_feedback_html": body.true_feedback_html,
                "false_feedback_html": body.false_feedback_html,
            }
        case theirs.NumericBody():
            return {
                "answers": [
                    {"value": a.value, "tolerance": a.tolerance, "weight": a.weight, "feedback_html": a.feedback_html}
                    for a in body.answers
                ]
            }  # fmt: skip
        case theirs.ShortBody():
            answers = [
                {"text": a.text, "weight": a.weight, "wildcards": a.wildcards, "feedback_html": a.feedback_html}
                for a in body.answers
            ]  # fmt: skip
            return {"answers": answers, "case_sensitive": body.case_sensitive}
        case theirs.OrderBody():
            return {
                "items": [
                    {"key": f"k{n}", "text_html": t} for n, t in enumerate(body.items, start=1)
                ]
            }
        case theirs.MatchBody():
            pairs = [
                {"key": f"k{n}", "left_html": p.left_html, "right": p.right}
                for n, p in enumerate(body.pairs, start=1)
            ]
            extra = [{"key": f"d{n}", "text": t} for n, t in enumerate(body.distractors, start=1)]
            return {"pairs": pairs, "distractors": extra, "shuffle": body.shuffle}
        case theirs.EssayBody():
            return {
                "grader_info_html": body.grader_info_html,
                "template_html": body.template_html,
            }
        case _:
            return {}


def bounded_points(points: Decimal) -> Decimal:
    """Return points as the bank stores them: at most 1000, five decimals."""
    return min(points, MAX_POINTS).quantize(POINTS, ROUND_HALF_UP)


def to_wording(question: theirs.Question, save: Callable[[theirs.MediaFile], str]) -> Wording:
    """Return the wording of an imported question; ``save`` stores an image and returns its id."""
    return Wording(
        stem=question.stem_html,
        content=to_content(question),
        title=question.title[:250],
        feedback=question.general_feedback_html,
        skills=slug_list(question.skills),
        tags=slug_list(question.tags),
        difficulty=question.difficulty or 2,
        points=bounded_points(question.points),
        media={file.name: save(file) for file in question.media},
    )


# --- from the bank into a file -----------------------------------------------------------------


def from_version(
    version: QuestionVersion, *, category: str, load: Callable[[str], tuple[str, bytes] | None]
) -> theirs.Question:
    """Return the interchange form of a version; ``load`` gives an image's type and bytes by file id."""
    content = version.typed
    media = []
    for name, file in version.media.items():
        found = load(file)
        if found is not None:
            media.append(theirs.MediaFile(name, *found))
    return theirs.Question(
        kind=theirs.Kind(version.kind),
        stem_html=version.stem,
        body=_body(content),
        title=version.title,
        source_id=_exported_id(version),
        category=category,
        tags=tuple(version.tags),
        skills=tuple(version.skills),
        difficulty=version.difficulty,
        points=version.points.normalize() + 0,
        general_feedback_html=version.feedback,
        correct_feedback_html=content.correct_feedback_html,
        partial_feedback_html=content.partial_feedback_html,
        incorrect_feedback_html=content.incorrect_feedback_html,
        hints=tuple(content.hints),
        media=tuple(media),
    )


def _exported_id(version: QuestionVersion) -> str:
    """Return the identifier in the file: the one it was imported with, else our own.

    Importing the file back into the same space then finds the same question.
    """
    source = version.question.source_id
    if source.startswith("import:id:"):
        return source.removeprefix("import:id:")
    return str(version.question_id)


def _body(content: ours.Content) -> theirs.Body:
    match content:
        case ours.SingleContent() | ours.MultipleContent():
            choices = tuple(
                theirs.Choice(c.text_html, c.weight, c.feedback_html) for c in content.choices
            )
            return theirs.ChoiceBody(choices, content.shuffle)
        case ours.TrueFalseContent():
            return theirs.TrueFalseBody(
                content.correct, content.true_feedback_html, content.false_feedback_html
            )
        case ours.NumericContent():
            return theirs.NumericBody(
                tuple(
                    theirs.NumericAnswer(a.value, a.tolerance, a.weight, a.feedback_html)
                    for a in content.answers
                )
            )
        case ours.ShortContent():
            answers = tuple(
                theirs.ShortAnswer(a.text, a.weight, a.wildcards, a.feedback_html)
                for a in content.answers
            )
            return theirs.ShortBody(answers, content.case_sensitive)
        case ours.OrderContent():
            return theirs.OrderBody(tuple(item.text_html for item in content.items))
        case ours.MatchContent():
            return theirs.MatchBody(
                tuple(theirs.Pair(p.left_html, p.right) for p in content.pairs),
                tuple(d.text for d in content.distractors),
                content.shuffle,
            )
        case ours.EssayContent():
            return theirs.EssayBody(content.grader_info_html, content.template_html)
        case _:
            return theirs.DescriptionBody()


def not_carried(content: ours.Content) -> str:
    """Return the name of our own setting that no file format carries (empty when there is none)."""
    if isinstance(content, ours.MultipleContent) and content.all_or_nothing:
        return _("All or nothing")
    if isinstance(content, ours.ShortContent) and content.fold_accents:
        return _("Ignore accents")
    if isinstance(content, ours.OrderContent) and content.rule != "position":
        return _("Rule for the points of the order")
    if isinstance(content, ours.EssayContent) and content.max_words:
        return _("Most words")
    return ""


def file_loader(versions: Iterable[QuestionVersion]) -> Callable[[str], tuple[str, bytes] | None]:
    """Return a function that gives the type and bytes of an image of ``versions`` by file id."""
    wanted = {UUID(file) for version in versions for file in version.media.values()}
    known = services.files().many(wanted) if wanted else {}

    def load(file: str) -> tuple[str, bytes] | None:
        found = known.get(UUID(file))
        return (found.mime, services.files().read(found.id)) if found else None

    return load
