"""Chart geometry and the SVG it gives: exact ticks, points, arcs, tables and ids."""

from __future__ import annotations

import pytest
from django.template import Context, engines
from django.utils import translation
from lxml import html

from tremplin.portal.chart_geometry import (
    Series,
    area_points,
    donut_arcs,
    make_scale,
    minor_labels,
    nice_step,
    read_data,
)

NARROW = "\u202f"


@pytest.mark.parametrize(
    ("span", "wanted", "step"),
    [
        (402, 5, 100),
        (343, 5, 100),
        (81, 5, 20),
        (10, 5, 2),
        (9, 5, 2),
        (0.7, 5, 0.2),
        (1000, 5, 200),
        (5, 5, 1),
    ],
)
def test_steps_are_one_two_or_five(span: float, wanted: int, step: float) -> None:
    assert nice_step(span, wanted) == pytest.approx(step)


@pytest.mark.parametrize(
    ("values", "low", "high", "ticks"),
    [
        ([121, 402], 0, 450, (0, 100, 200, 300, 400)),
        ([48, 81], 0, 90, (0, 20, 40, 60, 80)),
        ([100], 0, 100, (0, 20, 40, 60, 80, 100)),
        ([-30, 40], -30, 40, (-20, 0, 20, 40)),
        ([-3, -1], -3, 0, (-3, -2, -1, 0)),
        ([0, 0], 0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        ([], 0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1)),
    ],
)
def test_scale_is_tight_and_round(
    values: list[float], low: float, high: float, ticks: tuple[float, ...]
) -> None:
    scale = make_scale(values)
    assert (scale.low, scale.high, scale.ticks) == (low, high, ticks)


def test_counts_have_no_tick_between_whole_numbers() -> None:
    assert make_scale([1, 2], whole=True).ticks == (0, 1, 2)
    assert make_scale([1, 2], whole=False).ticks == (0, 0.5, 1, 1.5, 2)


def test_scale_places_its_ends() -> None:
    scale = make_scale([48, 81])
    assert (scale.y(0), scale.y(45), scale.y(90)) == (224, 112, 0)


def test_points_span_the_plot_and_one_value_is_centred() -> None:
    scale = make_scale([0, 50, 100])
    assert area_points(Series("a", (0, 50, 100), 1), scale) == [(0, 224), (50, 112), (100, 0)]
    assert area_points(Series("a", (100,), 1), scale) == [(50, 0)]


def test_narrow_charts_keep_about_six_labels_and_the_last() -> None:
    assert minor_labels(12) == [True, False] * 6
    assert minor_labels(5) == [False] * 5
    assert minor_labels(0) == []


def test_arcs_fill_the_turn() -> None:
    arcs = donut_arcs([("a", 68), ("b", 14), ("c", 18)])
    assert [(arc.length, arc.offset) for arc in arcs] == [(68, 0), (14, 68), (18, 82)]
    assert [(arc.length, arc.offset) for arc in donut_arcs([("a", 1)], 4)] == [(25, 0)]
    assert [arc.length for arc in donut_arcs([("a", 0), ("b", 0)])] == [0, 0]


