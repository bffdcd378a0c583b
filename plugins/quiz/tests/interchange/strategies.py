"""Random questions in canonical form, for round trips."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from plugins.quiz.internal.interchange import Kind, Question, canonical
from plugins.quiz.internal.interchange.collect import Refused
from plugins.quiz.internal.interchange.model import (
    BLANK,
    Choice,
    ChoiceBody,
    DescriptionBody,
    EssayBody,
    MatchBody,
    MediaFile,
    NumericAnswer,
    NumericBody,
    OrderBody,
    Pair,
    ShortAnswer,
    ShortBody,
    TrueFalseBody,
)

PNG = b"\x89PNG\r\n\x1a\n"
# What breaks formats: their own signs, LaTeX, quotes, double encoding, combining marks, controls.
SIGNS = list("~=#{}:\\%/[]<>&\"'`*$-+@;,|.n \n\tabcdeu0159éÃ©’œ\u0301\u0338\u202f\u00a0\u0085😀ßİ_")
WORDS = [
    "\\nabla", "\\n", "\\nu", "-> ", "####", "//", "::", "[html]", "[id:x]", "T", "%50%", "..", "<!--",
    "-->", "]]>", "&nbsp;", "&lt;", "{>", "{#", "_____", "skill:a", "data:", "media:x.png", "â€™", "<b",
    "\r\n", "\\(x\\)", "$CATEGORY:", "ANSWER: A", "*", "\\*",
]  # fmt: skip
raw = st.lists(st.one_of(st.sampled_from(SIGNS), st.sampled_from(WORDS)), max_size=12).map("".join)
anything = st.one_of(raw, st.text(max_size=12))
WRAPS = [
    "<p>{}</p>", "<b>{}</b>", "<ul><li>{}</li></ul>", "<pre>{}</pre>", "{}<br>", '<a href="https://e.example/?a=1&amp;b={{2}}">{}</a>',
    '<img src="media:a.png" alt="x"> {}', "<math><mi>{}</mi></math>", "<table><tbody><tr><td>{}</td></tr></tbody></table>",
    '<span lang="fr">{}</span>', '<img src="media:b.png" width="10">{}', '<abbr title="a > b ~ c">{}</abbr>',
]  # fmt: skip


@st.composite
def html(draw: st.DrawFn) -> str:
    parts = []
    for wrap in draw(st.lists(st.sampled_from(["{}", *WRAPS]), min_size=1, max_size=3)):
        parts.append(wrap.replace("{}", draw(anything)).replace("{{", "{").replace("}}", "}"))
    return "".join(parts)


filled = st.tuples(st.sampled_from(["x", "é", "12", "-", "T", "%5%x", "[html]"]), html()).map(
    "".join
)
optional = st.one_of(st.just(""), html())
word = st.tuples(anything, st.sampled_from(["a", "B", "é", "0"]), anything).map("".join)
weights = st.sampled_from(
    [Decimal(w) for w in ("0", "100", "50", "33.33333", "-50", "-100", "12.5")]
)
decimals = st.decimals(-1000, 1000, places=3, allow_nan=False, allow_infinity=False)
widths = st.decimals(0, 10, places=2, allow_nan=False, allow_infinity=False)
choice = st.builds(Choice, filled, weights, optional)
numeric = st.builds(NumericAnswer, st.one_of(st.none(), decimals), widths, weights, optional)
short = st.builds(ShortAnswer, word, weights, st.booleans(), optional)
BODIES = {
    Kind.SINGLE: st.builds(ChoiceBody, st.lists(choice, min_size=2, max_size=4).map(tuple), st.booleans()),
    Kind.MULTIPLE: st.builds(ChoiceBody, st.lists(choice, min_size=2, max_size=4).map(tuple), st.booleans()),
    Kind.TRUEFALSE: st.builds(TrueFalseBody, st.booleans(), optional, optional),
    Kind.NUMERIC: st.builds(NumericBody, st.lists(numeric, min_size=1, max_size=3).map(tuple)),
    Kind.SHORT: st.builds(ShortBody, st.lists(short, min_size=1, max_size=3).map(tuple), st.booleans()),
    Kind.ORDER: st.builds(OrderBody, st.lists(filled, min_size=2, max_size=4).map(tuple)),
    Kind.MATCH: st.builds(
        MatchBody,
        st.lists(st.builds(Pair, filled, word), min_size=1, max_size=4).map(tuple),
        st.lists(word, max_size=2).map(tuple),
        st.booleans(),
    ),
    Kind.ESSAY: st.builds(EssayBody, optional, optional),
    Kind.DESCRIPTION: st.just(DescriptionBody()),
}  # fmt: skip


@st.composite
def questions(draw: st.DrawFn) -> Question:
    kind = draw(st.sampled_from(list(Kind)))
    stem = draw(st.sampled_from(["", BLANK, f"a {BLANK} b ", f"<p>{BLANK}</p>"])) + draw(filled)
    stem += draw(st.sampled_from(["", BLANK, f" {BLANK}.", f"<p>{BLANK}</p>"]))
    question = Question(
        kind=kind,
        stem_html=stem,
        body=draw(BODIES[kind]),
        title=draw(anything),
        source_id=draw(anything),
        category=draw(anything),
        tags=tuple(draw(st.lists(anything, max_size=2))),
        skills=tuple(draw(st.lists(anything, max_size=2))),
        difficulty=draw(st.sampled_from([None, 1, 2, 3, 4, 5])),
        points=draw(st.sampled_from([Decimal(p) for p in ("0", "1", "2.5", "10", "0.3333333")])),
        general_feedback_html=draw(optional),
        correct_feedback_html=draw(optional),
        partial_feedback_html=draw(optional),
        incorrect_feedback_html=draw(optional),
        hints=tuple(draw(st.lists(optional, max_size=2))),
        media=(
            MediaFile("a.png", "image/png", PNG + b"a"),
            MediaFile("b.png", "image/png", PNG + b"b"),
        ),
    )
    try:
        return canonical(question)[0]
    except Refused:
        # Texts that are nothing after cleaning, or weights without a right answer: not a question.
        from hypothesis import reject

        reject()
        raise
