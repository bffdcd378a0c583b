"""Item statistics against values computed by hand."""

from __future__ import annotations

from decimal import Decimal as D

from plugins.quiz.internal import statistics as st

# Ten people, four items worth one point: total is the row sum.
TABLE = [
    [1, 1, 1, 1],
    [1, 1, 1, 0],
    [1, 1, 0, 1],
    [1, 1, 1, 0],
    [1, 0, 1, 0],
    [1, 1, 0, 0],
    [1, 0, 0, 1],
    [1, 0, 0, 0],
    [1, 0, 0, 0],
    [0, 0, 0, 1],
]
TOTALS = [D(sum(row)) for row in TABLE]


def column(index: int) -> list[D]:
    return [D(row[index]) for row in TABLE]


def test_facility_is_the_mean_fraction() -> None:
    assert [st.facility(column(i)) for i in range(4)] == [D("0.9"), D("0.5"), D("0.4"), D("0.4")]


def test_discrimination_compares_the_outer_27_percent() -> None:
    # ceil(0.27 * 10) = 3. Best three: total 4, then two of the three people with 3 (tie shared).
    # Item 2: best (1 + 1 + 1) / 3 = 1; weakest three all have total 1 and none right: D = 1.
    assert st.discrimination(column(1), TOTALS) == 1
    # Item 4: best (1 + 1/3 + 1/3) / 3 = 5/9, weakest 1/3: D = 2/9.
    assert st.item_figures(column(3), [D(1)] * 10, TOTALS).discrimination == D("0.2222")


def test_correlation_leaves_the_item_out_of_the_total() -> None:
    # Item 2: rest = 3 2 2 2 2 1 2 1 1 1 (mean 1.7), item mean 0.5.
    # product = 0.5*(3+2+2+2+1-5*1.7) - 0.5*(2+2+1+1+1-5*1.7) = 0.5*1.5 + 0.5*1.5 = 1.5
    # spreads: item 2.5; rest 33 - 10*1.7^2 = 4.1; r = 1.5 / sqrt(10.25) = 0.468521
    figures = st.item_figures(column(1), [D(1)] * 10, TOTALS)
    assert figures.correlation == D("0.4685")
    # Item 4: rest = 3 3 2 3 2 2 1 1 1 0; product = 0.6*(6-7.2) - 0.4*(12-10.8) = -1.2
    # spreads: item 2.4, rest 42 - 10*1.8^2 = 9.6; r = -1.2 / sqrt(23.04) = -0.25
    assert st.item_figures(column(3), [D(1)] * 10, TOTALS).correlation == D("-0.25")


def test_figures_do_not_depend_on_the_order_of_people() -> None:
    forward = st.item_figures(column(3), [D(1)] * 10, TOTALS)
    backward = st.item_figures(column(3)[::-1], [D(1)] * 10, TOTALS[::-1])
    assert forward == backward


def test_without_variance_there_is_no_correlation() -> None:
    assert st.correlation([D(1), D(1)], [D(2), D(1)]) is None
    assert st.item_figures([D(1)], [D(1)], [D(1)]) == st.ItemFigures(1, D("1.0000"), None, None)


def test_alerts_name_what_to_look_at_and_need_ten_people() -> None:
    def of(facility: str, r: str | None, people: int = 10) -> list[str]:
        figures = st.ItemFigures(people, D(facility), None, None if r is None else D(r))
        return st.alerts(figures, low=D("0.3"), high=D("0.95"))

    assert of("0.29", "0.5") == ["too_hard"]
    assert of("0.96", "0.19") == ["too_easy", "weak"]
    assert of("0.5", "-0.01") == ["check_key"]
    assert of("0.5", "0.2") == []
    assert of("0.95", None) == []
    assert of("0.1", "-0.5", people=9) == []
