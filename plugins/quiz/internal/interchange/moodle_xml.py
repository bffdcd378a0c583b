"""Moodle XML import: https://docs.moodle.org/en/Moodle_XML_format."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final
from urllib.parse import unquote

from . import cloze
from .collect import Collector, Refused
from .markup import from_markdown, from_plain, has_markup, plain, to_text
from .media import decode_base64
from .model import (
    BLANK,
    HUNDRED,
    ZERO,
    Body,
    Choice,
    ChoiceBody,
    DescriptionBody,
    EssayBody,
    Kind,
    MatchBody,
    NumericAnswer,
    NumericBody,
    OrderBody,
    Pair,
    Question,
    ShortAnswer,
    ShortBody,
    TrueFalseBody,
)
from .numbers_text import number, points, weight
from .xmltree import Node, parse, split_elements

_BLANK_SPAN: Final = re.compile(r'<span class="blank">_*</span>')
_PLUGINFILE: Final = re.compile(r"^@@PLUGINFILE@@/?", re.IGNORECASE)
_GAP: Final = re.compile(r"\[\[(\d{1,3})\]\]")
# Read by this importer; every other element of a question is listed as a setting that is not kept.
_READ: Final = frozenset(
    "name questiontext generalfeedback defaultgrade idnumber tags single shuffleanswers answer hint "
    "correctfeedback partiallycorrectfeedback incorrectfeedback subquestion usecase units graderinfo "
    "responsetemplate category info image image_base64 dragbox selectoption selecttype".split()
)
# Absent or with these values a setting says nothing.
_NEUTRAL: Final = frozenset({"", "0", "0.0000000", "false", "none", "0.3333333"})


class _Entry:
    """One ``<question>``: its element, its files and what its texts lose."""

    def __init__(self, node: Node, out: Collector) -> None:
        self.node = node
        self.out = out
        self.title = plain(self.text("name"))
        self.files: dict[str, bytes] = {}
        for file in node.walk("file"):
            data = decode_base64(file.text()) if file.get("encoding") == "base64" else None
            if file.get("name") and data is not None:
                path = file.get("path").strip("/")
                self.files[file.get("name")] = data
                self.files[f"{path}/{file.get('name')}".lstrip("/")] = data

    def text(self, name: str) -> str:
        """The text of the child ``name``, in ``<text>`` or directly."""
        return _text(self.node.first(name))

    def html(self, node: Node | None, *, default_format: str = "") -> str:
        """The text of ``node`` as HTML according to its format."""
        if node is None:
            return ""
        text = _text(node)
        text_format = node.get("format") or default_format
        if text_format == "plain_text":
            return from_plain(text)
        if text_format == "markdown":
            if text:
                self.out.info("markdown_simple", line=node.line, title=self.title)
            return from_markdown(text)
        if text_format not in {"", "html", "moodle_auto_format"}:
            self.warn("unknown_text_format", format=text_format)
        if text_format != "html" and not has_markup(text):
            return from_plain(text)
        return text

    def field(self, name: str) -> str:
        """The child ``name`` as HTML."""
        return self.html(self.node.first(name))

    def flag(self, name: str, default: bool) -> bool:
        """The child ``name`` as a truth value."""
        node = self.node.first(name)
        if node is None:
            return default
        value = _text(node).strip().lower()
        return default if not value else value in {"1", "true", "yes"}

    def resolve(self, src: str) -> bytes | None:
        """The bytes of a file of this question."""
        name = unquote(re.split(r"[?#]", _PLUGINFILE.sub("", src))[0]).lstrip("/")
        return self.files.get(name)

    def warn(self, code: str, **params: object) -> None:
        self.out.warn(code, line=self.node.line, title=self.title, **params)

    def flat(self, node: Node | None) -> str:
        """The text of ``node`` as plain text, with a warning when formatting is lost."""
        if node is None:
            return ""
        source = self.html(node, default_format="html" if has_markup(_text(node)) else "")
        text = to_text(source)
        if re.search(r"<(?!/?p\b|br\b)[a-z]", source, re.IGNORECASE):
            self.warn("markup_flattened", text=text)
        return text


def _text(node: Node | None) -> str:
    if node is None:
        return ""
    inner = node.first("text")
    return (inner if inner is not None else node).text() if node.name != "text" else node.text()


def read(text: str, out: Collector) -> None:
    """Read decoded Moodle XML into ``out``; in a broken file the sound questions are still read."""
    try:
        nodes: list[Node | tuple[int, Refused]] = list(parse(text).elements("question"))
    except Refused as refused:
        if refused.code != "xml_broken":
            raise
        nodes = _save_sound(text)
        if not nodes:
            raise
    category = ""
    for node in nodes:
        if isinstance(node, tuple):
            out.reject_refused(node[1], line=node[0])
        elif node.get("type") == "category":
            category = _text(node.first("category"))
        else:
            _read_one(_Entry(node, out), category)


def _save_sound(text: str) -> list[Node | tuple[int, Refused]]:
    saved: list[Node | tuple[int, Refused]] = []
    for line, source in split_elements(text, "question"):
        try:
            saved.append(parse(source, first_line=line))
        except Refused as refused:
            saved.append((line, refused))
    return saved


def _read_one(entry: _Entry, category: str) -> None:
    node, out = entry.node, entry.out
    try:
        question = _question(entry, category)
    except Refused as refused:
        out.reject_refused(refused, line=node.line, title=entry.title)
        return
    for child in node.elements():
        if child.name not in _READ and _text(child).strip().lower() not in _NEUTRAL:
            out.setting_ignored(child.name)
    units = [plain(_text(u.first("unit_name"))) for u in node.walk("unit")]
    if any(units):
        entry.warn("units_not_kept", units=", ".join(filter(None, units)))
    out.add(question, line=node.line, resolve=entry.resolve)


def _question(entry: _Entry, category: str) -> Question:
    node = entry.node
    moodle_type = node.get("type")
    reader = _READERS.get(moodle_type)
    if reader is None:
        raise Refused("unsupported_type", type=moodle_type or "?")
    stem = _BLANK_SPAN.sub(BLANK, entry.html(node.first("questiontext")))
    old_image = node.first("image_base64")
    if old_image is not None and old_image.text().strip():
        name = plain(_text(node.first("image"))).split("/")[-1] or "image.png"
        entry.files[name] = decode_base64(old_image.text()) or b""
        stem += f'<br><img src="@@PLUGINFILE@@/{name}" alt="">'
    kind, body, stem = reader(entry, stem)
    grade = plain(entry.text("defaultgrade"))
    tags = node.first("tags")
    return Question(
        kind=kind,
        stem_html=stem,
        body=body,
        title=entry.title,
        source_id=entry.text("idnumber"),
        category=category,
        tags=tuple(_text(tag) for tag in tags.elements("tag")) if tags else (),
        points=points(grade) if grade else Decimal(1),
        general_feedback_html=entry.field("generalfeedback"),
        correct_feedback_html=entry.field("correctfeedback"),
        partial_feedback_html=entry.field("partiallycorrectfeedback"),
        incorrect_feedback_html=entry.field("incorrectfeedback"),
        hints=tuple(entry.html(hint) for hint in node.elements("hint")),
    )


Read = tuple[Kind, Body, str]


def _fraction(answer: Node, default: str = "0") -> Decimal:
    return weight(answer.get("fraction") or default)


def _multichoice(entry: _Entry, stem: str) -> Read:
    single = entry.flag("single", True)
    choices = tuple(
        Choice(entry.html(a), _fraction(a), entry.html(a.first("feedback")))
        for a in entry.node.elements("answer")
    )
    body = ChoiceBody(choices, entry.flag("shuffleanswers", True))
    return (Kind.SINGLE if single else Kind.MULTIPLE), body, stem


def _truefalse(entry: _Entry, stem: str) -> Read:
    feedback = {"true": "", "false": ""}
    correct = ""
    for answer in entry.node.elements("answer"):
        text = plain(_text(answer)).lower()
        if text not in feedback:
            raise Refused("unsupported_type", type=f"truefalse: {text}")
        feedback[text] = entry.html(answer.first("feedback"))
        if _fraction(answer) > 0:
            correct = text
    if not correct:
        raise Refused("no_right_answer")
    return (
        Kind.TRUEFALSE,
        TrueFalseBody(correct == "true", feedback["true"], feedback["false"]),
        stem,
    )


def _shortanswer(entry: _Entry, stem: str) -> Read:
    answers = tuple(
        ShortAnswer(_text(a), _fraction(a, "100"), True, entry.html(a.first("feedback")))
        for a in entry.node.elements("answer")
    )
    return Kind.SHORT, ShortBody(answers, entry.flag("usecase", False)), stem


def _numerical(entry: _Entry, stem: str) -> Read:
    answers = []
    for answer in entry.node.elements("answer"):
        text = plain(_text(answer))
        tolerance = answer.first("tolerance")
        width = plain(tolerance.text()) if tolerance is not None else answer.get("tolerance")
        answers.append(
            NumericAnswer(
                None if text == "*" else number(text),
                number(width) if width else ZERO,
                _fraction(answer, "100"),
                entry.html(answer.first("feedback")),
            )
        )
    return Kind.NUMERIC, NumericBody(tuple(answers)), stem


def _matching(entry: _Entry, stem: str) -> Read:
    pairs = tuple(
        Pair(entry.html(sub), plain(_text(sub.first("answer"))))
        for sub in entry.node.elements("subquestion")
    )
    return Kind.MATCH, MatchBody(pairs, (), entry.flag("shuffleanswers", True)), stem


def _essay(entry: _Entry, stem: str) -> Read:
    return Kind.ESSAY, EssayBody(entry.field("graderinfo"), entry.field("responsetemplate")), stem


def _description(entry: _Entry, stem: str) -> Read:
    return Kind.DESCRIPTION, DescriptionBody(), stem


def _ordering(entry: _Entry, stem: str) -> Read:
    answers = list(entry.node.elements("answer"))
    places = [number(answer.get("fraction") or "0") for answer in answers]
    if len(set(places)) == len(places):
        answers = [a for _, a in sorted(zip(places, answers, strict=True), key=lambda p: p[0])]
    if plain(entry.text("selecttype")).upper() in {"1", "2", "RANDOM", "CONTIGUOUS"}:
        entry.warn("order_partial_lost")
    return Kind.ORDER, OrderBody(tuple(entry.html(answer) for answer in answers)), stem


def _gaps(entry: _Entry, stem: str) -> Read:
    """``gapselect`` and ``ddwtos``: choices shared by the gaps ``[[1]]``, ``[[2]]`` of the text."""
    options = [
        (
            entry.flat(node) if node.name == "dragbox" else plain(_text(node.first("text"))),
            plain(_text(node.first("group"))) or "1",
        )
        for node in entry.node.elements("selectoption", "dragbox")
    ]
    used = [int(gap) for gap in _GAP.findall(stem)]
    if not used:
        raise Refused("no_answers")
    if any(not 1 <= gap <= len(options) for gap in used):
        raise Refused("no_right_answer")
    if len(used) == 1:
        right, group = options[used[0] - 1]
        choices = tuple(
            Choice(from_plain(text), HUNDRED if text == right else ZERO)
            for text, of in options
            if of == group
        )
        shuffle = entry.flag("shuffleanswers", False)
        return Kind.SINGLE, ChoiceBody(choices, shuffle), _GAP.sub(lambda _: BLANK, stem)
    return cloze.as_match(
        entry.warn, stem, _GAP, [options[gap - 1][0] for gap in used], [text for text, _ in options]
    )


def _cloze(entry: _Entry, stem: str) -> Read:
    return cloze.read(entry.warn, stem)


_READERS: Final[dict[str, Callable[[_Entry, str], Read]]] = {
    "multichoice": _multichoice,
    "truefalse": _truefalse,
    "shortanswer": _shortanswer,
    "numerical": _numerical,
    "matching": _matching,
    "match": _matching,
    "essay": _essay,
    "description": _description,
    "ordering": _ordering,
    "gapselect": _gaps,
    "ddwtos": _gaps,
    "multianswer": _cloze,
    "cloze": _cloze,
}
