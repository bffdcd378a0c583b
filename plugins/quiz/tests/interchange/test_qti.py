"""QTI 1.2, 2.x and 3.0: own items of the shapes found in the wild, and hostile packages."""

from __future__ import annotations

import io
import stat
import zipfile
from decimal import Decimal as D

import pytest

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
NS2 = "http://www.imsglobal.org/xsd/imsqti_v2p2"
TEMPLATES = "http://www.imsglobal.org/question/qti_v2p2/rptemplates"


def package(files: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def item2(declaration: str, body: str, processing: str = "", attributes: str = "") -> str:
    return (
        f'<assessmentItem xmlns="{NS2}" identifier="i1" title="T" adaptive="false" {attributes}>'
        f"{declaration}<itemBody>{body}</itemBody>{processing}</assessmentItem>"
    )


def declared(base: str, cardinality: str, correct: list[str], mapping: str = "") -> str:
    values = "".join(f"<value>{value}</value>" for value in correct)
    return (
        f'<responseDeclaration identifier="RESPONSE" cardinality="{cardinality}" baseType="{base}">'
        f"<correctResponse>{values}</correctResponse>{mapping}</responseDeclaration>"
    )


def template(name: str) -> str:
    return f'<responseProcessing template="{TEMPLATES}/{name}"/>'


def choices(limit: int, shuffle: str = "true", fixed: str = "") -> str:
    return (
        f'<p>Stem</p><choiceInteraction responseIdentifier="RESPONSE" maxChoices="{limit}" shuffle="{shuffle}">'
        f'<prompt>Prompt</prompt><simpleChoice identifier="a"{fixed}>A</simpleChoice>'
        '<simpleChoice identifier="b">B</simpleChoice><simpleChoice identifier="c">C</simpleChoice></choiceInteraction>'
    )


def only(text: str):  # type: ignore[no-untyped-def]
    result = read(text.encode(), "item.xml")
    assert result.rejected == 0, result.issues
    return result.questions[0], [issue.code for issue in result.issues]


def weights(question) -> list[D]:  # type: ignore[no-untyped-def]
    return [choice.weight for choice in question.body.choices]


def test_match_correct_single() -> None:
    question, codes = only(
        item2(declared("identifier", "single", ["b"]), choices(1), template("match_correct"))
    )
    assert (question.kind, question.stem_html) == (Kind.SINGLE, "<p>Stem</p><div>Prompt</div>")
    assert (weights(question), question.body.shuffle, codes) == ([D(0), D(100), D(0)], True, [])
    assert question.source_id == "i1"


def test_match_correct_multiple_is_all_or_nothing() -> None:
    text = item2(
        declared("identifier", "multiple", ["a", "b"]), choices(0), template("match_correct.xml")
    )
    question, codes = only(text)
    assert (weights(question), codes) == ([D(50), D(50), D(-100)], ["all_or_nothing"])


def test_map_response_scales_to_the_points() -> None:
    mapping = (
        '<mapping defaultValue="0"><mapEntry mapKey="a" mappedValue="2"/>'
        '<mapEntry mapKey="b" mappedValue="1"/><mapEntry mapKey="c" mappedValue="-1"/></mapping>'
    )
    question, codes = only(
        item2(
            declared("identifier", "multiple", ["a", "b"], mapping),
            choices(0),
            template("map_response"),
        )
    )
    assert weights(question) == [D("66.6666667"), D("33.3333333"), D("-33.3333333")]
    assert (question.points, codes) == (D(3), [])


def test_processing_without_score_falls_back_and_says_so() -> None:
    processing = (
        "<responseProcessing><responseCondition><responseIf><match><variable identifier='RESPONSE'/>"
        "<correct identifier='RESPONSE'/></match></responseIf></responseCondition></responseProcessing>"
    )
    question, codes = only(item2(declared("identifier", "single", ["c"]), choices(1), processing))
    assert (weights(question), codes) == ([D(0), D(0), D(100)], ["scoring_fallback"])


def test_fixed_choices() -> None:
    text = item2(
        declared("identifier", "single", ["a"]),
        choices(1, fixed=' fixed="true"'),
        template("match_correct"),
    )
    question, codes = only(text)
    assert (question.body.shuffle, codes) == (False, ["fixed_choices_lost"])


def test_text_entry_float_is_numeric_with_its_blank() -> None:
    body = '<p>Pi is <textEntryInteraction responseIdentifier="RESPONSE"/>.</p>'
    question, codes = only(
        item2(declared("float", "single", ["3.14"]), body, template("match_correct"))
    )
    assert question.stem_html == "<p>Pi is [[blank]].</p>"
    assert question.body == NumericBody((NumericAnswer(D("3.14")),))
    processing = (
        "<responseProcessing><responseCondition><responseIf><equal toleranceMode='absolute' tolerance='0.1 0.3'>"
        "<variable identifier='RESPONSE'/><baseValue baseType='float'>3</baseValue></equal><setOutcomeValue "
        "identifier='SCORE'><baseValue baseType='float'>1</baseValue></setOutcomeValue></responseIf>"
        "</responseCondition></responseProcessing>"
    )
    question, codes = only(item2(declared("float", "single", ["3"]), body, processing))
    assert question.body.answers[0].bounds == (D("2.9"), D("3.3"))


def test_text_entry_string_by_mapping() -> None:
    mapping = (
        '<mapping><mapEntry mapKey="York" mappedValue="2" caseSensitive="false"/>'
        '<mapEntry mapKey="york city" mappedValue="1" caseSensitive="false"/></mapping>'
    )
    body = '<p>Where?</p><p><textEntryInteraction responseIdentifier="RESPONSE"/></p>'
    question, _ = only(
        item2(declared("string", "single", ["York"], mapping), body, template("map_response"))
    )
    assert question.stem_html == "<p>Where?</p>"
    assert question.body == ShortBody((ShortAnswer("York"), ShortAnswer("york city", D(50))))


def test_order_match_and_essay() -> None:
    order = (
        '<orderInteraction responseIdentifier="RESPONSE"><prompt>Sort</prompt>'
        '<simpleChoice identifier="a">A</simpleChoice><simpleChoice identifier="b">B</simpleChoice></orderInteraction>'
    )
    question, _ = only(
        item2(declared("identifier", "ordered", ["b", "a"]), order, template("match_correct"))
    )
    assert (question.stem_html, question.body) == ("<div>Sort</div>", OrderBody(("B", "A")))
    match = (
        '<p>M</p><matchInteraction responseIdentifier="RESPONSE" shuffle="true"><simpleMatchSet>'
        '<simpleAssociableChoice identifier="l1" matchMax="1">x</simpleAssociableChoice></simpleMatchSet><simpleMatchSet>'
        '<simpleAssociableChoice identifier="r1" matchMax="1">1</simpleAssociableChoice>'
        '<simpleAssociableChoice identifier="r2" matchMax="1">2</simpleAssociableChoice></simpleMatchSet></matchInteraction>'
    )
    question, _ = only(
        item2(declared("directedPair", "multiple", ["l1 r2"]), match, template("match_correct"))
    )
    assert question.body == MatchBody((Pair("x", "2"),), ("1",))
    essay = '<p>Write</p><extendedTextInteraction responseIdentifier="RESPONSE"/>'
    question, codes = only(item2(declared("string", "single", []), essay))
    assert (question.body, codes) == (EssayBody(), [])


def test_inline_choices() -> None:
    def inline(n: int) -> str:
        return (
            f'<inlineChoiceInteraction responseIdentifier="R{n}"><inlineChoice identifier="a">x</inlineChoice>'
            '<inlineChoice identifier="b">y</inlineChoice></inlineChoiceInteraction>'
        )

    declarations = declared("identifier", "single", ["a"]).replace("RESPONSE", "R1")
    declarations += declared("identifier", "single", ["b"]).replace("RESPONSE", "R2")
    question, codes = only(item2(declarations, f"<p>{inline(1)} and {inline(2)}</p>"))
    assert question.stem_html == "<p>(1) _____ and (2) _____</p>"
    assert question.body == MatchBody((Pair("(1)", "x"), Pair("(2)", "y")))
    assert codes == ["gaps_as_match"]


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        (item2("", "<p>a</p><hottextInteraction responseIdentifier='R'/>"), "qti_no_interaction_support", "hottextInteraction"),
        (item2("", choices(1) + choices(1)), "qti_several_interactions", "choiceInteraction"),
        (item2("", choices(1)).replace('adaptive="false"', 'adaptive="true"'), "qti_adaptive", ""),
        (item2("<templateDeclaration identifier='x'/>", choices(1)), "qti_template", ""),
        (item2("", choices(1)), "qti_no_key", ""),
    ],
)  # fmt: skip
def test_unsupported_items_are_named(text: str, code: str, named: str) -> None:
    result = read(text.encode(), "item.xml")
    assert [(i.code, i.params.get("type", ""), i.rejects_question) for i in result.issues] == [
        (code, named, True)
    ]


