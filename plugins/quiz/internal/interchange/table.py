"""Rows of a table to questions: our own template and the Kahoot-like one, in English or French.

Own template, one question per row: ``type, question, answer 1..n, correct, weights, feedback 1..n, tolerance,
case sensitive, shuffle, points, title, id, category, tags, skills, difficulty, feedback, hint 1..n``.
For ``match`` an answer is ``left -> right``, or ``-> right`` for a wrong option.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from . import limits
from .collect import Collector, Refused
from .gift import numeric_interval
from .markup import from_plain, has_markup, plain
from .model import (
    HUNDRED,
    ZERO,
    Body,
    Choice,
    ChoiceBody,
    DescriptionBody,
    EssayBody,
    Kind,
    MatchBody,
    NumericAnswer,
    NumericBody,
    OrderBody,
    Pair,
    Question,
    ShortAnswer,
    ShortBody,
    TrueFalseBody,
    right_or_wrong,
)
from .numbers_text import number, points, weight

HEADER_ROWS: Final = 20
_COLUMNS: Final = {
    "question": "question questiontext texte enonce stem text",
    "type": "type kind typedequestion questiontype",
    "correct": "correct correctanswer correctanswers bonnereponse bonnesreponses reponsecorrecte "
    "reponsescorrectes reponsejuste right",
    "weights": "weights weight poids ponderation ponderations",
    "tolerance": "tolerance",
    "case": "casesensitive casse sensiblealacasse",
    "shuffle": "shuffle melanger",
    "points": "points score bareme",
    "title": "title titre name nom",
    "id": "id identifier identifiant sourceid",
    "category": "category categorie",
    "tags": "tags tag etiquettes etiquette motscles",
    "skills": "skills skill competences competence",
    "difficulty": "difficulty difficulte niveau level",
    "feedback": "feedback generalfeedback retour explication explanation commentaire",
    "time": "time timelimit timelimitsec temps duree",
}
_ALIASES: Final = {alias: name for name, text in _COLUMNS.items() for alias in text.split()}
_NUMBERED: Final = re.compile(
    r"^(?:(answer|reponse|choice|choix|option)|(feedback|retour)|(hint|indice))(\d{1,3})$"
)
_KINDS: Final = {
    Kind.SINGLE: "single singlechoice choixunique qcu mcq multiplechoice qcm quiz",
    Kind.MULTIPLE: "multiple multiplechoices multipleanswers multipleresponse choixmultiple choixmultiples",
    Kind.TRUEFALSE: "truefalse vraifaux tf vf boolean",
    Kind.NUMERIC: "numeric number numerical numerique nombre",
    Kind.SHORT: "short shortanswer reponsecourte textecourt",
    Kind.ORDER: "order ordering ordre ordonner classement",
    Kind.MATCH: "match matching appariement association",
    Kind.ESSAY: "essay essai redaction libre texteouvert open",
    Kind.DESCRIPTION: "description texteseul",
}
_KIND_OF: Final = {alias: kind for kind, text in _KINDS.items() for alias in text.split()}
_TRUE: Final = frozenset({"true", "t", "vrai", "v", "yes", "oui", "1", "x"})
_FALSE: Final = frozenset({"false", "f", "faux", "no", "non", "n", "0", ""})
_NEUTRALISED: Final = re.compile(r"^'(?=[=+\-@\t\r'])")


def fold(text: str) -> str:
    """``text`` in lower case, letters and digits only, without accents."""
    flat = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^a-z0-9]", "", flat)


def column(header: str) -> str | None:
    """The column a header cell names: a field, or ``answer``, ``feedback`` or ``hint`` with a number."""
    name = fold(re.split(r"\s[-–—]\s|\(", header)[0])
    if name in _ALIASES:
        return _ALIASES[name]
    match = _NUMBERED.match(name)
    if not match:
        return None
    kind = "answer" if match.group(1) else "feedback" if match.group(2) else "hint"
    return f"{kind}{int(match.group(4))}"


def find_header(rows: Sequence[Sequence[str]]) -> int | None:
    """The place of the header among the first rows: it names a question and at least one answer or type."""
    for place, row in enumerate(rows[:HEADER_ROWS]):
        names = {column(cell) for cell in row if cell}
        if "question" in names and any(
            name and (name.startswith("answer") or name in {"type", "correct"}) for name in names
        ):
            return place
    return None


class _Row:
    """One row by column name."""

    def __init__(self, cells: dict[str, str]) -> None:
        self.cells = cells

    def get(self, name: str) -> str:
        return self.cells.get(name, "").strip()

    def html(self, name: str) -> str:
        return as_html(self.get(name))

    def numbered(self, kind: str) -> dict[int, str]:
        """The filled cells of ``answer``, ``feedback`` or ``hint`` by number."""
        found = {
            int(name[len(kind) :]): text.strip()
            for name, text in self.cells.items()
            if name.startswith(kind) and name[len(kind) :].isdigit() and text.strip()
        }
        return dict(sorted(found.items()))

    def truth(self, name: str, default: bool) -> bool:
        value = fold(self.get(name))
        return value in _TRUE if value else default


def as_html(text: str) -> str:
    """A cell as HTML: kept when it holds markup, escaped otherwise."""
    return text if has_markup(text) else from_plain(text)


def _list(text: str) -> tuple[str, ...]:
    separator = r"\|" if "|" in text else r"[,;]"
    return tuple(part.strip() for part in re.split(separator, text) if part.strip())


def read_rows(rows: Iterable[Sequence[str]], out: Collector) -> None:
    """Read the cells of a table, as text, into ``out``; line numbers are row numbers."""
    listed = [list(row)[: limits.MAX_COLUMNS] for row in rows]
    place = find_header(listed)
    if place is None:
        raise Refused("table_no_header")
    names = [column(cell) for cell in listed[place]]
    unknown = [
        plain(c) for c, n in zip(listed[place], names, strict=True) if plain(c) and n is None
    ]
    if unknown:
        out.warn("table_unknown_columns", line=place + 1, columns=", ".join(unknown))
    for line, row in enumerate(listed[place + 1 :], place + 2):
        cells: dict[str, str] = {}
        for name, cell in zip(names, row, strict=False):
            if name and cell.strip():
                cells.setdefault(name, _NEUTRALISED.sub("", cell.strip(" \n")))
        if any(name != "time" for name in cells):
            _read_row(_Row(cells), line, out)


def _read_row(row: _Row, line: int, out: Collector) -> None:
    title = row.get("title") or plain(row.get("question"))
    try:
        kind, body = _body(row)
        level = row.get("difficulty")
        if level and level not in set("12345"):
            out.warn("difficulty_ignored", line=line, title=title, value=level)
            level = ""
        question = Question(
            kind=kind,
            stem_html=row.html("question"),
            body=body,
            title=row.get("title"),
            source_id=row.get("id"),
            category=row.get("category"),
            tags=_list(row.get("tags")),
            skills=_list(row.get("skills")),
            difficulty=int(level) if level else None,
            points=points(row.get("points")) if row.get("points") else Decimal(1),
            general_feedback_html=row.html("feedback"),
            hints=tuple(as_html(text) for text in row.numbered("hint").values()),
        )
    except Refused as refused:
        out.reject_refused(refused, line=line, title=title)
        return
    if row.get("time"):
        out.setting_ignored("time")
    out.add(question, line=line)


def _kind(row: _Row) -> Kind:
    name = fold(row.get("type"))
    if name:
        if name not in _KIND_OF:
            raise Refused("row_unknown_type", type=row.get("type"))
        kind = _KIND_OF[name]
        if kind is Kind.SINGLE and len(_list(row.get("correct"))) > 1:
            return Kind.MULTIPLE
        return kind
    answers = row.numbered("answer")
    correct = row.get("correct")
    if not answers:
        return Kind.TRUEFALSE if fold(correct) in {"true", "false", "vrai", "faux"} else Kind.ESSAY
    return Kind.MULTIPLE if len(_list(correct)) > 1 else Kind.SINGLE


def _body(row: _Row) -> tuple[Kind, Body]:
    kind = _kind(row)
    answers = row.numbered("answer")
    if kind in {Kind.SINGLE, Kind.MULTIPLE}:
        return kind, _choice_body(kind, row, answers)
    if kind is Kind.TRUEFALSE:
        correct = fold(row.get("correct") or answers.get(1, ""))
        if correct not in _TRUE | _FALSE or not correct:
            raise Refused("row_bad_correct", value=row.get("correct"))
        feedback = row.numbered("feedback")
        return kind, TrueFalseBody(
            correct in _TRUE, as_html(feedback.get(1, "")), as_html(feedback.get(2, ""))
        )
    if kind is Kind.NUMERIC:
        return kind, _numeric_body(row, answers)
    if kind is Kind.SHORT:
        return kind, _short_body(row, answers)
    if kind is Kind.ORDER:
        return kind, OrderBody(tuple(as_html(text) for text in answers.values()))
    if kind is Kind.MATCH:
        return kind, _match_body(row, answers)
    return kind, EssayBody() if kind is Kind.ESSAY else DescriptionBody()


def _weights(row: _Row, answers: dict[int, str]) -> dict[int, Decimal]:
    # A comma may be a decimal sign here, so only semicolons and bars separate.
    parts = [part for part in re.split(r"[;|]", row.get("weights")) if part.strip()]
    if not parts:
        return {}
    if len(parts) != len(answers):
        raise Refused("bad_weight", value=row.get("weights"))
    return {n: weight(part) for n, part in zip(answers, parts, strict=True)}


def _choice_body(kind: Kind, row: _Row, answers: dict[int, str]) -> ChoiceBody:
    given = _weights(row, answers)
    if not given:
        right = _right_numbers(row, answers)
        if kind is Kind.SINGLE:
            given = {n: HUNDRED if n in right else ZERO for n in answers}
        else:
            shares = right_or_wrong([n in right for n in answers])
            given = dict(zip(answers, shares, strict=True))
    feedback = row.numbered("feedback")
    choices = tuple(
        Choice(as_html(text), given[n], as_html(feedback.get(n, ""))) for n, text in answers.items()
    )
    return ChoiceBody(choices, row.truth("shuffle", True))


def _right_numbers(row: _Row, answers: dict[int, str]) -> set[int]:
    correct = row.get("correct")
    if not correct:
        raise Refused("no_right_answer")
    if correct in answers.values() and not correct.isdigit():
        return {n for n, text in answers.items() if text == correct}
    right = set()
    for part in _list(correct):
        part = part.removesuffix(".0")
        if len(part) == 1 and part.isascii() and part.isalpha():
            part = str(ord(part.upper()) - ord("A") + 1)
        if not (part.isascii() and part.isdigit()) or int(part) not in answers:
            raise Refused("row_bad_correct", value=correct)
        right.add(int(part))
    return right


def _numeric_body(row: _Row, answers: dict[int, str]) -> NumericBody:
    texts = answers or ({1: row.get("correct")} if row.get("correct") else {})
    given = _weights(row, texts)
    width = row.get("tolerance")
    feedback = row.numbered("feedback")
    result = []
    for n, text in texts.items():
        value, tolerance = numeric_interval(text)
        if width and ":" not in text and ".." not in text and value is not None:
            tolerance = number(width)
        result.append(
            NumericAnswer(value, tolerance, given.get(n, HUNDRED), as_html(feedback.get(n, "")))
        )
    return NumericBody(tuple(result))


def _short_body(row: _Row, answers: dict[int, str]) -> ShortBody:
    texts = answers or ({1: row.get("correct")} if row.get("correct") else {})
    given = _weights(row, texts)
    feedback = row.numbered("feedback")
    result = tuple(
        ShortAnswer(text, given.get(n, HUNDRED), True, as_html(feedback.get(n, "")))
        for n, text in texts.items()
    )
    return ShortBody(result, row.truth("case", False))


def _match_body(row: _Row, answers: dict[int, str]) -> MatchBody:
    pairs, extra = [], []
    for text in answers.values():
        left, arrow, right = text.partition("->")
        if not arrow or not right.strip():
            raise Refused("row_bad_pair", value=text)
        if left.strip():
            pairs.append(Pair(as_html(left.strip()), right))
        else:
            extra.append(right)
    return MatchBody(tuple(pairs), tuple(extra), row.truth("shuffle", True))
