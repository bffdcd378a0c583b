"""How the values of several plans and grants make one."""

from __future__ import annotations

from typing import Any

import pytest

from tremplin.api.manifest import Text
from tremplin.licensing.compiling import Meter, Source, combine
from tremplin.licensing.features import Feature, Kind


def feature(kind: Kind, default: Any = None) -> Feature:
    return Feature("x.y", kind, Text(en="X", fr="X"), default=default)


@pytest.mark.parametrize(
    ("kind", "default", "values", "expected"),
    [
        ("switch", False, [], False),
        ("switch", False, [False, True], True),
        ("limit", 1, [], 1),
        ("limit", 1, [2, 5], 5),
        ("limit", 1, [2, None], None),
        ("seat", 0, [100, 20], 120),
        ("seat", 0, [100, None], None),
        ("config", "short", [], "short"),
    ],
)
def test_values(kind: Kind, default: Any, values: list[Any], expected: Any) -> None:
    sources = [Source("x.y", value) for value in values]
    assert combine(feature(kind, default), sources).value == expected


def test_a_grant_wins_over_the_plan_for_a_variant() -> None:
    sources = [Source("x.y", "short"), Source("x.y", "full", priority=1)]
    assert combine(feature("config"), sources).value == "full"


def test_meters_are_summed_per_scope_and_the_space_comes_first() -> None:
    found = combine(
        feature("metered", 0),
        [
            Source("x.y", 30, reset="month", scope="user"),
            Source("x.y", 500, reset="month", scope="tenant"),
            Source("x.y", 20, reset="month", scope="tenant"),
            Source("x.y", 50, is_top_up=True, priority=1),
        ],
    )
    assert found.meters == (
        Meter("tenant", "month", 520, 520, None, 50),
        Meter("user", "month", 30, 30, None, 0),
    )


@pytest.mark.parametrize(
    ("source", "maximum", "stop"),
    [
        (Source("x.y", 100), 100, 100),
        (Source("x.y", 100, overage="allow"), 100, None),
        (Source("x.y", 100, overage="grace", overage_percent=10), 100, 110),
        (
            Source("x.y", 100, overage="bill", overage_unit_minor=50, overage_cap_minor=1049),
            100,
            120,
        ),
        (Source("x.y", 100, overage="bill", overage_unit_minor=50), 100, 100),
        (Source("x.y", None), None, None),
    ],
)
def test_where_a_meter_stops(source: Source, maximum: int | None, stop: int | None) -> None:
    (meter,) = combine(feature("metered", 0), [source]).meters
    assert (meter.maximum, meter.stop) == (maximum, stop)


def test_nothing_declared_is_nothing_allowed() -> None:
    assert combine(feature("metered", 0), []).meters == ()
    assert combine(feature("metered", 3), []).meters == (Meter("tenant", "month", 3, 3),)