def test_mathml_is_kept() -> None:
    math = '<m:math xmlns:m="http://www.w3.org/1998/Math/MathML"><m:mi>x</m:mi></m:math>'
    question, _ = only(item2("", f"<p>{math}</p>"))
    assert (question.kind, question.stem_html) == (
        Kind.DESCRIPTION,
        "<p><math><mi>x</mi></math></p>",
    )


def test_qti3_package_with_stimulus_image_pci_and_missing_file() -> None:
    ns = 'xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0"'
    good = (
        f'<qti-assessment-item {ns} identifier="q1" title="One" data-x="y">'
        '<qti-response-declaration identifier="RESPONSE" cardinality="single" base-type="identifier">'
        "<qti-correct-response><qti-value>true</qti-value></qti-correct-response></qti-response-declaration>"
        '<qti-assessment-stimulus-ref identifier="s" href="../shared/s.xml"/>'
        '<qti-item-body><p>Look <img src="../img/a.png" alt="a"/></p><qti-choice-interaction response-identifier="RESPONSE">'
        '<qti-simple-choice identifier="true">True</qti-simple-choice><qti-simple-choice identifier="false">False'
        "</qti-simple-choice></qti-choice-interaction></qti-item-body>"
        '<qti-response-processing template="https://x.example/rptemplates/match_correct.xml"/></qti-assessment-item>'
    )
    pci = (
        f'<qti-assessment-item {ns} identifier="q2" title="Two"><qti-item-body>'
        '<qti-portable-custom-interaction response-identifier="R"/></qti-item-body></qti-assessment-item>'
    )
    stimulus = f"<qti-assessment-stimulus {ns}><qti-stimulus-body><p>Shared</p></qti-stimulus-body></qti-assessment-stimulus>"

    def resource(name: str) -> str:
        return f'<resource identifier="{name}" type="imsqti_item_xmlv3p0" href="items/{name}.xml"/>'

    result = read(
        package(
            {
                "imsmanifest.xml": f"<manifest><resources>{resource('q1')}{resource('q2')}{resource('gone')}</resources></manifest>",
                "items/q1.xml": good,
                "items/q2.xml": pci,
                "shared/s.xml": stimulus,
                "img/a.png": PNG,
            }
        ),
        "bank.zip",
    )
    (question,) = result.questions
    assert result.format == "qti3"
    assert question.body == TrueFalseBody(True)
    assert (
        question.stem_html == '<div><p>Shared</p></div><p>Look <img src="media:a.png" alt="a"></p>'
    )
    assert [m.data for m in question.media] == [PNG]
    assert [(i.code, i.item, i.rejects_question) for i in result.issues] == [
        ("file_missing", "items/gone.xml", True),
        ("qti_no_interaction_support", "items/q2.xml", True),
    ]


