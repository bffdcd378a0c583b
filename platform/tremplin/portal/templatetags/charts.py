"""Charts drawn on the server: ``area_chart``, ``bar_chart`` and ``donut``.

Each is an SVG with ``role="img"`` and a table of the same numbers under it, so it works without
script, in print and with a screen reader. Colours come from the tokens ``--chart-1`` to ``--chart-5``.
"""

from __future__ import annotations

import itertools
from typing import Any, cast

from django import template
from django.utils.translation import gettext as _

from tremplin.portal import number_format
from tremplin.portal.chart_geometry import (
    PLOT_HEIGHT,
    ChartData,
    Scale,
    area_points,
    donut_arcs,
    make_scale,
    minor_labels,
    read_data,
)

register = template.Library()
# More labels than this touch each other even on a wide page.
MOST_LABELS = 15

_RENDER_KEY = "tremplin.portal.chart_ids"


def _next_id(context: template.Context) -> str:
    """Return an id that no other chart of this rendering has.

    ``id_prefix`` in the context keeps fragments loaded later apart from the page they join.
    """
    # The lowest layer is common to the page, its includes and its components.
    shared = cast("dict[Any, Any]", context.render_context.dicts[0])
    counter = shared.setdefault(_RENDER_KEY, itertools.count(1))
    prefix = context.get("id_prefix", "")
    return f"chart-{prefix}{'-' if prefix else ''}{next(counter)}"


def _text(value: float, unit: str) -> str:
    if unit == "%":
        return number_format.percent(value)
    plain = number_format.number(value)
    return f"{plain}{number_format.NO_BREAK}{unit}" if unit else plain


def _summary(data: ChartData, label: str, unit: str) -> str:
    """Return the spoken label: title, then the span of each series."""
    if not data.labels:
        return label
    spans = []
    for one in data.series:
        low, high = min(one.values), max(one.values)
        spans.append(
            _("%(name)s from %(low)s to %(high)s")
            % {"name": one.name, "low": _text(low, unit), "high": _text(high, unit)}
        )
    return f"{label}. {'. '.join(spans)}."


def _frame(context: template.Context, data: ChartData, label: str, unit: str) -> dict[str, Any]:
    scale = make_scale(data.values, whole=data.whole)
    ticks: list[dict[str, Any]] = [
        {"y": scale.y(tick), "text": _text(tick, unit), "base": tick == 0} for tick in scale.ticks
    ]
    return {
        "chart_id": _next_id(context),
        "label": label,
        "summary": _summary(data, label, unit),
        "height": PLOT_HEIGHT,
        "label_y": PLOT_HEIGHT + 22,
        "ticks": ticks,
        "wide": max((len(tick["text"]) for tick in ticks), default=0) > 5,
        "legend": data.series if len(data.series) > 1 else (),
        "columns": [one.name for one in data.series],
        "rows": [
            {"label": text, "values": [_text(one.values[index], unit) for one in data.series]}
            for index, text in enumerate(data.labels)
        ],
        "scale": scale,
    }


def _axis(data: ChartData, positions: list[float], *, edges: bool) -> list[dict[str, Any]]:
    minor = minor_labels(len(data.labels))
    last = len(data.labels) - 1
    return [
        {
            "x": positions[index],
            "text": text,
            "minor": minor[index],
            "anchor": "end" if edges and index == last and last else "middle",
        }
        for index, text in enumerate(data.labels)
        if not minor[index] or len(data.labels) <= MOST_LABELS
    ]


def _lines(data: ChartData, scale: Scale, unit: str) -> list[dict[str, Any]]:
    lines = []
    for one in data.series:
        points = area_points(one, scale)
        # The stretched inner drawing is 100 wide; only strokes keep their width.
        path = " ".join(f"{x},{y}" for x, y in points)
        base = scale.y(max(scale.low, 0.0))
        lines.append(
            {
                "slot": one.slot,
                "path": path,
                "area": f"{points[0][0]},{base} {path} {points[-1][0]},{base}" if points else "",
                "dots": [
                    {"x": x, "y": y, "title": f"{text} : {_text(value, unit)}"}
                    for (x, y), text, value in zip(points, data.labels, one.values, strict=True)
                ],
            }
        )
    return lines


