"""CSV: the separator (``,``, ``;`` or tab) is found by the header row. Export neutralises formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Final

from . import limits
from .collect import Collector, Refused, make_issue
from .markup import has_markup, image_names, replace_images, to_text
from .model import (
    BLANK,
    ChoiceBody,
    EssayBody,
    Issue,
    MatchBody,
    NumericBody,
    OrderBody,
    Question,
    Severity,
    ShortBody,
    TrueFalseBody,
    map_html,
)
from .numbers_text import show
from .table import find_header, read_rows

_SEPARATORS: Final = (";", ",", "\t")
_FORMULA: Final = re.compile(r"^[=+\-@\t\r']")


def _rows(text: str, separator: str) -> list[list[str]]:
    csv.field_size_limit(limits.MAX_INPUT_BYTES)
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def _separator(text: str) -> str | None:
    head = "\n".join(text.split("\n")[:40])
    for separator in _SEPARATORS:
        try:
            if find_header(_rows(head, separator)) is not None:
                return separator
        except csv.Error:
            continue
    return None


def looks_like_table(text: str) -> bool:
    """Whether a header row with a question column is found."""
    return _separator(text[:100_000]) is not None


def read(text: str, out: Collector) -> None:
    """Read decoded CSV text into ``out``."""
    separator = _separator(text)
    if separator is None:
        raise Refused("table_no_header")
    try:
        rows = _rows(text, separator)
    except csv.Error as error:
        raise Refused("table_broken", reason=error) from None
    read_rows(rows, out)


def neutral(cell: str) -> str:
    """``cell`` with an apostrophe before what a spreadsheet would run as a formula."""
    return "'" + cell if _FORMULA.match(cell) else cell


def _cell(text: str) -> str:
    """HTML as it is when it holds markup, plain text otherwise."""
    return text if has_markup(text) else to_text(text)


def _lost(question: Question) -> list[str]:
    body = question.body
    lost = [
        name
        for name, value in (
            ("media", question.media),
            ("correct feedback", question.correct_feedback_html),
            ("partial feedback", question.partial_feedback_html),
            ("incorrect feedback", question.incorrect_feedback_html),
            ("blank", BLANK in question.stem_html),
        )
        if value
    ]
    if isinstance(body, EssayBody):
        lost += ["marking note"] if body.grader_info_html else []
        lost += ["response template"] if body.template_html else []
    return lost


def _without_media(question: Question) -> Question:
    def plain_images(text: str) -> str:
        if not image_names(text):
            return text
        text = replace_images(text, lambda name: "")
        return re.sub(r'<img((?:\s+[\w:-]+="[^"]*")*)>', _alternative, text)

    return map_html(question, plain_images)


def _alternative(match: re.Match[str]) -> str:
    alternative = re.search(r'alt="([^"]*)"', match.group(1))
    return alternative.group(1) if alternative else ""


def _answers(question: Question) -> dict[str, str]:
    body = question.body
    cells: dict[str, str] = {}
    texts: list[str] = []
    feedback: list[str] = []
    match body:
        case ChoiceBody():
            texts = [_cell(c.text_html) for c in body.choices]
            feedback = [c.feedback_html for c in body.choices]
            cells["correct"] = ",".join(
                str(n) for n, c in enumerate(body.choices, 1) if c.weight > 0
            )
            cells["weights"] = ";".join(show(c.weight) for c in body.choices)
            cells["shuffle"] = "yes" if body.shuffle else "no"
        case TrueFalseBody():
            cells["correct"] = "true" if body.correct else "false"
            feedback = [body.true_feedback_html, body.false_feedback_html]
        case NumericBody():
            texts = [
                "*" if a.value is None else f"{show(a.value)}:{show(a.tolerance)}"
                for a in body.answers
            ]
            feedback = [a.feedback_html for a in body.answers]
            cells["weights"] = ";".join(show(a.weight) for a in body.answers)
        case ShortBody():
            texts = [s.text if s.wildcards else s.text.replace("*", "\\*") for s in body.answers]
            feedback = [s.feedback_html for s in body.answers]
            cells["weights"] = ";".join(show(s.weight) for s in body.answers)
            cells["case sensitive"] = "yes" if body.case_sensitive else "no"
        case OrderBody():
            texts = [_cell(item) for item in body.items]
        case MatchBody():
            texts = [f"{_cell(p.left_html)} -> {p.right}" for p in body.pairs]
            texts += [f"-> {text}" for text in body.distractors]
            cells["shuffle"] = "yes" if body.shuffle else "no"
        case _:
            pass
    cells.update({f"answer {n}": text for n, text in enumerate(texts, 1)})
    cells.update({f"feedback {n}": _cell(text) for n, text in enumerate(feedback, 1) if text})
    return cells


def write(questions: Sequence[Question]) -> tuple[bytes, list[Issue]]:
    """The questions as our table template in UTF-8 with BOM, and what a table cannot carry."""
    issues: list[Issue] = []
    rows: list[dict[str, str]] = []
    for question in questions:
        lost = _lost(question)
        if lost:
            issues.append(
                make_issue(
                    Severity.WARNING,
                    "export_csv_lost",
                    {"fields": ", ".join(lost)},
                    title=question.title,
                )
            )
        bare = _without_media(question)
        row = {
            "type": question.kind.value,
            "title": question.title,
            "question": _cell(bare.stem_html.replace(BLANK, "_____")),
            **_answers(bare),
            "points": show(question.points),
            "difficulty": str(question.difficulty or ""),
            "tags": " | ".join(question.tags),
            "skills": " | ".join(question.skills),
            "category": question.category,
            "id": question.source_id,
            "feedback": _cell(bare.general_feedback_html),
        }
        row.update({f"hint {n}": _cell(hint) for n, hint in enumerate(bare.hints, 1)})
        rows.append(row)
    buffer = io.StringIO(newline="")
    fixed = ["type", "id", "title", "question", "correct", "weights", "shuffle", "case sensitive"]
    numbered = [
        f"{kind} {n}"
        for kind in ("answer", "feedback", "hint")
        for n in range(1, 1 + max((_count(row, kind) for row in rows), default=0))
    ]
    fixed += [*numbered, "feedback", "points", "difficulty", "tags", "skills", "category"]
    writer = csv.DictWriter(buffer, fixed, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: neutral(cell) for name, cell in row.items()} for row in rows)
    return buffer.getvalue().encode("utf-8-sig"), issues


def _count(row: dict[str, str], kind: str) -> int:
    return max((int(name[len(kind) :]) for name in row if name.startswith(kind + " ")), default=0)