def item12(kind: str, presentation: str, processing: str, more: str = "") -> str:
    return (
        f'<item ident="i" title="T"><itemmetadata><qtimetadata><qtimetadatafield><fieldlabel>question_type</fieldlabel>'
        f"<fieldentry>{kind}</fieldentry></qtimetadatafield><qtimetadatafield><fieldlabel>points_possible</fieldlabel>"
        f"<fieldentry>4.0</fieldentry></qtimetadatafield></qtimetadata></itemmetadata><presentation><material>"
        f'<mattext texttype="text/html">&lt;p&gt;1 &amp;lt; 2&lt;/p&gt;</mattext></material>{presentation}</presentation>'
        f'<resprocessing><outcomes><decvar maxvalue="100" minvalue="0" varname="SCORE"/></outcomes>{processing}'
        f"</resprocessing>{more}</item>"
    )


def lid(cardinality: str, ident: str = "r", left: str = "") -> str:
    labels = "".join(
        f'<response_label ident="{i}"><material><mattext texttype="text/plain">{t}</mattext></material></response_label>'
        for i, t in (("a", "x &lt; y"), ("b", "two"), ("c", "three"))
    )
    material = f"<material><mattext>{left}</mattext></material>" if left else ""
    return f'<response_lid ident="{ident}" rcardinality="{cardinality}">{material}<render_choice>{labels}</render_choice></response_lid>'


def equal(value: str, ident: str = "r") -> str:
    return f'<varequal respident="{ident}">{value}</varequal>'


