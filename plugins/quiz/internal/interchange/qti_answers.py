"""Typed responses of QTI items: the answers of numeric and short questions."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from .collect import Refused
from .model import (
    HUNDRED,
    ZERO,
    Body,
    Kind,
    NumericAnswer,
    NumericBody,
    ShortAnswer,
    ShortBody,
)
from .numbers_text import interval, number
from .qti_scoring import Declaration, Rule, Scoring, literal, matches_correct
from .xmltree import Node

Warn = Callable[..., None]
_CLASS: Final = re.compile(r"\[(.)(.)\]")


def wildcard_pattern(text: str, case_sensitive: bool) -> str:
    """A text with ``*`` wildcards as the regular expression of XML Schema that QTI asks for."""
    parts = []
    for piece in re.split(r"(\\\*|\*)", text):
        if piece == "*":
            parts.append(".*")
        elif piece == "\\*":
            parts.append("\\*")
        else:
            parts += [_pattern_char(char, case_sensitive) for char in piece]
    return "".join(parts)


def _pattern_char(char: str, case_sensitive: bool) -> str:
    other = char.swapcase()
    if not case_sensitive and len(other) == 1 and other != char and other.swapcase() == char:
        return f"[{char}{other}]"
    return f"\\{char}" if char in r"\.?*+{}[]()|^$-" else char


def from_pattern(pattern: str) -> tuple[str, bool] | None:
    """The inverse of ``wildcard_pattern`` with its case sensitivity; None for any other expression."""
    text, position, folded = "", 0, False
    while position < len(pattern):
        rest = pattern[position:]
        pair = _CLASS.match(rest)
        if rest.startswith(".*"):
            text, position = text + "*", position + 2
        elif rest[0] == "\\" and len(rest) > 1:
            if rest[1].isalnum():
                return None
            text, position = text + ("\\*" if rest[1] == "*" else rest[1]), position + 2
        elif pair and pair.group(1).swapcase() == pair.group(2):
            text, position, folded = text + pair.group(1), position + 4, True
        elif rest[0] in r".?*+{}[]()|^$":
            return None
        else:
            text, position = text + rest[0], position + 1
    return text, not folded


def numeric_test(test: Node) -> tuple[Decimal | None, Decimal]:
    """The centre and half width that a test accepts; raises ``Refused`` for other tests."""
    if test.name == "not" and test.find("isNull") is not None:
        return None, ZERO
    if test.name == "and":
        low = next(test.elements("gte", "gt"), None)
        high = next(test.elements("lte", "lt"), None)
        if low is not None and high is not None:
            return interval(number(literal(low)), number(literal(high)))
    if test.name in {"equal", "match"}:
        value = number(literal(test))
        widths = [number(part) for part in test.get("tolerance").split()]
        mode = test.get("toleranceMode", "exact")
        if mode == "absolute" and widths:
            centre, width = interval(value - widths[0], value + widths[-1])
            return centre, width
        if mode == "relative" and widths:
            share = abs(value) / HUNDRED
            return interval(value - widths[0] * share, value + widths[-1] * share)
        return value, ZERO
    if test.name == "equalRounded":
        value = number(literal(test))
        places = int(number(test.get("figures") or "0"))
        if test.get("roundingMode") == "decimalPlaces" and 0 <= places <= 20:
            return value, Decimal(5).scaleb(-places - 1)
    raise Refused("qti_no_key")


def _share(value: Decimal, full: Decimal) -> Decimal:
    return value / full * HUNDRED


def full_score(
    declared: Declaration, scoring: Scoring, values: list[Decimal], several: bool
) -> Decimal:
    """The score that counts as 100 %: declared, else the bound, else what can be reached."""
    if scoring.points is not None and scoring.points > 0:
        return scoring.points
    if scoring.points == 0:
        return Decimal(1)
    positive = [value for value in values if value > 0]
    reachable = (sum(positive, ZERO) if several else max(positive, default=ZERO)) or Decimal(1)
    return min(declared.upper, reachable) if declared.upper else reachable


Answer = tuple[Node | None, str, Decimal, bool, tuple[str, ...]]


def _rows(declared: Declaration, scoring: Scoring, warn: Warn) -> list[Answer]:
    """Test or key, weight, case sensitivity and feedback ids of each answer, in order."""
    if scoring.mode == "rules":
        rules = [rule for rule in scoring.rules if rule.test is not None and rule.score is not None]
        full = full_score(declared, scoring, [r.score or ZERO for r in rules], False)
        rows: list[Answer] = []
        for rule in rules:
            weight = _share(rule.score or ZERO, full)
            if matches_correct(rule.test):
                rows += [(None, key, weight, True, rule.feedback) for key in declared.correct]
            else:
                rows.append((rule.test, "", weight, True, rule.feedback))
        return rows
    if declared.mapping and (scoring.mode == "map" or not declared.correct):
        full = full_score(declared, scoring, list(declared.mapping.values()), False)
        return [
            (None, key, _share(value, full), declared.case_sensitive[key], ())
            for key, value in declared.mapping.items()
        ]
    if not declared.correct:
        raise Refused("qti_no_key")
    if scoring.mode == "none":
        warn("scoring_fallback")
    right = _rule_feedback(scoring.rules)
    return [(None, key, HUNDRED, True, right) for key in declared.correct]


def _rule_feedback(rules: list[Rule]) -> tuple[str, ...]:
    return next((rule.feedback for rule in rules if matches_correct(rule.test)), ())


def typed_body(
    declared: Declaration,
    scoring: Scoring,
    feedback: Callable[[tuple[str, ...]], str],
    warn: Warn,
) -> tuple[Kind, Body]:
    """The body of an item with a text entry; ``feedback`` takes the texts of feedback ids."""
    rows = _rows(declared, scoring, warn)
    if declared.base_type in {"float", "integer"}:
        numbers = []
        for test, key, weight, _, ids in rows:
            value, width = (number(key), ZERO) if test is None else numeric_test(test)
            numbers.append(NumericAnswer(value, width, weight, feedback(ids)))
        return Kind.NUMERIC, NumericBody(tuple(numbers))
    texts: list[ShortAnswer] = []
    cases: set[bool] = set()
    for test, key, weight, case, ids in rows:
        wild = False
        if test is not None:
            key, case, wild = _text_test(test)
        cases.add(case)
        texts.append(ShortAnswer(key, weight, wild, feedback(ids)))
    if cases == {True, False}:
        warn("case_mixed")
    return Kind.SHORT, ShortBody(tuple(texts), cases == {True})


def _text_test(test: Node) -> tuple[str, bool, bool]:
    if test.name in {"stringMatch", "match"}:
        case = test.get("caseSensitive", "true") == "true"
        if test.get("substring") == "true":
            return f"*{literal(test).replace('*', chr(92) + '*')}*", case, True
        return literal(test), case, False
    if test.name == "patternMatch":
        # The case is written into the pattern; the attribute is ours, for patterns without letters.
        found = from_pattern(test.get("pattern"))
        if found is not None:
            declared = test.get("data-case")
            return found[0], declared == "sensitive" if declared else found[1], True
    raise Refused("qti_no_key")
