"""Exact expectations for the traps of each text format, with files written here."""

from __future__ import annotations

from decimal import Decimal as D

from plugins.quiz.internal.interchange import Kind, read
from plugins.quiz.internal.interchange.model import (
    Choice,
    ChoiceBody,
    DescriptionBody,
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


def gift(text: str):  # type: ignore[no-untyped-def]
    return read(text.encode(), "bank.gift")


def one(text: str):  # type: ignore[no-untyped-def]
    result = gift(text)
    assert result.rejected == 0, result.issues
    (question,) = result.questions
    return question


def codes(result) -> list[tuple[str, int | None]]:  # type: ignore[no-untyped-def]
    return [(issue.code, issue.line) for issue in result.issues]


# --- all text ---------------------------------------------------------------------------------------


def test_bom_crlf_and_decomposed_letters() -> None:
    data = b"\xef\xbb\xbf" + "Cafe\u0301 ?{=oui}\r\n\r\nThe\u0301 ?{=non}\r".encode()
    result = read(data, "b.gift")
    assert [q.stem_html for q in result.questions] == ["Café ?", "Thé ?"]
    assert (result.encoding, result.repairs) == ("utf-8", ("bom", "crlf", "nfc"))
    assert result.issues == ()


def test_windows_1252_is_said() -> None:
    result = read("L’été à 5 € ?{T}".encode("cp1252"), "b.gift")
    assert result.questions[0].stem_html == "L’été à 5 € ?"
    assert (result.encoding, result.repairs) == ("windows-1252", ("cp1252",))
    assert codes(result) == [("encoding_cp1252", None)]


def test_utf8_read_as_windows_1252_is_repaired_line_by_line() -> None:
    broken = (
        "L’été à Évian ?{T}".encode().decode("latin-1").encode().replace(b"\xc2\x80", "€".encode())
    )
    broken = broken.replace("â€\x99".encode(), "â€™".encode())
    result = read(broken + "\n\nIntact : é ?{F}".encode(), "b.gift")
    assert [q.stem_html for q in result.questions] == ["L’été à Évian ?", "Intact : é ?"]
    assert result.repairs == ("misread",)
    assert result.issues[0].params == {"count": "1"}


def test_utf16_and_control_characters() -> None:
    result = read("Un\x0bdeux ?{T}".encode("utf-16"), "b.gift")
    assert result.questions[0].stem_html == "Undeux ?"
    assert (result.encoding, codes(result)) == ("utf-16", [("control_characters", None)])


# --- GIFT -------------------------------------------------------------------------------------------


def test_gift_comments_carry_id_and_tags() -> None:
    question = one(
        "// question: 7  name: x\n// [id:q\\]7] [tag:réseau] [tag:base de données]\n::T::Stem // no comment {T}"
    )
    assert question.source_id == "q]7"
    assert question.tags == ("réseau", "base de données")
    assert question.stem_html == "Stem // no comment"


def test_gift_comment_before_a_blank_line_belongs_to_no_question() -> None:
    assert one("// [id:lost]\n\nStem{T}").source_id == ""


def test_gift_category_only_is_valid_and_empty() -> None:
    result = gift("$CATEGORY: $course$/top/Réseaux/IP\n")
    assert (result.questions, result.present, codes(result)) == ((), 0, [("no_questions", None)])


def test_gift_category_applies_until_the_next() -> None:
    result = gift(
        "$CATEGORY: $course$/top/A/B\n\nX{T}\n\n$CATEGORY: $module$/C\nY{F}\n\n$CATEGORY: $course$/top\n\nZ{T}"
    )
    assert [q.category for q in result.questions] == ["A/B", "C", ""]


def test_gift_title_with_escaped_colons_and_equals() -> None:
    question = one("::Ratio 3\\:1 \\= a::Which?{=3 =4 ~5}")
    assert (question.title, question.kind) == ("Ratio 3:1 = a", Kind.SINGLE)


def test_gift_format_is_inherited_by_answers_and_feedback() -> None:
    question = one("[html]<p>a</p>{=<b>x</b>#<i>f</i> ~[plain]<b>y</b>#z<w}")
    assert question.body == ChoiceBody(
        (
            Choice("<b>x</b>", D(100), "<i>f</i>"),
            Choice("&lt;b&gt;y&lt;/b&gt;", D(0), "z&lt;w"),
        )
    )


def test_gift_plain_and_default_formats() -> None:
    assert one("[plain]a <b>b</b>\\nc{T}").stem_html == "a &lt;b&gt;b&lt;/b&gt;<br>c"
    assert one("x<y and y>z{T}").stem_html == "x&lt;y and y&gt;z"
    assert one("a <b>b</b>\\nc{T}").stem_html == "a <b>b</b><br>c"


def test_gift_markdown_is_simple_and_says_so() -> None:
    result = gift("[markdown]**a** *b* `c`{T}")
    assert result.questions[0].stem_html == "<strong>a</strong> <em>b</em> <code>c</code>"
    assert codes(result) == [("markdown_simple", 1)]


def test_gift_escapes_and_latex() -> None:
    assert (
        one(r"\~\=\#\{\}\:\\ \nabla f \nu_0 \frac x{T}").stem_html
        == r"~=#{}:\ \nabla f \nu_0 \frac x"
    )
    assert one(r"[html]a\nb{T}").stem_html == "a\nb"
    assert one(r"\\nabla \\{T\}{T}").stem_html == "\\nabla \\"


def test_gift_escapes_inside_html_attributes() -> None:
    question = one(
        '[html]<a href\\="https\\://e.example/?a\\=1" title="x=y">k</a>{=<abbr title="p=q">a</abbr> ~b}'
    )
    assert question.stem_html == '<a href="https://e.example/?a=1">k</a>'.replace(
        '">k', '" title="x=y">k'
    )
    assert question.body.choices[0].text_html == '<abbr title="p=q">a</abbr>'


def test_gift_html_comment_hides_control_characters_and_keeps_line_numbers() -> None:
    result = gift("[html]a<!-- {=x~\n } # -->b{T}\n\nbad{\n\n[html]c{T}")
    assert [q.stem_html for q in result.questions] == ["ab", "c"]
    assert codes(result) == [("gift_unclosed", 4)]


def test_gift_types_by_content() -> None:
    assert one("No braces").body == DescriptionBody()
    assert one("Write {}").body == EssayBody()
    assert one("Write {####done}").general_feedback_html == "done"
    assert one("N{#5}").kind is Kind.NUMERIC
    assert one("C{=a -> b ~c}").kind is Kind.SINGLE
    assert one("M{=a -> b =c -> d}").kind is Kind.MATCH
    assert one("S{=a -> b =c}").body == ShortBody((ShortAnswer("a -> b"), ShortAnswer("c")))
    assert [one(f"T{{{t}}}").body.correct for t in ("T", "TRUE", "true", "F", "FALSE")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert one("S{=T}").body == ShortBody((ShortAnswer("T"),))
    assert one("S{yes}").body == ShortBody((ShortAnswer("yes"),))


def test_gift_several_right_answers_and_weights() -> None:
    question = one("W{~%33.33333%a ~%33.33333%b ~%33.33333%c ~%-100%d}")
    assert question.kind is Kind.MULTIPLE
    assert [c.weight for c in question.body.choices] == [D("33.33333")] * 3 + [D(-100)]
    assert question.body.full_marks == D(100)
    assert codes(gift("W{~%33.33333%a ~%33.33333%b ~%33.33333%c}")) == []


def test_gift_weights_that_do_not_add_up_are_said() -> None:
    result = gift("W{~%50%a ~%20%b ~c}")
    assert [(i.code, i.params) for i in result.issues] == [("weights_sum", {"sum": "70"})]


def test_gift_two_equals_among_tildes_are_two_right_single_choices() -> None:
    question = one("W{=a =b ~c}")
    assert question.kind is Kind.SINGLE
    assert [c.weight for c in question.body.choices] == [D(100), D(100), D(0)]


def test_gift_numeric_forms() -> None:
    assert one("N{#3.14:0.005}").body == NumericBody((NumericAnswer(D("3.14"), D("0.005")),))
    assert one("N{#-5..-1}").body == NumericBody((NumericAnswer(D(-3), D(2)),))
    assert one("N{#-5..-1}").body.answers[0].bounds == (D(-5), D(-1))
    assert one("N{#3,5:0,5}").body == NumericBody((NumericAnswer(D("3.5"), D("0.5")),))
    assert one("N{#=1822:0#y =%50%1822:2#n ~#other}").body == NumericBody(
        (
            NumericAnswer(D(1822), D(0), D(100), "y"),
            NumericAnswer(D(1822), D(2), D(50), "n"),
            NumericAnswer(None, D(0), D(0), "other"),
        )
    )
    assert one("N{#=5 =%0%*#any}").body.answers[1] == NumericAnswer(None, D(0), D(0), "any")


def test_gift_missing_word_places() -> None:
    assert one("{=Asia} is large.").stem_html == "[[blank]] is large."
    assert one("Pi is {#3.14}.").stem_html == "Pi is [[blank]]."
    assert one("Grant is {~a =b} here.").stem_html == "Grant is [[blank]] here."
    assert one("Grant is {~a =b}  \n").stem_html == "Grant is"


def test_gift_truefalse_feedback_is_wrong_then_right() -> None:
    assert one("Q{T#no#yes}").body == TrueFalseBody(True, "yes", "no")
    assert one("Q{F#no#yes}").body == TrueFalseBody(False, "no", "yes")
    assert one("Q{FALSE#no}").body == TrueFalseBody(False, "no", "")


def test_gift_last_general_feedback_wins() -> None:
    question = one("Q{=a#f ~b####first####second}")
    assert question.general_feedback_html == "second"


def test_gift_matching_with_distractor() -> None:
    assert one("M{=a->1\n = b  ->  2\n= -> 3}").body == MatchBody(
        (Pair("a", "1"), Pair("b", "2")), ("3",)
    )


def test_gift_ordering_of_moodle() -> None:
    assert one("O{>0 ALL VERTICAL\nfirst\nsecond}").body == OrderBody(("first", "second"))
    assert one("O{>first\nsecond}").body == OrderBody(("first", "second"))


def test_gift_short_wildcards() -> None:
    assert one("S{=a*b =c\\*d}").body == ShortBody(
        (ShortAnswer("a*b", wildcards=True), ShortAnswer("c*d"))
    )


def test_gift_bad_questions_leave_the_others() -> None:
    result = gift(
        "::ok::a{T}\n\n::open::b{=x\n\nc{F}\n\n::unclosed d{T}\n\ne{x}{y}\n\nf{~a ~b}\n\ng{#abc}\n\nh{=a ~%500%b}\n\ni{T}"
    )
    assert [q.stem_html for q in result.questions] == ["a", "c", "i"]
    assert codes(result) == [
        ("gift_unclosed", 3),
        ("gift_title_unclosed", 7),
        ("gift_trailing_answers", 9),
        ("no_right_answer", 11),
        ("bad_number", 13),
        ("bad_weight", 15),
    ]
    assert (result.present, result.rejected) == (9, 6)
    assert result.issues[0].title == "open"


def test_gift_blank_line_inside_braces_is_tolerated() -> None:
    result = gift("a{\n~x\n\n=y\n}\n\nb{T}")
    assert [q.kind for q in result.questions] == [Kind.SINGLE, Kind.TRUEFALSE]


# --- Aiken ------------------------------------------------------------------------------------------


def test_aiken() -> None:
    text = (
        "Tags like <b> & co?\nA) <b>x</b>\nB.y\nC) z\nANSWER: B\n\nNext?\nA. 1\nB. 2\nanswer: A.\n"
    )
    result = read(text.encode(), "bank.txt")
    assert result.format == "aiken"
    assert [q.stem_html for q in result.questions] == ["Tags like &lt;b&gt; &amp; co?", "Next?"]
    assert result.questions[0].body == ChoiceBody(
        (Choice("&lt;b&gt;x&lt;/b&gt;", D(0)), Choice("y", D(100)), Choice("z", D(0)))
    )
    assert [c.weight for c in result.questions[1].body.choices] == [D(100), D(0)]


def test_aiken_defects_have_lines_and_leave_the_rest() -> None:
    text = (
        "A) no question\nANSWER: A\n\nOne choice?\nA) x\nANSWER: A\n\nLetter?\nA) x\nB) y\nANSWER: D\n\n"
        "No answer?\nA) x\nB) y\n\nTwo\nlines?\nA) x\nB) y\nANSWER: A\n\nGood?\nA) x\nB) y\nANSWER: B\n\nLast?\nA) x\n"
    )
    result = read(text.encode(), "bank.txt")
    assert [q.stem_html for q in result.questions] == ["Good?"]
    assert codes(result) == [
        ("aiken_choice_without_question", 1),
        ("too_few_choices", 6),
        ("aiken_bad_letter", 11),
        ("aiken_no_answer_line", 17),
        ("aiken_several_lines", 18),
        ("aiken_no_answer_line", 30),
    ]
    assert result.present == 7
