"""Moodle XML: each trap with an own fixture."""

from __future__ import annotations

import base64
from decimal import Decimal as D

from plugins.quiz.internal.interchange import Kind, read
from plugins.quiz.internal.interchange.model import (
    Choice,
    ChoiceBody,
    EssayBody,
    MatchBody,
    NumericAnswer,
    NumericBody,
    OrderBody,
    Pair,
    ShortAnswer,
    ShortBody,
    TrueFalseBody,
)

PNG = b"\x89PNG\r\n\x1a\nxyz"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<quiz>\n'


def question(kind: str, inner: str, stem: str = "Stem", name: str = "Name", files: str = "") -> str:
    return (
        f'<question type="{kind}"><name><text>{name}</text></name><questiontext format="html">'
        f"<text><![CDATA[{stem}]]></text>{files}</questiontext>{inner}</question>\n"
    )


def quiz(*parts: str):  # type: ignore[no-untyped-def]
    return read((HEAD + "".join(parts) + "</quiz>").encode(), "bank.xml")


def only(*parts: str):  # type: ignore[no-untyped-def]
    result = quiz(*parts)
    assert result.rejected == 0, result.issues
    (kept,) = result.questions
    return kept


def answer(fraction: str, text: str, more: str = "") -> str:
    return f'<answer fraction="{fraction}"><text>{text}</text>{more}</answer>'


def test_categories_in_any_order() -> None:
    def category(path: str) -> str:
        return f'<question type="category"><category><text>{path}</text></category></question>'

    body = answer("100", "true") + answer("0", "false")
    result = quiz(
        question("truefalse", body, "a"),
        category("$course$/top/Réseaux/IP"),
        question("truefalse", body, "b"),
        category("$module$/top"),
        question("truefalse", body, "c"),
    )
    assert [q.category for q in result.questions] == ["", "Réseaux/IP", ""]
    assert result.present == 3


def test_multichoice_fractions_and_feedback() -> None:
    kept = only(
        question(
            "multichoice",
            "<single>false</single><shuffleanswers>0</shuffleanswers><defaultgrade>2.5000000</defaultgrade>"
            + answer("33.33333", "a", "<feedback format='html'><text>good</text></feedback>")
            + answer("66.66667", "b")
            + answer("-50", "&lt;b&gt;c&lt;/b&gt;")
            + "<idnumber>q&amp;1</idnumber><hint format='html'><text>h</text></hint>"
            + "<tags><tag><text>net</text></tag><tag><text>skill:IP</text></tag></tags>",
        )
    )
    assert kept.kind is Kind.MULTIPLE
    assert kept.body == ChoiceBody(
        (
            Choice("a", D("33.33333"), "good"),
            Choice("b", D("66.66667")),
            Choice("<b>c</b>", D(-50)),
        ),
        shuffle=False,
    )
    assert (kept.points, kept.source_id, kept.hints) == (D("2.5"), "q&1", ("h",))
    assert (kept.tags, kept.skills) == (("net",), ("IP",))


def test_truefalse_by_text_not_by_order() -> None:
    body = answer("0", "false", "<feedback><text>no</text></feedback>") + answer("100", "true")
    assert only(question("truefalse", body)).body == TrueFalseBody(True, "", "no")


def test_short_with_case_and_wildcards() -> None:
    body = "<usecase>1</usecase>" + answer("100", "Net*") + answer("50", "a\\*b")
    assert only(question("shortanswer", body)).body == ShortBody(
        (ShortAnswer("Net*", wildcards=True), ShortAnswer("a*b", D(50))), case_sensitive=True
    )


def test_numeric_tolerance_units_and_catch_all() -> None:
    result = quiz(
        question(
            "numerical",
            answer("100", "3,5", "<tolerance>0.25</tolerance>")
            + answer("0", "*", "<feedback><text>no</text></feedback>")
            + "<units><unit><multiplier>1</multiplier><unit_name>cm</unit_name></unit></units>",
        )
    )
    assert result.questions[0].body == NumericBody(
        (NumericAnswer(D("3.5"), D("0.25")), NumericAnswer(None, D(0), D(0), "no"))
    )
    assert [(i.code, i.params) for i in result.issues] == [("units_not_kept", {"units": "cm"})]


def test_matching_with_empty_stem_is_a_distractor() -> None:
    def sub(left: str, right: str) -> str:
        return f"<subquestion format='html'><text>{left}</text><answer><text>{right}</text></answer></subquestion>"

    body = sub("<![CDATA[<p>a</p>]]>", "1") + sub("b", "1") + sub("", "2") + sub("", "1")
    assert only(question("matching", body)).body == MatchBody(
        (Pair("<p>a</p>", "1"), Pair("b", "1")), ("2",)
    )


def test_essay_ordering_and_ignored_settings() -> None:
    result = quiz(
        question(
            "essay",
            "<responseformat>editor</responseformat><graderinfo format='html'><text>g</text></graderinfo>"
            "<responsetemplate format='html'><text>t</text></responsetemplate>",
        ),
        question("ordering", answer("2.0", "b") + answer("1.0", "a") + answer("10.0", "c")),
    )
    assert result.questions[0].body == EssayBody("g", "t")
    assert result.questions[1].body == OrderBody(("a", "b", "c"))
    assert [(i.code, i.params) for i in result.issues] == [
        ("settings_not_kept", {"names": "responseformat"})
    ]


