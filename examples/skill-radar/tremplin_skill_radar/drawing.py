"""The geometry of a radar: one axis per skill, clockwise from the top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Literal

from tremplin_skill_radar.selectors import Level

WIDTH, HEIGHT, RADIUS = 480, 360, 120
RINGS = (25, 50, 75, 100)
FEWEST, MOST = 3, 12


@dataclass(frozen=True, slots=True)
class Axis:
    """The end of one axis and where its label stands."""

    x: str
    y: str
    label: str
    label_x: str
    label_y: str
    anchor: Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Radar:
    """A drawing in points of a 480 x 360 view; polygons are lists for the attribute ``points``."""

    rings: tuple[str, ...]
    axes: tuple[Axis, ...]
    shown: str
    wanted: str
    view_box: str = f"0 0 {WIDTH} {HEIGHT}"
    centre_x: str = str(WIDTH // 2)
    centre_y: str = str(HEIGHT // 2)


def radar(levels: Sequence[Level]) -> Radar | None:
    """Draw 3 to 12 skills; None otherwise, when only the table reads well."""
    count = len(levels)
    if not FEWEST <= count <= MOST:
        return None
    wanted = [level.target or 0 for level in levels]
    return Radar(
        rings=tuple(_polygon([ring] * count) for ring in RINGS),
        axes=tuple(_axis(level.label, index, count) for index, level in enumerate(levels)),
        shown=_polygon([level.percent for level in levels]),
        wanted=_polygon(wanted) if any(wanted) else "",
    )


def _place(percent: float, index: int, count: int) -> tuple[float, float]:
    angle = 2 * pi * index / count
    length = RADIUS * percent / 100
    return WIDTH / 2 + length * sin(angle), HEIGHT / 2 - length * cos(angle)


def _polygon(percents: Sequence[int]) -> str:
    places = (_place(value, index, len(percents)) for index, value in enumerate(percents))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _axis(label: str, index: int, count: int) -> Axis:
    x, y = _place(100, index, count)
    label_x, label_y = _place(112, index, count)
    side = label_x - WIDTH / 2
    anchor: Literal["start", "middle", "end"] = "middle"
    if abs(side) > 1:
        anchor = "start" if side > 0 else "end"
    short = label if len(label) <= 22 else f"{label[:21]}…"
    return Axis(f"{x:.1f}", f"{y:.1f}", short, f"{label_x:.1f}", f"{label_y + 4:.1f}", anchor)
