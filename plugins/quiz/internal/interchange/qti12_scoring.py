"""What the ``resprocessing`` of a QTI 1.2 item gives for each response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from .model import HUNDRED, ZERO
from .numbers_text import interval, number
from .xmltree import Node


@dataclass(slots=True)
class Condition:
    """A ``respcondition``: its condition, the score it sets or adds (None: none), its feedback links."""

    variables: Node
    score: Decimal | None
    adds: bool
    feedback: tuple[str, ...]


@dataclass(slots=True)
class Processing:
    """All conditions of an item and the score that counts as 100 %."""

    conditions: list[Condition] = field(default_factory=list)
    full: Decimal = HUNDRED

    def scored(self) -> list[Condition]:
        """The conditions that give points."""
        return [c for c in self.conditions if c.score is not None and c.score != 0]

    def share(self, condition: Condition) -> Decimal:
        """The score of a condition in percent, within -100 to 100."""
        value = (condition.score or ZERO) / self.full * HUNDRED
        return max(min(value, HUNDRED), -HUNDRED)


def processing(item: Node) -> Processing:
    """Read the response processing of an item."""
    result = Processing()
    maximum = ZERO
    for node in item.walk("decvar"):
        name = node.get("varname", "SCORE").upper()
        if name in {"SCORE", "QUE_SCORE"} and node.get("maxvalue"):
            maximum = max(maximum, number(node.get("maxvalue")))
    for node in item.walk("respcondition"):
        variables = node.first("conditionvar")
        if variables is None:
            continue
        score, adds = None, False
        for setter in node.elements("setvar"):
            if (
                setter.get("varname", "SCORE").upper() in {"SCORE", "QUE_SCORE"}
                and setter.text().strip()
            ):
                action = setter.get("action", "Set").lower()
                score = number(setter.text())
                adds = action in {"add", "subtract"}
                score = -score if action == "subtract" else score
        links = tuple(link.get("linkrefid") for link in node.elements("displayfeedback"))
        result.conditions.append(Condition(variables, score, adds, links))
    scores = [c.score for c in result.scored() if c.score is not None and c.score > 0]
    reached = (
        sum(scores, ZERO) if any(c.adds for c in result.scored()) else max(scores, default=ZERO)
    )
    # Some exporters declare 100 and set 1, or the reverse: what can be reached decides.
    result.full = reached or maximum or HUNDRED
    return result


def equalities(node: Node, negated: bool = False) -> Iterator[tuple[str, str, bool]]:
    """Every ``varequal`` inside: response ident, value, whether it is under a ``not``."""
    for child in node.elements():
        if child.name in {"varequal", "varsubstring"}:
            yield child.get("respident"), child.text().strip(), negated
        elif child.name == "not":
            yield from equalities(child, not negated)
        elif child.name in {"and", "or", "conditionvar"}:
            yield from equalities(child, negated)


def is_combined(node: Node) -> bool:
    """Whether a condition asks for several responses at once."""
    return any(child.name == "and" for child in node.walk()) or (
        sum(1 for child in node.elements("varequal")) > 1
    )


def intervals(node: Node) -> list[tuple[Decimal, Decimal]]:
    """The numbers a condition accepts as centres and half widths; equal exact and range are one."""
    ranges: list[tuple[Decimal, Decimal]] = []
    for parent in node.walk():
        low = next(parent.elements("vargte", "vargt"), None)
        high = next(parent.elements("varlte", "varlt"), None)
        if low is not None and high is not None:
            ranges.append(interval(number(low.text()), number(high.text())))
    exact = [(number(e.text()), ZERO) for e in node.walk("varequal")]
    inside = [
        (value, width)
        for value, width in exact
        if not any(abs(value - centre) <= half for centre, half in ranges)
    ]
    return ranges + inside