def test_cloze_one_gap_becomes_a_question_with_a_blank() -> None:
    short = only(question("cloze", "", "Capital: {1:SHORTANSWER_C:=Paris~%50%paris#close}."))
    assert short.stem_html == "Capital: [[blank]]."
    assert short.body == ShortBody(
        (ShortAnswer("Paris"), ShortAnswer("paris", D(50), False, "close")), True
    )
    choice = only(question("multianswer", "", "{1:MULTICHOICE:=a~b#no} is"))
    assert choice.body == ChoiceBody((Choice("a", D(100)), Choice("b", D(0), "no")), False)
    number = only(question("multianswer", "", "{:NM:=5:0.5}"))
    assert number.body == NumericBody((NumericAnswer(D(5), D("0.5")),))


def test_cloze_several_choices_become_a_matching_question() -> None:
    result = quiz(question("multianswer", "", "{1:MC:=a~b} then {1:MC:=c~d}"))
    assert result.questions[0].stem_html == "(1) _____ then (2) _____"
    assert result.questions[0].body == MatchBody((Pair("(1)", "a"), Pair("(2)", "c")), ("b", "d"))
    assert [i.code for i in result.issues] == ["gaps_as_match"]


def test_cloze_that_cannot_be_mapped_is_an_error_with_its_reason() -> None:
    result = quiz(
        question("multianswer", "", "{1:SA:=a} {1:SA:=b}"),
        question("multianswer", "", "{1:WHATEVER:=a}"),
        question("multianswer", "", "{1:SA =a}"),
        question("multianswer", "", "nothing"),
    )
    assert [(i.code, i.line) for i in result.issues] == [
        ("cloze_several", 3),
        ("unsupported_type", 4),
        ("cloze_broken", 5),
        ("no_answers", 6),
    ]
    assert result.present == 4


def test_gapselect_and_ddwtos() -> None:
    options = "".join(
        f"<selectoption><text>{t}</text><group>{g}</group></selectoption>"
        for t, g in (("cat", 1), ("dog", 1), ("red", 2))
    )
    single = only(question("gapselect", options, "A [[2]] barks"))
    assert (single.kind, single.stem_html) == (Kind.SINGLE, "A [[blank]] barks")
    assert single.body == ChoiceBody((Choice("cat"), Choice("dog", D(100))), False)
    boxes = options.replace("selectoption", "dragbox")
    result = quiz(question("ddwtos", boxes, "A [[2]] and a [[1]]"))
    assert result.questions[0].body == MatchBody((Pair("(1)", "dog"), Pair("(2)", "cat")), ("red",))


def test_unsupported_types_are_listed_by_name() -> None:
    result = quiz(question("calculated", "", name="calc"), question("ddimageortext", ""))
    assert [(i.code, i.params["type"], i.title, i.line) for i in result.issues] == [
        ("unsupported_type", "calculated", "calc", 3),
        ("unsupported_type", "ddimageortext", "Name", 4),
    ]
    assert (result.questions, result.present) == ((), 2)


def test_images_from_the_file_data_addresses_and_the_network() -> None:
    encoded = base64.b64encode(PNG).decode()
    files = f'<file name="my pic.png" path="/" encoding="base64">{encoded}</file>'
    stem = (
        '<img src="@@PLUGINFILE@@/my%20pic.png" alt="pic"> '
        f'<img src="data:image/png;base64,{encoded}" alt="d"> '
        '<img src="https://elsewhere.example/x.png" alt="far"> <img src="@@PLUGINFILE@@/gone.png" alt="g"> '
        '<img src="data:image/svg+xml,%3Csvg/%3E" alt="s">'
    )
    body = answer("100", "true") + answer("0", "false")
    result = quiz(question("truefalse", body, stem, files=files))
    (kept,) = result.questions
    assert kept.stem_html == (
        '<img src="media:my_pic.png" alt="pic"> <img src="media:image.png" alt="d"> far g s'
    )
    assert [(m.name, m.mime, m.data) for m in kept.media] == [
        ("my_pic.png", "image/png", PNG),
        ("image.png", "image/png", PNG),
    ]
    assert [i.code for i in result.issues] == ["image_remote", "image_missing", "image_refused"]


def test_active_content_is_removed_and_said() -> None:
    body = answer("100", "true") + answer("0", "false")
    result = quiz(
        question(
            "truefalse", body, '<p onclick="x()">a<script>alert(1)</script></p><iframe></iframe>'
        )
    )
    assert result.questions[0].stem_html == "<p>a</p>"
    assert [(i.code, i.params) for i in result.issues] == [
        ("markup_removed", {"tags": "iframe, script"})
    ]


def test_a_broken_question_does_not_hide_the_others() -> None:
    body = answer("100", "true") + answer("0", "false")
    good = question("truefalse", body, "good")
    bad = '<question type="essay"><name><text>a &nbsp; b</text></name></question>\n'
    result = quiz(good, bad, good, '<question type="essay"><name></question>\n', good)
    assert [q.stem_html for q in result.questions] == ["good"] * 3
    assert [(i.code, i.line, i.params.get("column")) for i in result.issues] == [
        ("xml_broken", 4, "38"),
        ("xml_broken", 6, "32"),
    ]
    assert result.present == 5


def test_fraction_outside_the_range_is_an_error() -> None:
    result = quiz(question("multichoice", answer("150", "a") + answer("0", "b")))
    assert [(i.code, i.params) for i in result.issues] == [("bad_weight", {"value": "150"})]


def test_entities_and_document_types_are_refused() -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE quiz [<!ENTITY a "b">]><quiz>&a;</quiz>'
    assert [i.code for i in read(bomb.encode(), "x.xml").issues] == ["xml_refused"]
    external = '<!DOCTYPE quiz SYSTEM "file:///etc/passwd"><quiz/>'
    assert [i.code for i in read(external.encode(), "x.xml").issues] == ["xml_refused"]
    deep = "<quiz>" + "<a>" * 500 + "</a>" * 500 + "</quiz>"
    assert [i.code for i in read(deep.encode(), "x.xml").issues] == ["xml_too_deep"]
