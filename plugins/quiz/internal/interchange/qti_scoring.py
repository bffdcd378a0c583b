"""What the declarations and the response processing of a QTI 2 or 3 item say about scores and feedback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from .collect import Refused
from .model import ZERO
from .numbers_text import number
from .xmltree import Node

_TESTS: Final = frozenset(
    "match equal equalRounded stringMatch patternMatch substring gte lte gt lt and or not isNull member contains".split()
)


@dataclass(slots=True)
class Declaration:
    """A response declaration in canonical names."""

    identifier: str
    cardinality: str = "single"
    base_type: str = "identifier"
    correct: tuple[str, ...] = ()
    default: str = ""
    mapping: dict[str, Decimal] = field(default_factory=dict)
    case_sensitive: dict[str, bool] = field(default_factory=dict)
    upper: Decimal | None = None


@dataclass(slots=True)
class Rule:
    """A branch of the response processing: its test (None: otherwise), what it sets."""

    test: Node | None
    score: Decimal | None = None
    feedback: tuple[str, ...] = ()


@dataclass(slots=True)
class Scoring:
    """``mode`` is ``map``, ``correct``, ``rules``, ``human`` or ``none`` (no score is set)."""

    mode: str
    rules: list[Rule] = field(default_factory=list)
    points: Decimal | None = None
    exact: bool = True


def _values(node: Node | None) -> tuple[str, ...]:
    return tuple(value.text() for value in node.elements("value")) if node else ()


def declarations(item: Node) -> dict[str, Declaration]:
    """The response declarations of an item by identifier."""
    found = {}
    for node in item.elements("responseDeclaration"):
        declaration = Declaration(
            node.get("identifier"),
            node.get("cardinality", "single"),
            node.get("baseType", "identifier"),
        )
        declaration.correct = tuple(v.strip() for v in _values(node.first("correctResponse")))
        declaration.default = "".join(_values(node.first("defaultValue")))
        mapping = node.first("mapping")
        if mapping is not None:
            for entry in mapping.elements("mapEntry"):
                key = entry.get("mapKey").strip()
                declaration.mapping[key] = number(entry.get("mappedValue"))
                declaration.case_sensitive[key] = entry.get("caseSensitive", "true") == "true"
            if mapping.get("upperBound"):
                declaration.upper = number(mapping.get("upperBound"))
        found[declaration.identifier] = declaration
    return found


def _outcome_default(item: Node, name: str) -> Decimal | None:
    for node in item.elements("outcomeDeclaration"):
        if node.get("identifier").upper() == name:
            values = _values(node.first("defaultValue"))
            if values:
                return number(values[0])
            maximum = node.get("normalMaximum")
            if maximum and name == "SCORE":
                return number(maximum)
    return None


def _sets(branch: Node) -> Iterator[tuple[str, Node]]:
    for node in branch.elements("setOutcomeValue"):
        value = next(node.elements(), None)
        if value is not None:
            yield node.get("identifier"), value


def _rule(branch: Node, score_name: str) -> Rule:
    test = next((node for node in branch.elements() if node.name in _TESTS), None)
    rule = Rule(test)
    for name, value in _sets(branch):
        bases = [node.text().strip() for node in value.walk("baseValue")]
        if name == score_name:
            # A value that is computed, such as a product, is not a plain number: it stays unknown.
            if len(bases) == 1 and value.name in {"baseValue", "sum"}:
                rule.score = number(bases[0])
            elif value.find("variable") is None and value.name == "variable":
                rule.score = None
        else:
            rule.feedback += tuple(bases)
    return rule


def scoring(item: Node) -> Scoring:
    """Interpret the response processing of an item."""
    points = _outcome_default(item, "MAXSCORE")
    if points is None:
        normal = next(
            (
                n.get("normalMaximum")
                for n in item.elements("outcomeDeclaration")
                if n.get("identifier") == "SCORE"
            ),
            "",
        )
        points = number(normal) if normal else None
    node = item.first("responseProcessing")
    if node is None:
        human = any(n.get("externalScored") == "human" for n in item.elements("outcomeDeclaration"))
        return Scoring("human" if human else "none", points=points)
    template = re.sub(r"\.xml$", "", node.get("template")).rsplit("/", 1)[-1].lower()
    if template:
        if "map_response_point" in template:
            return Scoring("none", points=points)
        if "map_response" in template:
            return Scoring("map", points=points)
        if "match" in template:
            return Scoring("correct", points=points)
    return _custom(node, points)


def _custom(node: Node, points: Decimal | None) -> Scoring:
    score_name = "SCORE"
    names = {n.get("identifier") for n in node.walk("setOutcomeValue")}
    if "SCORE" not in names and "OUTCOME" in names:
        score_name = "OUTCOME"
    rules: list[Rule] = []
    for condition in node.walk("responseCondition"):
        rules += [
            _rule(branch, score_name)
            for branch in condition.elements("responseIf", "responseElseIf", "responseElse")
        ]
    if score_name not in names:
        return Scoring("none", rules, points)
    setters = [n for n in node.walk("setOutcomeValue") if n.get("identifier") == score_name]
    if any(next(n.walk("mapResponse"), None) is not None for n in setters):
        return Scoring("map", rules, points)
    scored = [rule for rule in rules if rule.test is not None and (rule.score or ZERO) > 0]
    if scored and all(matches_correct(rule.test) for rule in scored):
        exact = len(scored) == 1
        return Scoring("correct", rules, scored[0].score if points is None else points, exact)
    if scored:
        return Scoring("rules", rules, points)
    return Scoring("none", rules, points)


def matches_correct(test: Node | None) -> bool:
    """Whether a test asks for the declared right response."""
    return (
        test is not None
        and test.name in {"match", "equal", "stringMatch"}
        and next(test.walk("correct"), None) is not None
    )


def literal(test: Node) -> str:
    """The constant of a comparison; raises ``Refused`` when it has none."""
    value = next(test.walk("baseValue"), None)
    if value is None:
        raise Refused("qti_no_key")
    return value.text()
