"""The partial credit rules of README.md, value by value."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from pydantic import ValidationError

from plugins.quiz.internal import marking
from plugins.quiz.internal.content import dump_content, even_weights, parse_content


def multiple(weights: list[str], **options: object) -> object:
    choices = [{"key": f"c{i}", "text_html": f"t{i}", "weight": w} for i, w in enumerate(weights)]
    return parse_content({"kind": "multiple", "choices": choices, **options})


def fraction(content: object, value: object) -> D | None:
    return marking.mark(content, {"value": value}).fraction


def order(rule: str) -> object:
    items = [{"key": key, "text_html": key} for key in "abcde"]
    return parse_content({"kind": "order", "items": items, "rule": rule})


@pytest.mark.parametrize(
    ("chosen", "expected", "state"),
    [
        ("c0", "1", "right"),
        ("c1", "0.3333333", "partial"),
        ("c2", "0", "wrong"),
        ("c3", "0", "wrong"),
    ],
)
def test_single_gives_the_weight_of_the_choice(chosen: str, expected: str, state: str) -> None:
    content = parse_content(
        {
            "kind": "single",
            "choices": [
                {"key": "c0", "text_html": "a", "weight": "100", "feedback_html": "yes"},
                {"key": "c1", "text_html": "b", "weight": "33.33333"},
                {"key": "c2", "text_html": "c", "weight": "0"},
                {"key": "c3", "text_html": "d", "weight": "-50"},
            ],
        }
    )
    verdict = marking.mark(content, {"value": chosen})
    assert (verdict.fraction, verdict.state) == (D(expected), state)
    assert verdict.feedback == (("yes",) if chosen == "c0" else ())


@pytest.mark.parametrize(
    ("weights", "chosen", "expected"),
    [
        (["33.33333", "33.33333", "33.33333", "-100"], ["c0", "c1", "c2"], "1"),
        (["33.33333", "33.33333", "33.33333", "-100"], ["c0", "c1"], "0.6666666"),
        (["33.33333", "33.33333", "33.33333", "-100"], ["c0", "c1", "c2", "c3"], "0"),
        (["50", "50", "-25", "-25"], ["c0", "c2"], "0.25"),
        (["50", "50", "-25", "-25"], ["c2", "c3"], "0"),
        (["100", "0"], ["c0", "c1"], "1"),
    ],
)
def test_multiple_adds_weights_and_never_goes_below_zero(
    weights: list[str], chosen: list[str], expected: str
) -> None:
    assert fraction(multiple(weights), chosen) == D(expected)


@pytest.mark.parametrize(
    ("chosen", "expected"), [(["c0", "c1"], 1), (["c0"], 0), (["c0", "c1", "c2"], 0)]
)
def test_multiple_all_or_nothing(chosen: list[str], expected: int) -> None:
    assert fraction(multiple(["50", "50", "0"], all_or_nothing=True), chosen) == D(expected)


def test_even_weights_add_up_exactly_and_ticking_everything_gives_nothing() -> None:
    weights = even_weights([True, True, True, False])
    assert weights == [D("33.33333"), D("33.33333"), D("33.33334"), D("-100.00000")]
    assert fraction(multiple([str(w) for w in weights]), ["c0", "c1", "c2", "c3"]) == 0
    assert even_weights([False, False]) == [D(0), D(0)]


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("13", "13"),
        ("13,05", "13.05"),
        (" 13.05 ", "13.05"),
        ("1 234,5", "1234.5"),
        ("1\u202f234,5", "1234.5"),
        ("1,234.5", "1234.5"),
        ("1.234,5", "1234.5"),
        ("\u22125", "-5"),
        ("+2", "2"),
        ("1,5e3", "1.5E+3"),
        (".5", "0.5"),
        ("12,", "12"),
        ("5\u00b2", None),
        ("1.2.3", None),
        ("1,2,3", None),
        ("NaN", None),
        ("Infinity", None),
        ("1e9999", None),
        ("douze", None),
        ("", None),
    ],
)
def test_numbers_are_read_as_people_write_them(typed: str, number: str | None) -> None:
    assert marking.parse_number(typed) == (None if number is None else D(number))


@pytest.mark.parametrize(
    ("typed", "expected", "feedback"),
    [
        ("12,9", "1", ()),
        ("13.1", "1", ()),
        ("12.89", "0.5", ("close",)),
        ("10", "0.5", ("close",)),
        ("9,99", "0", ("no",)),
        ("treize", "0", ()),
    ],
)
def test_numeric_takes_the_first_interval_that_holds_the_number(
    typed: str, expected: str, feedback: tuple[str, ...]
) -> None:
    content = parse_content(
        {
            "kind": "numeric",
            "answers": [
                {"value": "13", "tolerance": "0.1"},
                {"value": "13", "tolerance": "3", "weight": "50", "feedback_html": "close"},
                {"value": None, "weight": "0", "feedback_html": "no"},
            ],
        }
    )
    verdict = marking.mark(content, {"value": typed})
    assert (verdict.fraction, verdict.feedback) == (D(expected), feedback)


@pytest.mark.parametrize(
    ("options", "answer", "typed", "expected"),
    [
        ({}, {"text": "CAN"}, " can ", 1),
        ({"case_sensitive": True}, {"text": "CAN"}, "can", 0),
        ({"case_sensitive": True}, {"text": "CAN"}, "CAN", 1),
        ({}, {"text": "bus de  données"}, "Bus de données", 1),
        ({}, {"text": "été"}, "ete", 0),
        ({"fold_accents": True}, {"text": "été"}, "ete", 1),
        ({"fold_accents": True}, {"text": "cœur"}, "Coeur", 1),
        ({}, {"text": "e\u0301te\u0301"}, "été", 1),
        ({}, {"text": "l'eau"}, "l’eau", 1),
        ({}, {"text": "col*r", "wildcards": True}, "colour", 1),
        ({}, {"text": "col*r", "wildcards": True}, "colours", 0),
        ({}, {"text": "*", "wildcards": True}, "anything", 1),
        ({}, {"text": "col*r"}, "colour", 0),
        ({}, {"text": r"2\*3", "wildcards": True}, "2*3", 1),
        ({}, {"text": r"2\*3", "wildcards": True}, "2x3", 0),
    ],
)
def test_short_text(
    options: dict[str, bool], answer: dict[str, object], typed: str, expected: int
) -> None:
    content = parse_content({"kind": "short", "answers": [answer], **options})
    assert fraction(content, typed) == D(expected)


def test_short_text_wildcards_stay_fast_on_hostile_patterns() -> None:
    assert marking.wildcard_match("*a" * 50 + "b", "a" * 1000) is False
    assert marking.wildcard_match("*a" * 50, "a" * 1000) is True


@pytest.mark.parametrize(
    ("rule", "given", "expected"),
    [
        ("position", "abcde", "1"),
        ("position", "bacde", "0.6"),
        ("position", "bcdea", "0"),
        ("adjacent", "bcdea", "0.75"),
        ("adjacent", "abced", "0.5"),
        ("adjacent", "edcba", "0"),
        ("pairs", "bacde", "0.9"),
        ("pairs", "edcba", "0"),
        ("pairs", "bcdea", "0.6"),
        ("exact", "bacde", "0"),
        ("exact", "abcde", "1"),
    ],
)
def test_ordering_rules(rule: str, given: str, expected: str) -> None:
    assert fraction(order(rule), list(given)) == D(expected)


def test_match_counts_each_pair_and_distractors_are_wrong() -> None:
    content = parse_content(
        {
            "kind": "match",
            "pairs": [
                {"key": "p0", "left_html": "GET", "right": "read"},
                {"key": "p1", "left_html": "HEAD", "right": "read"},
                {"key": "p2", "left_html": "POST", "right": "create"},
            ],
            "distractors": [{"key": "d0", "text": "sing"}],
        }
    )
    assert content.options() == [("p0", "read"), ("p2", "create"), ("d0", "sing")]
    assert fraction(content, {"p0": "p0", "p1": "p0", "p2": "p2"}) == 1
    assert fraction(content, {"p0": "p0", "p2": "d0"}) == D("0.3333333")
    assert marking.is_answered(content, {"value": {"p0": ""}}) is False


def test_truefalse_feedback_belongs_to_the_response() -> None:
    content = parse_content(
        {
            "kind": "truefalse",
            "correct": False,
            "true_feedback_html": "T",
            "false_feedback_html": "F",
        }
    )
    assert marking.mark(content, {"value": "false"}) == marking.Verdict(D(1), ("F",))
    assert marking.mark(content, {"value": "true"}) == marking.Verdict(D(0), ("T",))


def test_essays_wait_for_a_person_unless_empty() -> None:
    content = parse_content({"kind": "essay"})
    assert marking.mark(content, {"value": "text"}).state == "waiting"
    assert marking.mark(content, None).fraction == 0
    assert marking.mark(content, {"value": ""}).fraction == 0


def test_rounding_is_half_up_and_a_third_three_times_is_everything() -> None:
    assert marking.share(D("99.99999")) == 1
    assert marking.share(D("99.98")) == D("0.9998")
    assert marking.score(D("0.6666666"), D("1.5")) == D("1.00000")
    assert marking.percent(D("7"), D("8")) == D("87.50")
    assert marking.percent(D("2"), D("3")) == D("66.67")
    assert marking.percent(D("1.005"), D("100")) == D("1.01")
    assert marking.percent(D(0), D(0)) == D("0.00")


@pytest.mark.parametrize(
    ("data", "raw", "message"),
    [
        ({"kind": "truefalse", "correct": True}, "maybe", "does not have"),
        ({"kind": "essay"}, ["a"], "a text is expected"),
        ({"kind": "essay"}, "x" * 100_001, "longer than 100000"),
        ({"kind": "description"}, "x", "nothing to answer"),
    ],
)
def test_responses_that_do_not_fit_are_refused(data: dict, raw: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        marking.clean_response(parse_content(data), {"value": raw})


def test_order_responses_hold_every_item_once() -> None:
    with pytest.raises(ValueError, match="every item once"):
        marking.clean_response(order("exact"), {"value": ["a", "a", "b", "c", "d"]})
    assert marking.clean_response(order("exact"), {"value": list("edcba")}) == {
        "value": list("edcba")
    }


@pytest.mark.parametrize(
    "data",
    [
        {
            "kind": "single",
            "choices": [{"key": "a", "text_html": "x"}, {"key": "b", "text_html": "y"}],
        },
        {"kind": "single", "choices": [{"key": "a", "text_html": "x", "weight": 100}]},
        {
            "kind": "multiple",
            "choices": [{"key": "a", "text_html": "x"}, {"key": "b", "text_html": "y"}],
        },
        {"kind": "numeric", "answers": [{"value": "NaN"}]},
        {
            "kind": "order",
            "items": [{"key": "a", "text_html": "x"}, {"key": "a", "text_html": "y"}],
        },
        {"kind": "cloze"},
    ],
)
def test_content_that_cannot_be_marked_is_refused(data: dict) -> None:
    with pytest.raises(ValidationError):
        parse_content(data)


def test_content_survives_json_exactly() -> None:
    content = multiple(["33.33333", "66.66667", "-12.5"])
    assert parse_content(dump_content(content)) == content
