"""Geometry of the server-side charts: scales with round ticks, points and arcs as plain numbers.

Horizontal positions are percentages of the plot, vertical ones pixels, so that a chart keeps its
text size at every width and needs no script.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tremplin.portal import number_format

PLOT_HEIGHT = 224
MAX_SERIES = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """A vertical scale from ``low`` to ``high`` with one grid line per tick."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def y(self, value: float) -> float:
        """Return the vertical position of ``value`` in pixels from the top of the plot."""
        share = (value - self.low) / (self.high - self.low)
        return round(PLOT_HEIGHT * (1 - share), 2)


def nice_step(span: float, wanted: int) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten giving at most ``wanted`` intervals."""
    raw = span / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    for factor in (1, 2, 5, 10):
        step = factor * power
        if span / step <= wanted + 1e-9:
            return step
    return 10 * power


def make_scale(values: Iterable[float], *, intervals: int = 5, whole: bool = False) -> Scale:
    """Return a tight scale holding zero and every value, ticks on multiples of 1, 2 or 5.

    The ends are rounded to half a step, so at most a tenth of the plot stays empty. ``intervals``: most intervals between ticks. ``whole``: counts, so no tick between integers.
    """
    known = list(values)
    high = max([0.0, *known])
    low = min([0.0, *known])
    if high == low:
        high = low + 1
    step = nice_step(high - low, intervals)
    if whole:
        step = max(1.0, step)
    half = step / 2
    bottom = round(math.floor(low / half + 1e-9) * half, 10)
    top = round(math.ceil(high / half - 1e-9) * half, 10)
    first = math.ceil(bottom / step - 1e-9)
    last = math.floor(top / step + 1e-9)
    ticks = tuple(round(index * step, 10) for index in range(first, last + 1))
    return Scale(bottom, top, ticks)


@dataclass(frozen=True, slots=True)
class Series:
    """One named line or set of bars; ``slot`` 1 to 5 picks the colour ``--chart-<slot>``."""

    name: str
    values: tuple[float, ...]
    slot: int


@dataclass(frozen=True, slots=True)
class ChartData:
    """Labels of the horizontal axis and one or more series of the same length."""

    labels: tuple[str, ...]
    series: tuple[Series, ...]

    @property
    def values(self) -> list[float]:
        return [value for one in self.series for value in one.values]

    @property
    def whole(self) -> bool:
        """Whether every value is a whole number (counts)."""
        return all(float(value).is_integer() for value in self.values)


def read_data(data: object, name: str) -> ChartData:
    """Read what a template gave.

    ``data``: a sequence of ``(label, value)``, a mapping label → value, or a mapping with ``labels``
    and ``series`` (a list of ``{"name", "values"}``, at most five). ``name`` is used for a single
    series. Raises ValueError when lengths differ or a value is not a number.
    """
    if isinstance(data, Mapping) and "series" in data:
        labels = tuple(str(label) for label in data["labels"])
        raw = [(str(one["name"]), list(one["values"])) for one in data["series"]]
    else:
        pairs: Sequence[tuple[object, object]]
        pairs = list(data.items()) if isinstance(data, Mapping) else list(data or ())  # type: ignore[call-overload]
        labels = tuple(str(label) for label, _value in pairs)
        raw = [(name, [value for _label, value in pairs])]
    if len(raw) > MAX_SERIES:
        raise ValueError(f"A chart shows at most {MAX_SERIES} series, {len(raw)} were given.")
    series = []
    for slot, (title, values) in enumerate(raw, start=1):
        if len(values) != len(labels):
            raise ValueError(f'Series "{title}" has {len(values)} values for {len(labels)} labels.')
        numbers = []
        for value in values:
            amount = number_format.to_decimal(value)
            if amount is None:
                raise ValueError(f'Series "{title}" holds {value!r}, which is not a number.')
            numbers.append(float(amount))
        series.append(Series(title, tuple(numbers), slot))
    return ChartData(labels, tuple(series))


def area_points(series: Series, scale: Scale) -> list[tuple[float, float]]:
    """Return ``(x in percent, y in pixels)`` of each value, the first at 0 and the last at 100."""
    last = len(series.values) - 1
    return [
        (round(100 * index / last, 3) if last else 50.0, scale.y(value))
        for index, value in enumerate(series.values)
    ]


def minor_labels(count: int, most: int = 6) -> list[bool]:
    """Return which labels a narrow chart drops: all but about ``most``, counted from the end."""
    every = max(1, math.ceil(count / most))
    return [(count - 1 - index) % every != 0 for index in range(count)]


@dataclass(frozen=True, slots=True)
class Arc:
    """A piece of a ring: ``length`` and ``offset`` in percent of the whole turn."""

    label: str
    value: float
    length: float
    offset: float
    slot: int


def donut_arcs(pairs: Sequence[tuple[str, float]], total: float | None = None) -> list[Arc]:
    """Return the arcs of ``(label, value)``; ``total`` defaults to their sum.

    Raises ValueError on a negative value, on more than five parts or on parts above ``total``.
    """
    if len(pairs) > MAX_SERIES:
        raise ValueError(f"A ring shows at most {MAX_SERIES} parts, {len(pairs)} were given.")
    if any(value < 0 for _label, value in pairs):
        raise ValueError("A ring cannot show a negative part.")
    parts = sum(value for _label, value in pairs)
    whole = parts if total is None else total
    if parts > whole:
        raise ValueError("The parts of a ring are larger than the whole.")
    arcs, offset = [], 0.0
    for slot, (label, value) in enumerate(pairs, start=1):
        length = round(100 * value / whole, 3) if whole else 0.0
        arcs.append(Arc(label, value, length, round(offset, 3), slot))
        offset += length
    return arcs
