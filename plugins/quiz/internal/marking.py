"""Marking: from a stored content and a response to a share of the points, by written rules.

Everything is ``Decimal``; a share (``fraction``) runs from 0 to 1 and is rounded half-up to
7 places; a sum of weights within 0.01 % of 100 (33.33333 three times) is 100. A question never
takes points away from another one: a negative sum counts 0. The rules are stated in README.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from plugins.quiz.internal.content import (
    Content,
    DescriptionContent,
    EssayContent,
    MatchContent,
    MultipleContent,
    NumericContent,
    OrderContent,
    ShortContent,
    SingleContent,
    TrueFalseContent,
)

FRACTION = Decimal("0.0000001")
SCORE = Decimal("0.00001")
PERCENT = Decimal("0.01")
WEIGHT_SLACK = Decimal("0.01")
MAX_SHORT = 1_000
MAX_ESSAY = 100_000
NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?")
_SPACES = dict.fromkeys(map(ord, " \t\u00a0\u202f\u2009'\u2019"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What marking found: ``fraction`` is ``None`` when a person must mark the answer."""

    fraction: Decimal | None
    feedback: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """Return ``right``, ``partial``, ``wrong`` or ``waiting``."""
        if self.fraction is None:
            return "waiting"
        return "right" if self.fraction == 1 else "wrong" if self.fraction == 0 else "partial"


def share(percent: Decimal) -> Decimal:
    """Turn a sum of weights (percent) into a fraction between 0 and 1."""
    if abs(percent - 100) <= WEIGHT_SLACK:
        return Decimal(1)
    bounded = min(max(percent, Decimal(0)), Decimal(100))
    return (bounded / 100).quantize(FRACTION, ROUND_HALF_UP)


def part(right: int, total: int) -> Decimal:
    """Return ``right / total`` rounded half-up to 7 places."""
    return (Decimal(right) / Decimal(total)).quantize(FRACTION, ROUND_HALF_UP)


def score(fraction: Decimal, points: Decimal) -> Decimal:
    """Return the points obtained, rounded half-up to 5 places."""
    return (fraction * points).quantize(SCORE, ROUND_HALF_UP)


def percent(total: Decimal, maximum: Decimal) -> Decimal:
    """Return ``100 * total / maximum`` rounded half-up to 2 places (0 when nothing is marked)."""
    if maximum == 0:
        return Decimal("0.00")
    return (100 * total / maximum).quantize(PERCENT, ROUND_HALF_UP)


def parse_number(text: str) -> Decimal | None:
    """Read a number as people write it, or return ``None``.

    Accepts a decimal comma or point, spaces (also narrow and no-break) and apostrophes between
    thousands, the typographic minus sign and an exponent.
    When both comma and point occur, the last one is the decimal mark and the other groups.
    """
    plain = unicodedata.normalize("NFC", text).strip()[:100].replace("\u2212", "-")
    plain = plain.translate(_SPACES)
    comma, point = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and point >= 0:
        group = "," if point > comma else "."
        plain = plain.replace(group, "")
    if plain.count(",") > 1 or plain.count(".") > 1:
        return None
    plain = plain.replace(",", ".")
    if not NUMBER.fullmatch(plain):
        return None
    try:
        return Decimal(plain)
    except InvalidOperation:
        return None


def normalise(text: str, *, case_sensitive: bool, fold_accents: bool) -> str:
    """Return ``text`` ready for comparison: NFC, single spaces, straight apostrophes, folding."""
    plain = unicodedata.normalize("NFC", text[:MAX_SHORT]).replace("\u2019", "'")
    plain = " ".join(plain.split())
    if not case_sensitive:
        plain = plain.casefold()
    if fold_accents:
        plain = plain.replace("œ", "oe").replace("Œ", "OE").replace("æ", "ae").replace("Æ", "AE")
        decomposed = unicodedata.normalize("NFKD", plain)
        plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return plain


def wildcard_match(pattern: str, text: str) -> bool:
    """Tell whether ``text`` matches ``pattern`` (``*`` any run, ``\\*`` a star), in linear space.

    Greedy matching with one backtrack point: no regular expression, hence no blow-up.
    """
    tokens: list[str | None] = []
    index = 0
    while index < len(pattern):
        if pattern.startswith("\\*", index):
            tokens.append("*")
            index += 2
        else:
            tokens.append(None if pattern[index] == "*" else pattern[index])
            index += 1
    at = star = mark = 0
    seen_star = False
    position = 0
    while position < len(text):
        if at < len(tokens) and tokens[at] is None:
            seen_star, star, mark = True, at, position
            at += 1
        elif at < len(tokens) and tokens[at] == text[position]:
            at += 1
            position += 1
        elif seen_star:
            mark += 1
            at, position = star + 1, mark
        else:
            return False
    return all(token is None for token in tokens[at:])


def is_answered(content: Content, response: Mapping[str, Any] | None) -> bool:
    """Tell whether ``response`` holds an answer (a description never does)."""
    if not response or isinstance(content, DescriptionContent):
        return False
    value = response.get("value")
    if isinstance(content, MatchContent):
        return isinstance(value, Mapping) and any(value.values())
    return value not in (None, "", [], {})


