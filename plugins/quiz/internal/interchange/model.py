"""The one internal question model every format is read into and written from.

Meaning of the values, binding for whoever marks an attempt:

* ``weight`` is a percentage of the question's points as an exact ``Decimal`` between -100 and 100
  (Moodle's "fraction" times 100). ``Decimal("33.33333")`` stands for a third: three of them, 99.99999,
  count as 100 (``ChoiceBody.full_marks``).
* ``single``: the mark is the weight of the chosen choice. At least one choice weighs 100; several may.
* ``multiple``: the mark is the sum of the weights of the chosen choices, clamped to 0..100. Wrong choices
  weigh 0 or less.
* ``numeric`` and ``short``: answers are tried in order and the first that accepts the response gives its
  weight and feedback. No match gives 0.
* ``order``: ``items`` are in the right order. ``match``: every pair counts the same; distractors are
  wrong right-hand texts that belong to no pair; equal right-hand texts are the same option.
* ``truefalse`` gives 100 or 0, ``essay`` is marked by a person, ``description`` is never marked.

Fields ending in ``_html`` hold cleaned HTML (see ``markup``), where an image is ``<img src="media:NAME">``
and ``NAME`` is the ``name`` of one of the question's ``media``. All other texts are plain text on one line.
``BLANK`` inside ``stem_html`` is the place of the answer of a missing-word question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

BLANK: Final = "[[blank]]"
HUNDRED: Final = Decimal(100)
ZERO: Final = Decimal(0)
FULL_MARKS_TOLERANCE: Final = Decimal("0.01")


class Kind(StrEnum):
    """The eight question types, and ``description``: a text without an answer."""

    SINGLE = "single"
    MULTIPLE = "multiple"
    TRUEFALSE = "truefalse"
    NUMERIC = "numeric"
    SHORT = "short"
    ORDER = "order"
    MATCH = "match"
    ESSAY = "essay"
    DESCRIPTION = "description"


class Severity(StrEnum):
    """``error``: something is not imported; ``warning``: a part is lost; ``info``: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class MediaFile:
    """An image of a question. ``mime`` comes from the bytes, never from the name."""

    name: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of a ``single`` or ``multiple`` question."""

    text_html: str
    weight: Decimal = ZERO
    feedback_html: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceBody:
    """Body of ``single`` and ``multiple``. ``shuffle`` allows showing the choices in any order."""

    choices: tuple[Choice, ...]
    shuffle: bool = True

    @property
    def full_marks(self) -> Decimal:
        """The sum of the positive weights in percent, rounded to 100 when rounding alone is missing."""
        total = sum((c.weight for c in self.choices if c.weight > 0), ZERO)
        return HUNDRED if abs(total - HUNDRED) <= FULL_MARKS_TOLERANCE else total


@dataclass(frozen=True, slots=True)
class TrueFalseBody:
    """Body of ``truefalse``. The feedbacks belong to the response "true" and the response "false"."""

    correct: bool
    true_feedback_html: str = ""
    false_feedback_html: str = ""


@dataclass(frozen=True, slots=True)
class NumericAnswer:
    """An accepted number: ``value`` plus or minus ``tolerance``; ``value`` None accepts any number."""

    value: Decimal | None
    tolerance: Decimal = ZERO
    weight: Decimal = HUNDRED
    feedback_html: str = ""

    @property
    def bounds(self) -> tuple[Decimal, Decimal] | None:
        """The inclusive interval accepted, None when any number is."""
        if self.value is None:
            return None
        return self.value - self.tolerance, self.value + self.tolerance


@dataclass(frozen=True, slots=True)
class NumericBody:
    """Body of ``numeric``."""

    answers: tuple[NumericAnswer, ...]


@dataclass(frozen=True, slots=True)
class ShortAnswer:
    """An accepted text. With ``wildcards``, ``*`` stands for any characters and ``\\*`` for an asterisk."""

    text: str
    weight: Decimal = HUNDRED
    wildcards: bool = False
    feedback_html: str = ""


@dataclass(frozen=True, slots=True)
class ShortBody:
    """Body of ``short``. Spaces around a response and repeated spaces never count."""

    answers: tuple[ShortAnswer, ...]
    case_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class OrderBody:
    """Body of ``order``: HTML items in the right order."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """``left_html`` is shown, ``right`` is a plain text to choose from a list."""

    left_html: str
    right: str


@dataclass(frozen=True, slots=True)
class MatchBody:
    """Body of ``match``."""

    pairs: tuple[Pair, ...]
    distractors: tuple[str, ...] = ()
    shuffle: bool = True


@dataclass(frozen=True, slots=True)
class EssayBody:
    """Body of ``essay``: a note for the person marking and a text the response starts with."""

    grader_info_html: str = ""
    template_html: str = ""


@dataclass(frozen=True, slots=True)
class DescriptionBody:
    """Body of ``description``: none."""


Body = (
    ChoiceBody
    | TrueFalseBody
    | NumericBody
    | ShortBody
    | OrderBody
    | MatchBody
    | EssayBody
    | DescriptionBody
)

BODY_TYPES: Final[Mapping[Kind, type]] = {
    Kind.SINGLE: ChoiceBody,
    Kind.MULTIPLE: ChoiceBody,
    Kind.TRUEFALSE: TrueFalseBody,
    Kind.NUMERIC: NumericBody,
    Kind.SHORT: ShortBody,
    Kind.ORDER: OrderBody,
    Kind.MATCH: MatchBody,
    Kind.ESSAY: EssayBody,
    Kind.DESCRIPTION: DescriptionBody,
}


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    ``source_id`` is the identifier in the file, empty when it has none; ``category`` is a path with ``/``;
    ``difficulty`` is 1 (very easy) to 5 (very difficult); ``points`` is a ``Decimal`` of 0 or more;
    the three result feedbacks are shown for a right, a partly right and a wrong response.
    """

    kind: Kind
    stem_html: str
    body: Body
    title: str = ""
    source_id: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    difficulty: int | None = None
    points: Decimal = Decimal(1)
    general_feedback_html: str = ""
    correct_feedback_html: str = ""
    partial_feedback_html: str = ""
    incorrect_feedback_html: str = ""
    hints: tuple[str, ...] = ()
    media: tuple[MediaFile, ...] = ()

    @property
    def key(self) -> str:
        """What makes a second import of the same question recognisable: its source id, else its content."""
        if self.source_id:
            return f"id:{self.source_id}"
        from .wire import question_to_dict

        text = json.dumps(question_to_dict(self), sort_keys=True, ensure_ascii=True)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Issue:
    """Something to tell the person importing or exporting.

    ``message`` and ``advice`` are English message ids with ``%(name)s`` parameters out of ``params``.
    ``line`` is 1-based in the file (or in ``item``, the file of a package or the id of an item).
    ``rejects_question`` is true exactly once for each question present that is not imported.
    """

    severity: Severity
    code: str
    message: str
    advice: str
    params: dict[str, str] = field(default_factory=dict)
    line: int | None = None
    item: str = ""
    title: str = ""
    rejects_question: bool = False

    @property
    def text(self) -> str:
        """The English message with its parameters filled in."""
        return self.message % self.params


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What a file gave. ``repairs`` names what was done to its text (``bom``, ``crlf``, ``nfc``, ...)."""

    questions: tuple[Question, ...]
    issues: tuple[Issue, ...]
    format: str = ""
    encoding: str = ""
    repairs: tuple[str, ...] = ()

    @property
    def rejected(self) -> int:
        """Number of questions present in the file that were not imported."""
        return sum(1 for issue in self.issues if issue.rejects_question)

    @property
    def present(self) -> int:
        """Number of questions found in the file: imported plus rejected."""
        return len(self.questions) + self.rejected


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A file to download and what it could not carry."""

    data: bytes
    filename: str
    mime: str
    issues: tuple[Issue, ...] = ()