@register.inclusion_tag("portal/partials/charts/area.html", takes_context=True)
def area_chart(
    context: template.Context, data: object, label: str, unit: str = "", name: str = ""
) -> dict[str, Any]:
    """Lines over a filled area. ``data``: see ``chart_geometry.read_data``; ``label``: its title.

    ``unit``: ``"%"`` or a short unit; ``name``: name of a single series (default: the label).
    """
    read = read_data(data, name or label)
    frame = _frame(context, read, label, unit)
    lines = _lines(read, frame["scale"], unit)
    positions = [dot["x"] for dot in lines[0]["dots"]] if read.labels else []
    return {**frame, "lines": lines, "axis": _axis(read, positions, edges=False)}


@register.inclusion_tag("portal/partials/charts/bar.html", takes_context=True)
def bar_chart(
    context: template.Context, data: object, label: str, unit: str = "", name: str = ""
) -> dict[str, Any]:
    """Upright bars, grouped when there are several series. Arguments as for ``area_chart``."""
    read = read_data(data, name or label)
    frame = _frame(context, read, label, unit)
    scale: Scale = frame["scale"]
    count, groups = len(read.labels), len(read.series)
    slot_width = 100 / count if count else 100.0
    width = slot_width * 0.64 / groups
    bars = []
    for position, one in enumerate(read.series):
        for index, value in enumerate(one.values):
            top, bottom = sorted((scale.y(value), scale.y(0.0)))
            left = index * slot_width + slot_width * 0.18 + position * width
            bars.append(
                {
                    "x": round(left, 3),
                    "width": round(width * (0.92 if groups > 1 else 1), 3),
                    "y": top,
                    "height": round(bottom - top, 2),
                    "slot": one.slot,
                    "title": f"{read.labels[index]} : {_text(value, unit)}",
                }
            )
    middles = [round((index + 0.5) * slot_width, 3) for index in range(count)]
    return {**frame, "bars": bars, "axis": _axis(read, middles, edges=False)}


@register.inclusion_tag("portal/partials/charts/donut.html", takes_context=True)
def donut(
    context: template.Context,
    data: object,
    label: str,
    total: object = None,
    centre: str = "",
    legend: bool = True,
) -> dict[str, Any]:
    """A ring. ``data``: a number out of ``total`` (a score), or ``(label, value)`` parts.

    ``centre``: text in the middle (default for a score: its percentage).
    """
    whole = number_format.to_decimal(total)
    single = number_format.to_decimal(data)
    limit = None if whole is None else float(whole)
    if single is not None:
        limit = 100.0 if limit is None else limit
        value = min(max(float(single), 0.0), limit)
        arcs = donut_arcs([(label, value)], limit)
        centre = centre or number_format.ratio(value / limit if limit else 0)
        texts = [f"{number_format.number(value)} / {number_format.number(limit)}"]
        spoken = f"{label}. {centre}"
    else:
        parts = read_data(data, label)
        arcs = donut_arcs(list(zip(parts.labels, parts.series[0].values, strict=True)), limit)
        texts = [number_format.number(arc.value) for arc in arcs]
        spoken = f"{label}. " + ", ".join(
            f"{arc.label} {text}" for arc, text in zip(arcs, texts, strict=True)
        )
    return {
        "chart_id": _next_id(context),
        "label": label,
        "summary": spoken,
        "single": single is not None,
        "centre": centre,
        "arcs": [
            {
                "slot": 0 if single is not None else arc.slot,
                # A rounded end would overlap its neighbour, so only a single arc has one.
                "dash": f"{arc.length} {round(100 - arc.length, 3)}",
                "offset": -arc.offset,
                "label": arc.label,
                "text": text,
                "empty": arc.length == 0,
            }
            for arc, text in zip(arcs, texts, strict=True)
        ],
        "legend": legend and single is None,
    }