def condition(inner: str, score: str | None, feedback: str = "", action: str = "Set") -> str:
    setvar = f'<setvar action="{action}" varname="SCORE">{score}</setvar>' if score else ""
    link = f'<displayfeedback feedbacktype="Response" linkrefid="{feedback}"/>' if feedback else ""
    return f"<respcondition><conditionvar>{inner}</conditionvar>{setvar}{link}</respcondition>"


def bank12(*items: str) -> str:
    return (
        '<?xml version="1.0"?><!DOCTYPE questestinterop SYSTEM "ims_qtiasiv1p2p1.dtd"><questestinterop>'
        f"<assessment><section>{''.join(items)}</section></assessment></questestinterop>"
    )


def test_qti12_single_with_feedback_and_escaped_html() -> None:
    feedback = '<itemfeedback ident="a_fb"><flow_mat><material><mattext texttype="text/html">&lt;b&gt;no&lt;/b&gt;</mattext></material></flow_mat></itemfeedback>'
    processing = condition(equal("a"), None, "a_fb") + condition(equal("b"), "100")
    question, codes = only(
        bank12(item12("multiple_choice_question", lid("Single"), processing, feedback))
    )
    assert (question.stem_html, question.points, codes) == ("<p>1 &lt; 2</p>", D(4), [])
    assert question.body == ChoiceBody(
        (Choice("x &lt; y", D(0), "<b>no</b>"), Choice("two", D(100)), Choice("three"))
    )


def test_qti12_multiple_answers_by_and_not() -> None:
    processing = condition(f"<and>{equal('a')}{equal('c')}<not>{equal('b')}</not></and>", "100")
    question, codes = only(bank12(item12("multiple_answers_question", lid("Multiple"), processing)))
    assert (question.kind, weights(question)) == (Kind.MULTIPLE, [D(50), D(-100), D(50)])
    assert codes == ["all_or_nothing"]


def test_qti12_numeric_short_matching_essay() -> None:
    text = '<response_str ident="r" rcardinality="Single"><render_fib/></response_str>'
    number = condition(
        f"<or>{equal('5')}<and><vargte respident='r'>4.5</vargte><varlte respident='r'>5.5</varlte></and></or>",
        "100",
    )
    matching = lid("Single", "m1", "left one") + lid("Single", "m2", "left two")
    links = condition(equal("a", "m1"), "50", action="Add") + condition(
        equal("b", "m2"), "50", action="Add"
    )
    result = read(
        bank12(
            item12("numerical_question", text, number),
            item12("short_answer_question", text, condition(equal("Oui") + equal("yes"), "100")),
            item12("matching_question", matching, links),
            item12("essay_question", text, condition("<other/>", None)),
            item12("file_upload_question", "", ""),
        ).encode(),
        "bank.xml",
    )
    assert [q.body for q in result.questions] == [
        NumericBody((NumericAnswer(D(5), D("0.5")),)),
        ShortBody((ShortAnswer("Oui"), ShortAnswer("yes"))),
        MatchBody((Pair("left one", "x < y"), Pair("left two", "two")), ("three",)),
        EssayBody(),
    ]
    assert [(i.code, i.params.get("type")) for i in result.issues] == [
        ("unsupported_type", "file_upload_question")
    ]


def codes_of(data: bytes) -> list[str]:
    return [issue.code for issue in read(data, "bank.zip").issues]


def test_hostile_packages_are_refused() -> None:
    assert codes_of(package({"../evil.xml": "x"})) == ["zip_unsafe"]
    assert codes_of(package({"/etc/evil.xml": "x"})) == ["zip_unsafe"]
    assert codes_of(package({"a\\b.xml": "x"})) == ["zip_unsafe"]
    assert codes_of(package({"bomb.xml": b"\0" * (5 << 20)})) == ["zip_limit"]
    assert codes_of(package({f"{n}.txt": "" for n in range(12_001)})) == ["zip_limit"]
    assert codes_of(package({"readme.txt": "hello"})) == ["zip_no_questions"]
    assert codes_of(package({"item.xml": item2("", choices(1))})[:-30]) == ["zip_broken"]
    link = zipfile.ZipInfo("item.xml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert codes_of(buffer.getvalue()) == ["zip_unsafe"]


def test_image_path_outside_the_package_is_not_found() -> None:
    item = item2("", '<p>a <img src="../../../../etc/passwd" alt="p"/></p>')
    result = read(package({"items/i.xml": item}), "bank.zip")
    assert result.questions[0].stem_html == "<p>a p</p>"
    assert [i.code for i in result.issues] == ["image_missing"]
