"""One measured number, and how a list of them is shown to people or to a program."""

from __future__ import annotations

import json
from dataclasses import dataclass

KEYS = ("name", "value", "unit", "baseline", "ratio", "target", "holds")


@dataclass(frozen=True, slots=True)
class Measure:
    """A number, what it is compared with in the same run, and whether its target holds.

    ``value`` and ``baseline`` are in ``unit``; ``ratio`` is a pure number whose direction the name
    tells ("times faster"); ``target`` is the sentence to hold, such as ``<= 5 s``; ``holds`` is
    None without a target.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    target: str | None = None
    holds: bool | None = None

    def as_json(self) -> str:
        """One line of JSON with exactly the seven keys."""
        values = {key: getattr(self, key) for key in KEYS}
        return json.dumps(
            {k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()},
            ensure_ascii=False,
        )

    def as_row(self) -> list[str]:
        """Cells of the table for people, in the order of the keys."""
        return [
            self.name,
            _number(self.value),
            self.unit,
            _number(self.baseline),
            _number(self.ratio),
            self.target or "",
            {True: "yes", False: "NO", None: ""}[self.holds],
        ]


def at_most(name: str, value: float, unit: str, limit: float) -> Measure:
    """A measure that must not exceed ``limit`` (in ``unit``)."""
    return Measure(name, value, unit, target=f"<= {limit:g} {unit}", holds=value <= limit)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