def right_or_wrong(right: Sequence[bool], *, all_or_nothing: bool = False) -> tuple[Decimal, ...]:
    """Weights for choices of which only is known whether they are right.

    One right choice weighs 100 and the others 0. Several share 100; the wrong ones together take 100 away,
    so that ticking everything gives nothing, or 100 each with ``all_or_nothing``.
    """
    rights = sum(right)
    wrongs = len(right) - rights
    if rights <= 1:
        return tuple(HUNDRED if flag else ZERO for flag in right)
    gain = HUNDRED / rights
    loss = -HUNDRED if all_or_nothing or not wrongs else -HUNDRED / wrongs
    return tuple(gain if flag else loss for flag in right)


def map_body_html(body: Body, change: Callable[[str], str]) -> Body:
    """Apply ``change`` to every HTML text of ``body`` in reading order."""
    match body:
        case ChoiceBody():
            return replace(
                body,
                choices=tuple(
                    replace(c, text_html=change(c.text_html), feedback_html=change(c.feedback_html))
                    for c in body.choices
                ),
            )
        case TrueFalseBody():
            return replace(
                body,
                true_feedback_html=change(body.true_feedback_html),
                false_feedback_html=change(body.false_feedback_html),
            )
        case NumericBody():
            return NumericBody(
                tuple(replace(a, feedback_html=change(a.feedback_html)) for a in body.answers)
            )
        case ShortBody():
            return replace(
                body,
                answers=tuple(
                    replace(a, feedback_html=change(a.feedback_html)) for a in body.answers
                ),
            )
        case OrderBody():
            return OrderBody(tuple(change(item) for item in body.items))
        case MatchBody():
            return replace(
                body, pairs=tuple(replace(p, left_html=change(p.left_html)) for p in body.pairs)
            )
        case EssayBody():
            return EssayBody(change(body.grader_info_html), change(body.template_html))
        case _:
            return body


def map_html(question: Question, change: Callable[[str], str]) -> Question:
    """Apply ``change`` to every HTML text of ``question`` in reading order (stem first)."""
    stem = change(question.stem_html)
    body = map_body_html(question.body, change)
    return replace(
        question,
        stem_html=stem,
        body=body,
        general_feedback_html=change(question.general_feedback_html),
        correct_feedback_html=change(question.correct_feedback_html),
        partial_feedback_html=change(question.partial_feedback_html),
        incorrect_feedback_html=change(question.incorrect_feedback_html),
        hints=tuple(change(hint) for hint in question.hints),
    )
