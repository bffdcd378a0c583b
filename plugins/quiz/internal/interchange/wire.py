"""Model to JSON-ready dictionaries and back, exact: ``x == from_dict(to_dict(x))``."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from .model import (
    BODY_TYPES,
    Choice,
    ChoiceBody,
    DescriptionBody,
    EssayBody,
    ImportResult,
    Issue,
    Kind,
    MatchBody,
    MediaFile,
    NumericAnswer,
    NumericBody,
    OrderBody,
    Pair,
    Question,
    Severity,
    ShortAnswer,
    ShortBody,
    TrueFalseBody,
)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return dict(value)
    return value


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def _body(kind: Kind, data: Mapping[str, Any]) -> Any:
    kind_of_body = BODY_TYPES[kind]
    if kind_of_body is ChoiceBody:
        choices = (
            Choice(c["text_html"], Decimal(c["weight"]), c["feedback_html"])
            for c in data["choices"]
        )
        return ChoiceBody(tuple(choices), data["shuffle"])
    if kind_of_body is TrueFalseBody:
        return TrueFalseBody(**data)
    if kind_of_body is NumericBody:
        return NumericBody(
            tuple(
                NumericAnswer(
                    _decimal(a["value"]),
                    Decimal(a["tolerance"]),
                    Decimal(a["weight"]),
                    a["feedback_html"],
                )
                for a in data["answers"]
            )
        )
    if kind_of_body is ShortBody:
        answers = (
            ShortAnswer(a["text"], Decimal(a["weight"]), a["wildcards"], a["feedback_html"])
            for a in data["answers"]
        )
        return ShortBody(tuple(answers), data["case_sensitive"])
    if kind_of_body is OrderBody:
        return OrderBody(tuple(data["items"]))
    if kind_of_body is MatchBody:
        pairs = tuple(Pair(**pair) for pair in data["pairs"])
        return MatchBody(pairs, tuple(data["distractors"]), data["shuffle"])
    if kind_of_body is EssayBody:
        return EssayBody(**data)
    return DescriptionBody()


def body_to_dict(body: Any) -> dict[str, Any]:
    """A question body as JSON-ready values."""
    plain: dict[str, Any] = _plain(body)
    return plain


def body_from_dict(kind: str, data: Mapping[str, Any]) -> Any:
    """The inverse of ``body_to_dict`` for a question of ``kind``."""
    return _body(Kind(kind), data)


def question_to_dict(question: Question) -> dict[str, Any]:
    """A question as JSON-ready values; numbers as decimal text, media as base64."""
    plain: dict[str, Any] = _plain(question)
    plain["kind"] = question.kind.value
    return plain


def question_from_dict(data: Mapping[str, Any]) -> Question:
    """The inverse of ``question_to_dict``."""
    values = dict(data)
    kind = Kind(values["kind"])
    values.update(
        kind=kind,
        body=_body(kind, values["body"]),
        tags=tuple(values["tags"]),
        skills=tuple(values["skills"]),
        points=Decimal(values["points"]),
        hints=tuple(values["hints"]),
        media=tuple(
            MediaFile(m["name"], m["mime"], base64.b64decode(m["data"])) for m in values["media"]
        ),
    )
    return Question(**values)


def issue_to_dict(issue: Issue) -> dict[str, Any]:
    """An issue as JSON-ready values."""
    plain: dict[str, Any] = _plain(issue)
    plain["severity"] = issue.severity.value
    return plain


def issue_from_dict(data: Mapping[str, Any]) -> Issue:
    """The inverse of ``issue_to_dict``."""
    return Issue(**{**data, "severity": Severity(data["severity"])})


def result_to_dict(result: ImportResult) -> dict[str, Any]:
    """An import result as JSON-ready values."""
    return {
        "questions": [question_to_dict(q) for q in result.questions],
        "issues": [issue_to_dict(i) for i in result.issues],
        "format": result.format,
        "encoding": result.encoding,
        "repairs": list(result.repairs),
    }


def result_from_dict(data: Mapping[str, Any]) -> ImportResult:
    """The inverse of ``result_to_dict``."""
    return ImportResult(
        tuple(question_from_dict(q) for q in data["questions"]),
        tuple(issue_from_dict(i) for i in data["issues"]),
        data["format"],
        data["encoding"],
        tuple(data["repairs"]),
    )


__all__ = [
    "body_from_dict",
    "body_to_dict",
    "issue_from_dict",
    "issue_to_dict",
    "question_from_dict",
    "question_to_dict",
    "result_from_dict",
    "result_to_dict",
]