def test_data_is_read_in_three_shapes() -> None:
    pairs = read_data([("a", 1), ("b", "2.5")], "n")
    assert pairs == read_data({"a": 1, "b": 2.5}, "n")
    assert pairs == read_data(
        {"labels": ["a", "b"], "series": [{"name": "n", "values": [1, 2.5]}]}, ""
    )
    assert (pairs.labels, pairs.series[0].values, pairs.whole) == (("a", "b"), (1.0, 2.5), False)
    assert read_data(None, "n").labels == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([("a", "x")], "which is not a number"),
        ([("a", float("nan"))], "which is not a number"),
        ({"labels": ["a"], "series": [{"name": "n", "values": [1, 2]}]}, "2 values for 1 labels"),
        (
            {"labels": [], "series": [{"name": str(i), "values": []} for i in range(6)]},
            "at most 5 series",
        ),
    ],
)
def test_bad_data_is_refused(data: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_data(data, "n")


@pytest.mark.parametrize(
    ("pairs", "total", "message"),
    [([("a", -1)], None, "negative part"), ([("a", 5)], 4, "larger than the whole")],
)
def test_impossible_rings_are_refused(
    pairs: list[tuple[str, float]], total: float | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        donut_arcs(pairs, total)


def draw(source: str, language: str = "fr", **context: object) -> html.HtmlElement:
    with translation.override(language):
        template = engines["django"].from_string(source).template
        return html.fromstring(f"<div>{template.render(Context(context))}</div>")


def test_area_chart_draws_points_ticks_and_table() -> None:
    page = draw('{% area_chart data "Sessions" %}', data=[("déc.", 121), ("janv.", 402)])
    svg = page.xpath("//svg[@role='img']")[0]
    assert svg.get("aria-label") == "Sessions. Sessions de 121 à 402."
    assert page.xpath("//polyline/@points") == ["0.0,163.77 100.0,23.89"]
    assert page.xpath("//polygon/@points") == ["0.0,224.0 0.0,163.77 100.0,23.89 100.0,224.0"]
    assert page.xpath("//circle/@cx") == ["0.0%", "100.0%"]
    texts = page.xpath("//text[@text-anchor='end']/text()")
    assert texts == ["0", "100", "200", "300", "400"]
    rows = [row.xpath("string()") for row in page.xpath("//tbody/tr")]
    assert rows == ["déc.121", "janv.402"]
    assert page.xpath("//polygon/@fill") == [
        f"url(#{page.xpath('//lineargradient/@id | //linearGradient/@id')[0]})"
    ]


def test_bar_chart_formats_percentages_by_language() -> None:
    data = {
        "labels": ["Batterie"],
        "series": [{"name": "A", "values": [62.5]}, {"name": "B", "values": [78]}],
    }
    french = draw('{% bar_chart data "Score" "%" %}', data=data)
    assert [cell.text for cell in french.xpath("//td")] == [f"62,5{NARROW}%", f"78{NARROW}%"]
    assert french.xpath("//rect/@x") == ["18.0%", "50.0%"]
    assert french.xpath("//rect/@y") == ["49.0", "5.6"]
    assert french.xpath("//rect/@height") == ["175.0", "218.4"]
    english = draw('{% bar_chart data "Score" "%" %}', "en", data=data)
    assert [cell.text for cell in english.xpath("//td")] == ["62.5%", "78%"]
    assert [item.text_content() for item in english.xpath("//ul[@class='graph-legend']/li")] == [
        "A",
        "B",
    ]


def test_score_ring_shows_its_share() -> None:
    page = draw('{% donut 7 "Clarté" 10 %}')
    assert page.xpath("//text/text()") == [f"70{NARROW}%"]
    assert page.xpath("//circle[contains(@class,'donut-arc')]/@stroke-dasharray") == ["70.0 30.0"]
    assert page.xpath("//svg/@aria-label") == [f"Clarté. 70{NARROW}%"]


def test_parts_ring_lists_each_part() -> None:
    page = draw(
        '{% donut data "Réponses" %}', data=[("Justes", 68), ("Fausses", 0), ("Autres", 32)]
    )
    assert page.xpath("//svg/@aria-label") == ["Réponses. Justes 68, Fausses 0, Autres 32"]
    assert len(page.xpath("//circle[contains(@class,'donut-arc')]")) == 2
    assert [item.xpath("string()") for item in page.xpath("//li")] == [
        "Justes68",
        "Fausses0",
        "Autres32",
    ]


def test_two_charts_of_a_page_never_share_an_id() -> None:
    source = '{% area_chart data "A" %}{% area_chart data "B" %}'
    ids = draw(source, data=[("a", 1), ("b", 2)]).xpath("//@id")
    assert ids == ["chart-1-g1", "chart-2-g1"]
    fragment = draw('{% area_chart data "A" %}', data=[("a", 1), ("b", 2)], id_prefix="quiz")
    assert fragment.xpath("//@id") == ["chart-quiz-1-g1"]


def test_labels_are_escaped() -> None:
    page = draw("{% area_chart data title %}", data=[("<b>x</b>", 1), ("y", 2)], title='"><script>')
    assert page.xpath("//script | //b") == []
    assert page.xpath("//tbody/tr[1]/th/text()") == ["<b>x</b>"]


def test_empty_chart_still_draws_its_frame() -> None:
    page = draw('{% area_chart data "Sessions" %}', data=[])
    assert page.xpath("//svg[@role='img']/@aria-label") == ["Sessions"]
    assert page.xpath("//polyline") == []
    assert page.xpath("//tbody/tr") == []
