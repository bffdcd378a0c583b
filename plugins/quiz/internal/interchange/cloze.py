"""Cloze, Moodle's questions inside a text: ``{1:SHORTANSWER:=Berlin~%50%berlin#feedback}``.

One gap becomes a question with a blank; several gaps become a matching question when each is a choice;
anything else is rejected with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from .collect import Refused
from .gift_text import find, unescape
from .markup import from_plain, to_text
from .model import (
    BLANK,
    HUNDRED,
    ZERO,
    Body,
    Choice,
    ChoiceBody,
    Kind,
    MatchBody,
    NumericAnswer,
    NumericBody,
    Pair,
    ShortAnswer,
    ShortBody,
)
from .numbers_text import number, weight

Warn = Callable[..., None]
_GAP: Final = re.compile(r"(?<!\\)\{(\d*):([A-Z_]+):((?:\\.|[^\\}])*)\}", re.DOTALL)
_START: Final = re.compile(r"(?<!\\)\{\d*:[A-Za-z_]*:?[^}]{0,40}")
_SHORT: Final = {"SHORTANSWER", "SA", "MW", "SHORTANSWER_C", "SAC", "MWC"}
_CASE: Final = {"SHORTANSWER_C", "SAC", "MWC"}
_NUMERIC: Final = {"NUMERICAL", "NM"}
_SINGLE: Final = re.compile(r"(?:MULTICHOICE|MC)(?:_[VHS]+)?|MC[VHS]+")
_MULTIPLE: Final = re.compile(r"(?:MULTIRESPONSE|MR)(?:_[HS]+)?|MR[HS]+")
_ANSWER: Final = re.compile(r"^(=|%[^%\n]{1,20}%)?(.*)$", re.DOTALL)


def _answers(gap: str) -> list[tuple[Decimal, str, str]]:
    """Weight, text and feedback of each alternative of a gap."""
    parts = []
    start = 0
    while (place := find(gap, "~", start)) >= 0:
        parts.append(gap[start:place])
        start = place + 1
    parts.append(gap[start:])
    answers = []
    for part in parts:
        match = _ANSWER.match(part.strip())
        if match is None or not part.strip():
            continue
        sign = match.group(1) or ""
        amount = HUNDRED if sign == "=" else weight(sign.strip("%")) if sign else ZERO
        text = match.group(2)
        hash_place = find(text, "#")
        feedback = "" if hash_place < 0 else unescape(text[hash_place + 1 :])
        answers.append((amount, unescape(text if hash_place < 0 else text[:hash_place]), feedback))
    return answers


def _body(name: str, gap: str) -> tuple[Kind, Body]:
    answers = _answers(gap)
    if name in _SHORT:
        texts = tuple(ShortAnswer(to_text(t), w, True, f) for w, t, f in answers)
        return Kind.SHORT, ShortBody(texts, name in _CASE)
    if name in _NUMERIC:
        numbers = []
        for amount, text, feedback in answers:
            value, colon, tolerance = text.partition(":")
            centre = None if value.strip() == "*" else number(value)
            width = number(tolerance) if colon else ZERO
            numbers.append(NumericAnswer(centre, width, amount, feedback))
        return Kind.NUMERIC, NumericBody(tuple(numbers))
    single, multiple = _SINGLE.fullmatch(name), _MULTIPLE.fullmatch(name)
    if not single and not multiple:
        raise Refused("unsupported_type", type=f"cloze {name}")
    choices = tuple(Choice(text, amount, feedback) for amount, text, feedback in answers)
    return (Kind.SINGLE if single else Kind.MULTIPLE), ChoiceBody(
        choices, "S" in name.split("_")[-1]
    )


def read(warn: Warn, stem: str) -> tuple[Kind, Body, str]:
    """The question in a Cloze text; raises ``Refused`` when it has none or cannot be mapped."""
    gaps = list(_GAP.finditer(stem))
    rest = _GAP.sub("", stem)
    broken = _START.search(rest)
    if broken:
        raise Refused("cloze_broken", gap=broken.group(0))
    if not gaps:
        raise Refused("no_answers")
    bodies = [_body(gap.group(2), gap.group(3)) for gap in gaps]
    if len(bodies) == 1:
        kind, body = bodies[0]
        return kind, body, _GAP.sub(lambda _: BLANK, stem)
    rights: list[str] = []
    options: list[str] = []
    for kind, body in bodies:
        if kind is not Kind.SINGLE or not isinstance(body, ChoiceBody):
            raise Refused("cloze_several", count=len(gaps))
        best = [choice for choice in body.choices if choice.weight == HUNDRED]
        if len(best) != 1:
            raise Refused("cloze_several", count=len(gaps))
        rights.append(to_text(best[0].text_html))
        options += [to_text(choice.text_html) for choice in body.choices]
    return as_match(warn, stem, _GAP, rights, options)


def as_match(
    warn: Warn, stem: str, gap: re.Pattern[str], rights: list[str], options: list[str]
) -> tuple[Kind, Body, str]:
    """A text with several gaps as a matching question: numbered gaps on the left."""
    numbers = iter(range(1, len(rights) + 1))
    stem = gap.sub(lambda _: f"({next(numbers)}) _____", stem)
    pairs = tuple(Pair(from_plain(f"({n})"), text) for n, text in enumerate(rights, 1))
    warn("gaps_as_match", count=len(rights))
    return Kind.MATCH, MatchBody(pairs, tuple(options), True), stem