def clean_response(content: Content, raw: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the storable form of a posted answer, or ``None`` when it is empty.

    ``raw`` is ``{"value": …}``; the value is a key (single), keys (multiple), ``"true"|"false"``,
    a text, the keys in order (order) or a mapping pair key → option key (match). Raises
    ``ValueError`` when the value names something the question does not have.
    """
    value = raw.get("value")
    if isinstance(content, DescriptionContent):
        raise ValueError("nothing to answer here")
    if value in (None, "", [], {}):
        return None
    if isinstance(content, SingleContent):
        _known([value], {choice.key for choice in content.choices})
        return {"value": value}
    if isinstance(content, MultipleContent):
        chosen = _strings(value)
        _known(chosen, {choice.key for choice in content.choices})
        return {"value": [c.key for c in content.choices if c.key in set(chosen)]}
    if isinstance(content, TrueFalseContent):
        _known([value], {"true", "false"})
        return {"value": value}
    if isinstance(content, OrderContent):
        keys = _strings(value)
        if sorted(keys) != sorted(item.key for item in content.items):
            raise ValueError("an order holds every item once")
        return {"value": keys}
    if isinstance(content, MatchContent):
        if not isinstance(value, Mapping):
            raise ValueError("a matching answer is a mapping")
        _known(list(value), {pair.key for pair in content.pairs})
        chosen = {key: option for key, option in value.items() if option}
        _known(list(chosen.values()), {key for key, _text in content.options()})
        return {"value": chosen} if chosen else None
    if not isinstance(value, str):
        raise ValueError("a text is expected")
    limit = MAX_ESSAY if isinstance(content, EssayContent) else MAX_SHORT
    if len(value) > limit:
        raise ValueError(f"the text is longer than {limit} characters")
    return {"value": value.replace("\x00", "")} if value.strip() else None


def _strings(value: object) -> list[str]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of keys is expected")
    return list(value)


def _known(keys: list[Any], known: set[str]) -> None:
    if any(not isinstance(key, str) or key not in known for key in keys):
        raise ValueError("the answer names something that the question does not have")


def mark(content: Content, response: Mapping[str, Any] | None) -> Verdict:
    """Mark one response; an empty one is wrong, an essay waits for a person unless it is empty."""
    if isinstance(content, DescriptionContent):
        return Verdict(Decimal(1))
    if not is_answered(content, response):
        return Verdict(Decimal(0))
    value = response["value"]  # type: ignore[index]  # is_answered checked it
    if isinstance(content, EssayContent):
        return Verdict(None)
    if isinstance(content, SingleContent):
        return _mark_single(content, value)
    if isinstance(content, MultipleContent):
        return _mark_multiple(content, value)
    if isinstance(content, TrueFalseContent):
        said = value == "true"
        feedback = content.true_feedback_html if said else content.false_feedback_html
        return Verdict(Decimal(int(said == content.correct)), _some(feedback))
    if isinstance(content, NumericContent):
        return _mark_numeric(content, value)
    if isinstance(content, ShortContent):
        return _mark_short(content, value)
    if isinstance(content, OrderContent):
        return Verdict(_order_fraction(content, value))
    right = sum(value.get(pair.key) == content.right_key(pair) for pair in content.pairs)
    return Verdict(part(right, len(content.pairs)))


def _some(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def _mark_single(content: SingleContent, value: str) -> Verdict:
    chosen = next((choice for choice in content.choices if choice.key == value), None)
    if chosen is None:
        return Verdict(Decimal(0))
    return Verdict(share(chosen.weight), _some(chosen.feedback_html))


def _mark_multiple(content: MultipleContent, value: list[str]) -> Verdict:
    chosen = [choice for choice in content.choices if choice.key in value]
    feedback = _some(*(choice.feedback_html for choice in chosen))
    if content.all_or_nothing:
        right = {choice.key for choice in content.choices if choice.weight > 0}
        return Verdict(Decimal(int({choice.key for choice in chosen} == right)), feedback)
    return Verdict(share(sum((choice.weight for choice in chosen), Decimal(0))), feedback)


def _mark_numeric(content: NumericContent, value: str) -> Verdict:
    number = parse_number(value)
    if number is not None:
        for answer in content.answers:
            if answer.accepts(number):
                return Verdict(share(answer.weight), _some(answer.feedback_html))
    return Verdict(Decimal(0))


def _mark_short(content: ShortContent, value: str) -> Verdict:
    options = {"case_sensitive": content.case_sensitive, "fold_accents": content.fold_accents}
    said = normalise(value, **options)
    for answer in content.answers:
        expected = normalise(answer.text, **options)
        if wildcard_match(expected, said) if answer.wildcards else expected == said:
            return Verdict(share(answer.weight), _some(answer.feedback_html))
    return Verdict(Decimal(0))


def _order_fraction(content: OrderContent, value: list[str]) -> Decimal:
    right = [item.key for item in content.items]
    if value == right:
        return Decimal(1)
    if content.rule == "exact":
        return Decimal(0)
    size = len(right)
    if content.rule == "position":
        return part(sum(a == b for a, b in zip(value, right, strict=True)), size)
    place = {key: index for index, key in enumerate(value)}
    if content.rule == "adjacent":
        hits = sum(place[b] == place[a] + 1 for a, b in zip(right, right[1:], strict=False))
        return part(hits, size - 1)
    hits = sum(
        place[right[first]] < place[right[second]]
        for first in range(size)
        for second in range(first + 1, size)
    )
    return part(hits, size * (size - 1) // 2)
