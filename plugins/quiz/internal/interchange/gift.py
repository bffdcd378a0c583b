"""GIFT, as Moodle reads it: https://docs.moodle.org/en/GIFT_format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from .collect import Collector, Refused
from .encoding import UTF8_DECLARATION
from .gift_text import SPACE, find, read_comment, render, split_format, to_html, unescape
from .markup import plain
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
from .numbers_text import interval, number, points, weight

# Stands for a line feed inside an HTML comment, where a blank line does not end the question.
_HIDDEN_LINE: Final = "\ufdd0"
_BLANK_LINES: Final = re.compile(r"(\n[ \t]*(?=\n))")
_WEIGHT: Final = re.compile(r"^[ \t\n]*%([^%\n]{1,20})%")
_TRUTH: Final = re.compile(r"^(TRUE|T|FALSE|F)$", re.IGNORECASE)
_RANGE: Final = re.compile(r"^(.*?[^.])\.\.(?!\.)(.*)$")
_SPLIT: Final = re.compile(r"""\\[~=#{}:\\]|<[a-zA-Z][^<>]*>|([=~])""")
_ORDER_WORDS: Final = re.compile(
    r"(?:\d+|ALL|EXACT|REL\w*|RAND\w*|CONT\w*|HORI\w*|H|VERT\w*|V|SHOW|HIDE|TRUE|FALSE|YES|NO|NONE|ABC|ABCD"
    r"|IIII?|123|ABSOLUTE\w*|ALL_OR_NOTHING|RELATIVE_\w+|LONGEST_\w+|\w+_POSITION)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Block:
    """One question of the file: its text without comments, its line, its ``[key:value]`` comments."""

    line: int = 0
    lines: list[str] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines).replace(_HIDDEN_LINE, "")


def _without_html_comments(text: str) -> str:
    """``text`` without HTML comments, which may hold signs of GIFT but no blank line."""
    if UTF8_DECLARATION in text[:200]:
        # Our own exports declare their encoding and hold no HTML comment: what looks like one is text.
        return text
    parts = _BLANK_LINES.split(text)
    for place, part in enumerate(parts):
        kept: list[str] = []
        position = 0
        while (start := part.find("<!--", position)) >= 0:
            end = part.find("-->", start + 4)
            if end < 0:
                break
            kept += [part[position:start], _HIDDEN_LINE * part.count("\n", start, end)]
            position = end + 3
        if kept:
            parts[place] = "".join(kept) + part[position:]
    return "".join(parts)


def _blocks(text: str) -> Iterator[_Block]:
    block = _Block()
    line_number = 0
    for line in _without_html_comments(text).split("\n"):
        line_number += 1
        here = line_number
        line_number += line.count(_HIDDEN_LINE)
        bare = line.strip(SPACE)
        if not bare:
            if block.lines:
                yield block
            # Keys alone belong to no question: the blank line ends their reach.
            block = _Block()
        elif bare.startswith("//"):
            block.keys.extend(read_comment(bare))
        elif bare.startswith("$CATEGORY:") and not block.lines:
            yield _Block(here, [bare])
            block = _Block()
        else:
            if not block.lines:
                block.line = here
            block.lines.append(line)
    if block.lines:
        yield block


def _joined(blocks: Iterator[_Block]) -> Iterator[_Block]:
    """Put a question with a blank line inside its braces together again, and only that."""
    waiting: _Block | None = None
    for block in blocks:
        if waiting is not None:
            closing, opening = find(block.text, "}"), find(block.text, "{")
            if 0 <= closing and not 0 <= opening < closing:
                waiting.lines.extend(block.lines)
                yield waiting
                waiting = None
                continue
            yield waiting
            waiting = None
        brace = find(block.text, "{")
        if brace >= 0 and find(block.text, "}", brace) < 0:
            waiting = block
        else:
            yield block
    if waiting is not None:
        yield waiting


def read(text: str, out: Collector) -> None:
    """Read decoded GIFT text into ``out``."""
    category = ""
    for block in _joined(_blocks(text)):
        if block.lines[0].startswith("$CATEGORY:"):
            category = unescape(block.text[len("$CATEGORY:") :])
            continue
        title = ""
        try:
            title, rest = _title(block.text)
            question = _question(title, rest, block.keys, category, out, block.line)
        except Refused as refused:
            out.reject_refused(refused, line=block.line, title=title or plain(block.text)[:80])
            continue
        out.add(question, line=block.line)


def _title(text: str) -> tuple[str, str]:
    text = text.strip(SPACE)
    if not text.startswith("::"):
        return "", text
    position = find(text, ":", 2)
    while position >= 0 and text[position : position + 2] != "::":
        position = find(text, ":", position + 1)
    if position < 0:
        raise Refused("gift_title_unclosed")
    return plain(unescape(text[2:position])), text[position + 2 :]


def _question(
    title: str,
    text: str,
    keys: list[tuple[str, str]],
    category: str,
    out: Collector,
    line: int,
) -> Question:
    text_format, text = split_format(text, "moodle")
    values: dict[str, str] = dict(keys)
    opening = find(text, "{")
    general = ""
    body: Body
    if opening < 0:
        kind, body, stem_source = Kind.DESCRIPTION, DescriptionBody(), text
    else:
        closing = find(text, "}", opening)
        if closing < 0:
            raise Refused("gift_unclosed")
        after = text[closing + 1 :]
        if find(after, "{") >= 0:
            raise Refused("gift_trailing_answers")
        blank = BLANK if after.strip(SPACE) or values.get("blank") == "end" else ""
        stem_source = text[:opening] + blank + after
        answers = text[opening + 1 : closing]
        answers, general = _general_feedback(answers, text_format)
        kind, body = _body(answers, text_format, values)
    if text_format == "markdown":
        out.info("markdown_simple", line=line, title=title)
    stem = render(stem_source, text_format)
    level = values.get("difficulty", "")
    return Question(
        kind=kind,
        stem_html=stem,
        body=body,
        title=title,
        source_id=values.get("id", ""),
        category=category,
        tags=tuple(value for key, value in keys if key == "tag"),
        skills=tuple(value for key, value in keys if key == "skill"),
        difficulty=int(level) if re.fullmatch("[1-5]", level) else None,
        points=points(values["points"]) if "points" in values else Decimal(1),
        general_feedback_html=general or values.get("general", ""),
        correct_feedback_html=values.get("correct", ""),
        partial_feedback_html=values.get("partial", ""),
        incorrect_feedback_html=values.get("incorrect", ""),
        hints=tuple(value for key, value in keys if key == "hint"),
    )


def _general_feedback(answers: str, text_format: str) -> tuple[str, str]:
    place = answers.rfind("####")
    while place > 0 and answers[place - 1] == "\\":
        place = answers.rfind("####", 0, place)
    if place < 0:
        return answers, ""
    return answers[:place], to_html(answers[place + 4 :], text_format)[0]


def _body(answers: str, text_format: str, values: dict[str, str]) -> tuple[Kind, Body]:
    bare = answers.strip(SPACE)
    if not bare:
        return Kind.ESSAY, EssayBody(values.get("grader", ""), values.get("template", ""))
    if bare.startswith("#"):
        return Kind.NUMERIC, NumericBody(_numeric(bare[1:], text_format))
    if bare.startswith(">"):
        return Kind.ORDER, OrderBody(_order(bare[1:], text_format))
    truth, feedbacks = _feedbacks(bare)
    if _TRUTH.match(truth.strip(SPACE)):
        return Kind.TRUEFALSE, _truefalse(truth, feedbacks, text_format)
    lead, pieces = _pieces(bare)
    shuffle = values.get("shuffle") != "no"
    if any(sign == "~" for sign, _ in pieces):
        if lead:
            raise Refused("gift_bad_answer", answer=lead)
        single = any(sign == "=" for sign, _ in pieces)
        choices = tuple(_choice(sign, text, text_format) for sign, text in pieces)
        return (Kind.SINGLE if single else Kind.MULTIPLE), ChoiceBody(choices, shuffle)
    if pieces and not lead and values.get("kind") != "short":
        if all("->" in text for _, text in pieces):
            return Kind.MATCH, _match([text for _, text in pieces], text_format, shuffle)
    texts = [text for _, text in pieces]
    if lead:
        texts.insert(0, lead)
    case = values.get("case") == "sensitive"
    return Kind.SHORT, ShortBody(tuple(_short(text, text_format) for text in texts), case)


def _pieces(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text before the first sign, then each answer with its sign; ``name="`` in a tag is no sign."""
    starts = []
    position = 0
    while match := _SPLIT.search(text, position):
        position = match.end()
        if match.group(1):
            starts.append(match.start())
        elif match.group(0).startswith("<") and not re.fullmatch(
            r"""<[^=~\\]*(?:\\?=\s*(?:"[^"]*"|'[^']*')[^=~\\]*)*>""", match.group(0)
        ):
            position = match.start() + 1
    if not starts:
        return text.strip(SPACE), []
    ends = [*starts[1:], len(text)]
    pieces = [(text[s], text[s + 1 : e]) for s, e in zip(starts, ends, strict=True)]
    return text[: starts[0]].strip(SPACE), pieces


def _feedbacks(text: str) -> tuple[str, list[str]]:
    """The text before the first ``#`` and the texts between the following ones."""
    parts = []
    start = 0
    while (place := find(text, "#", start)) >= 0:
        parts.append(text[start:place])
        start = place + 1
    parts.append(text[start:])
    return parts[0], parts[1:]


def _weighted(text: str, default: Decimal) -> tuple[Decimal, str, str]:
    """The weight, the answer and the feedback source of one answer."""
    match = _WEIGHT.match(text)
    amount = default
    if match:
        amount, text = weight(match.group(1)), text[match.end() :]
    place = find(text, "#")
    return (amount, text, "") if place < 0 else (amount, text[:place], text[place + 1 :])


def _choice(sign: str, source: str, text_format: str) -> Choice:
    amount, text, feedback = _weighted(source, HUNDRED if sign == "=" else ZERO)
    text_html, own_format = to_html(text, text_format)
    return Choice(text_html, amount, to_html(feedback, own_format)[0])


def _short(source: str, text_format: str) -> ShortAnswer:
    amount, text, feedback = _weighted(source, HUNDRED)
    return ShortAnswer(unescape(text.strip(SPACE)), amount, True, to_html(feedback, text_format)[0])


def _truefalse(truth: str, feedbacks: list[str], text_format: str) -> TrueFalseBody:
    correct = truth.strip(SPACE).upper().startswith("T")
    # Moodle shows the first feedback for a wrong response and the second for a right one.
    wrong = to_html(feedbacks[0], text_format)[0] if feedbacks else ""
    right = to_html(feedbacks[1], text_format)[0] if len(feedbacks) > 1 else ""
    return TrueFalseBody(correct, right if correct else wrong, wrong if correct else right)


def _match(sources: list[str], text_format: str, shuffle: bool) -> MatchBody:
    pairs = []
    for source in sources:
        left, _, right = source.partition("->")
        pairs.append(Pair(to_html(left, text_format)[0], unescape(right.strip(SPACE))))
    return MatchBody(tuple(pairs), (), shuffle)


def _order(text: str, text_format: str) -> tuple[str, ...]:
    lines = text.split("\n")
    if all(_ORDER_WORDS.fullmatch(word) for word in lines[0].split()):
        lines = lines[1:]
    return tuple(to_html(line, text_format)[0] for line in lines if line.strip(SPACE))


def _numeric(text: str, text_format: str) -> tuple[NumericAnswer, ...]:
    lead, pieces = _pieces(text)
    if lead or not pieces:
        pieces = [("=", lead), *pieces]
    answers = []
    for sign, source in pieces:
        amount, accepted, feedback = _weighted(source, HUNDRED if sign == "=" else ZERO)
        value, tolerance = numeric_interval(unescape(accepted))
        if value is None and sign == "=" and not accepted.strip(SPACE):
            raise Refused("bad_number", value=accepted)
        answers.append(NumericAnswer(value, tolerance, amount, to_html(feedback, text_format)[0]))
    return tuple(answers)


def numeric_interval(text: str) -> tuple[Any, Decimal]:
    """``3.14:0.005``, ``-5..5``, ``3`` or ``*`` (None) as centre and half width."""
    text = text.strip(SPACE)
    if text in {"", "*"}:
        return None, ZERO
    bounds = _RANGE.match(text)
    if bounds:
        return interval(number(bounds.group(1)), number(bounds.group(2)))
    value, colon, tolerance = text.partition(":")
    return number(value), number(tolerance) if colon else ZERO
