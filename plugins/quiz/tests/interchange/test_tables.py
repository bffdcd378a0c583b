"""CSV and XLSX: our template, the Kahoot-like one, French sheets; formulas neutralised on export."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal as D

from openpyxl import Workbook

from plugins.quiz.internal.interchange import Kind, Question, canonical, read, write
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

TEMPLATE = """type,question,answer 1,answer 2,answer 3,correct,tolerance,points,tags,skills,difficulty,feedback,feedback 1,hint 1,id
single,Which < 3?,1,5,,1,,2,"a, b",s1|s2,3,Because,yes,think,q1
multiple,Even?,2,3,4,"1,3",,,,,,,,,
true/false,Sky blue?,,,,true,,,,,,,,,
numeric,Pi?,"3,14",,,,"0,01",,,,,,,,
short,Capital?,Paris,Paname*,,,,,,,,,,,
order,Sort,one,two,three,,,,,,,,,,
match,Link,a -> 1,b -> 2,-> 3,,,,,,,,,,
essay,Write,,,,,,,,,,,,,
"""


def test_own_template() -> None:
    result = read(TEMPLATE.encode(), "bank.csv")
    assert (result.format, result.issues) == ("csv", ())
    first = result.questions[0]
    assert (first.stem_html, first.points, first.difficulty) == ("Which &lt; 3?", D(2), 3)
    assert (first.tags, first.skills, first.source_id) == (("a", "b"), ("s1", "s2"), "q1")
    assert (first.general_feedback_html, first.hints) == ("Because", ("think",))
    assert [q.body for q in result.questions] == [
        ChoiceBody((Choice("1", D(100), "yes"), Choice("5"))),
        ChoiceBody((Choice("2", D(50)), Choice("3", D(-100)), Choice("4", D(50)))),
        TrueFalseBody(True),
        NumericBody((NumericAnswer(D("3.14"), D("0.01")),)),
        ShortBody((ShortAnswer("Paris"), ShortAnswer("Paname*", wildcards=True))),
        OrderBody(("one", "two", "three")),
        MatchBody((Pair("a", "1"), Pair("b", "2")), ("3",)),
        EssayBody(),
    ]


def test_french_sheet_with_semicolons_and_windows_1252() -> None:
    text = "Énoncé;Réponse 1;Réponse 2;Bonne réponse;Étiquettes\nL’été ?;oui;non;A;saison\n"
    result = read(text.encode("cp1252"), "b.csv")
    (question,) = result.questions
    assert (question.stem_html, question.tags) == ("L’été ?", ("saison",))
    assert question.body == ChoiceBody((Choice("oui", D(100)), Choice("non")))
    assert [i.code for i in result.issues] == ["encoding_cp1252"]


def test_bad_rows_have_their_line_and_leave_the_rest() -> None:
    text = (
        "type;question;answer 1;answer 2;correct;colour\nsingle;a;1;2;1;x\nsingle;b;1;2;7;\nsingle;c;1;2;;\n"
        "dance;d;1;2;1;\nmatch;e;1;2;;\nnumeric;f;ten;;;\nsingle;;1;2;1;\nsingle;g;1;2;2;\n"
    )
    result = read(text.encode(), "b.csv")
    assert [q.stem_html for q in result.questions] == ["a", "g"]
    assert [(i.code, i.line) for i in result.issues] == [
        ("table_unknown_columns", 1),
        ("row_bad_correct", 3),
        ("no_right_answer", 4),
        ("row_unknown_type", 5),
        ("row_bad_pair", 6),
        ("bad_number", 7),
        ("no_stem", 8),
    ]
    assert result.present == 8


def kahoot() -> bytes:
    book = Workbook()
    sheet = book.active
    sheet["B2"] = "Quiz template"
    header = [
        "Question - max 120 characters", "Answer 1 - max 75 characters", "Answer 2 - max 75 characters",
        "Answer 3 - max 75 characters", "Answer 4 - max 75 characters",
        "Time limit (sec) – 5, 10, 20, 30, 60, 90, 120, or 240 secs", "Correct answer(s) - choose at least one",
    ]  # fmt: skip
    for row, cells in enumerate(
        [header, ["2+2?", 3, 4, 5, None, 20, 2], ["Even?", 2, 3, 4, 5, 30, "1,3"]], 8
    ):
        sheet.cell(row, 1, row - 8 or None)
        for column, value in enumerate(cells, 2):
            sheet.cell(row, column, value)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_kahoot_like_workbook() -> None:
    result = read(kahoot(), "quiz.xlsx")
    assert result.format == "xlsx"
    assert [q.body for q in result.questions] == [
        ChoiceBody((Choice("3"), Choice("4", D(100)), Choice("5"))),
        ChoiceBody(
            (Choice("2", D(50)), Choice("3", D(-50)), Choice("4", D(50)), Choice("5", D(-50)))
        ),
    ]
    assert [(i.code, i.params) for i in result.issues] == [("settings_not_kept", {"names": "time"})]


def test_table_without_header_says_what_to_do() -> None:
    result = read(b"a,b\n1,2\n", "b.csv")
    assert [(i.code, i.severity.value) for i in result.issues] == [("table_no_header", "error")]


def test_export_neutralises_formulas_and_reads_back() -> None:
    start = Question(
        Kind.SINGLE,
        "=1+1",
        ChoiceBody((Choice("-5", D(100)), Choice("@SUM(A1)"), Choice("+1"), Choice("'quoted"))),
        title="\t=cmd|' /C calc'!A0",
        source_id="-id",
        tags=("=x",),
    )
    question = replace(canonical(start)[0])
    export = write("csv", [question])
    rows = list(csv.DictReader(io.StringIO(export.data.decode("utf-8-sig"))))
    assert rows[0]["question"] == "'=1+1"
    assert [rows[0][f"answer {n}"] for n in range(1, 5)] == ["'-5", "'@SUM(A1)", "'+1", "''quoted"]
    assert (rows[0]["title"], rows[0]["id"], rows[0]["tags"]) == (
        "'=cmd|' /C calc'!A0",
        "'-id",
        "'=x",
    )
    assert export.issues == ()
    assert read(export.data, export.filename).questions == (question,)


def test_export_says_what_csv_cannot_carry() -> None:
    question = canonical(
        Question(Kind.ESSAY, "Write", EssayBody("note", ""), correct_feedback_html="fine")
    )[0]
    export = write("csv", [question])
    assert [(i.code, i.params) for i in export.issues] == [
        ("export_csv_lost", {"fields": "correct feedback, marking note"})
    ]


def test_gift_and_moodle_exports_say_what_others_will_not_read() -> None:
    question = canonical(
        Question(Kind.ORDER, "Sort", OrderBody(("a", "b")), skills=("s",), points=D(2))
    )[0]
    assert [(i.code, i.params) for i in write("gift", [question]).issues] == [
        ("export_gift_order", {}),
        ("export_gift_comment", {"fields": "skill, points"}),
    ]
    assert [i.code for i in write("moodle_xml", [question]).issues] == ["export_tags"]
    assert write("qti3", [question]).issues == ()
