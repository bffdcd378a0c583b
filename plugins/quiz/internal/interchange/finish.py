"""The last step of every import: clean, normalise and check a raw question, so that equal means equal."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from . import limits, markup, media
from .collect import Refused
from .model import (
    BLANK,
    HUNDRED,
    Body,
    ChoiceBody,
    EssayBody,
    Kind,
    MatchBody,
    MediaFile,
    NumericBody,
    OrderBody,
    Pair,
    Question,
    Severity,
    ShortBody,
    TrueFalseBody,
    map_html,
)
from .numbers_text import points, tidy, weight

Notes = list[tuple[Severity, str, dict[str, Any]]]
Resolve = Callable[[str], bytes | None]
TITLE_FROM_STEM: Final = 80
_TAG_WITH_BLANK: Final = re.compile(r"<[^>]*>")
_WILDCARD: Final = re.compile(r"(?<!\\)\*")


class _Images:
    """Takes the images out of the HTML of one question and names them."""

    def __init__(self, question: Question, resolve: Resolve | None, notes: Notes) -> None:
        self.given = {file.name: file.data for file in question.media}
        self.resolve = resolve
        self.notes = notes
        self.files: dict[str, MediaFile] = {}

    def take(self, src: str) -> str | None:
        """The ``media:`` address that replaces ``src``, or None with a note saying why."""
        name, data = "", None
        if src.lower().startswith("data:"):
            found = media.from_data_uri(src)
            if found is None:
                return self._lost("image_refused", src[:40])
            name, data = found
        elif src.startswith("media:"):
            name = src[6:]
            data = self.given.get(name)
        elif re.match(r"(?:[a-z][a-z0-9+.-]*:)?//", src, re.IGNORECASE):
            return self._lost("image_remote", src)
        else:
            name = unquote(re.split(r"[?#]", src)[0])
            data = self.resolve(src) if self.resolve else None
        if data is None:
            return self._lost("image_missing", src)
        mime = media.sniff(data)
        if mime is None:
            return self._lost("image_refused", name or src[:40])
        return "media:" + self._keep(media.safe_name(name, mime), mime, data)

    def _keep(self, name: str, mime: str, data: bytes) -> str:
        base, dot, extension = name.rpartition(".")
        number = 1
        while name in self.files and self.files[name].data != data:
            number += 1
            name = f"{base}-{number}{dot}{extension}"
        self.files.setdefault(name, MediaFile(name, mime, data))
        return name

    def _lost(self, code: str, src: str) -> str | None:
        self.notes.append((Severity.WARNING, code, {"src": src}))
        return None


def _path(text: str) -> str:
    text = markup.plain(text)
    while True:
        shorter = re.sub(r"^\$[a-z]+\d*\$(?:/|$)", "", text)
        shorter = re.sub(r"^top(?:/|$)", "", shorter).strip("/ ")
        if shorter == text:
            return text
        text = shorter


def _tags(question: Question) -> tuple[tuple[str, ...], tuple[str, ...], int | None]:
    tags: dict[str, None] = {}
    skills: dict[str, None] = {}
    difficulty = question.difficulty
    for skill in map(markup.plain, question.skills):
        if skill:
            skills[skill] = None
    for tag in map(markup.plain, question.tags):
        if tag.startswith("skill:") and markup.plain(tag[6:]):
            skills[markup.plain(tag[6:])] = None
        elif re.fullmatch(r"difficulty:[1-5]", tag) and difficulty is None:
            difficulty = int(tag[-1])
        elif tag:
            tags[tag] = None
    return tuple(tags), tuple(skills), difficulty


def _one_blank(stem: str, notes: Notes) -> str:
    stem = _TAG_WITH_BLANK.sub(lambda match: match.group(0).replace(BLANK, ""), stem)
    first, found, rest = stem.partition(BLANK)
    if BLANK in rest:
        notes.append((Severity.WARNING, "several_blanks", {}))
        rest = rest.replace(BLANK, "_____")
    return first + found + rest


def _choices(kind: Kind, body: ChoiceBody, notes: Notes) -> ChoiceBody:
    choices = tuple(replace(c, weight=weight(c.weight)) for c in body.choices)
    if len(choices) < 2:
        raise Refused("too_few_choices")
    if any(not choice.text_html for choice in choices):
        raise Refused("no_answers")
    top = max(choice.weight for choice in choices)
    if top <= 0:
        raise Refused("no_right_answer")
    if kind is Kind.SINGLE and top != HUNDRED:
        notes.append((Severity.WARNING, "weights_sum", {"sum": top}))
        choices = tuple(replace(c, weight=HUNDRED) if c.weight == top else c for c in choices)
    body = replace(body, choices=choices)
    if kind is Kind.MULTIPLE and body.full_marks != HUNDRED:
        notes.append((Severity.WARNING, "weights_sum", {"sum": body.full_marks}))
    return body


def _numeric(body: NumericBody) -> NumericBody:
    answers = []
    for answer in body.answers:
        if answer.tolerance < 0:
            raise Refused("bad_number", value=answer.tolerance)
        value = None if answer.value is None else tidy(answer.value)
        tolerance = tidy(answer.tolerance) if value is not None else tidy(answer.tolerance * 0)
        answers.append(
            replace(answer, value=value, tolerance=tolerance, weight=weight(answer.weight))
        )
    if not answers:
        raise Refused("no_answers")
    if all(answer.weight <= 0 for answer in answers):
        raise Refused("no_right_answer")
    return NumericBody(tuple(answers))


def _short(body: ShortBody) -> ShortBody:
    answers = []
    for answer in body.answers:
        text = markup.plain(answer.text)
        if not text:
            raise Refused("no_answers")
        if len(text) > limits.MAX_SHORT_TEXT:
            raise Refused("text_too_long")
        wildcards = answer.wildcards and bool(_WILDCARD.search(text))
        if answer.wildcards and not wildcards:
            text = text.replace("\\*", "*")
        answers.append(
            replace(answer, text=text, wildcards=wildcards, weight=weight(answer.weight))
        )
    if not answers:
        raise Refused("no_answers")
    if all(answer.weight <= 0 for answer in answers):
        raise Refused("no_right_answer")
    return replace(body, answers=tuple(answers))


def _match(body: MatchBody) -> MatchBody:
    pairs: list[Pair] = []
    extra: dict[str, None] = {}
    for pair in body.pairs:
        right = markup.plain(pair.right)
        if not right:
            raise Refused("no_answers")
        if pair.left_html:
            pairs.append(Pair(pair.left_html, right))
        else:
            extra[right] = None
    for text in map(markup.plain, body.distractors):
        if text:
            extra[text] = None
    used = {pair.right for pair in pairs}
    distractors = tuple(text for text in extra if text not in used)
    if not pairs or len(used) + len(distractors) < 2:
        raise Refused("too_few_items")
    if any(len(text) > limits.MAX_SHORT_TEXT for text in (*used, *distractors)):
        raise Refused("text_too_long")
    return replace(body, pairs=tuple(pairs), distractors=distractors)


def _checked(kind: Kind, body: Body, notes: Notes) -> Body:
    match body:
        case ChoiceBody():
            size, body = len(body.choices), _choices(kind, body, notes)
        case NumericBody():
            size, body = len(body.answers), _numeric(body)
        case ShortBody():
            size, body = len(body.answers), _short(body)
        case MatchBody():
            size, body = len(body.pairs) + len(body.distractors), _match(body)
        case OrderBody():
            size = len(body.items)
            if size < 2:
                raise Refused("too_few_items")
            if not all(body.items):
                raise Refused("no_answers")
        case TrueFalseBody() | EssayBody():
            size = 0
        case _:
            size = 0
    if size > limits.MAX_CHOICES:
        raise Refused("too_many_parts", limit=limits.MAX_CHOICES)
    return body


def _title(question: Question, stem: str, notes: Notes) -> str:
    title = markup.plain(question.title)
    if not title:
        text = markup.to_text(stem).replace(BLANK, "_____")
        title = text if len(text) <= TITLE_FROM_STEM else text[: TITLE_FROM_STEM - 1].rstrip() + "…"
    if len(title) > limits.MAX_TITLE:
        notes.append((Severity.INFO, "title_shortened", {}))
        title = title[: limits.MAX_TITLE - 1].rstrip() + "…"
    return title or "Question"


def finish(question: Question, resolve: Resolve | None, notes: Notes) -> Question:
    """``question`` in canonical form; finishing a finished question changes nothing.

    ``resolve`` gives the bytes of an image address of the file; ``notes`` receives what was lost.
    Raises ``Refused`` when the question cannot be used.
    """
    images = _Images(question, resolve, notes)
    lost: set[str] = set()
    looks: set[str] = set()

    def change(text: str) -> str:
        if len(text) > limits.MAX_HTML_CHARS and "data:" not in text:
            raise Refused("text_too_long")
        active, plain_looks = markup.removed_tags(text)
        lost.update(active)
        looks.update(plain_looks)
        cleaned = markup.clean(text, images.take)
        if len(cleaned) > limits.MAX_HTML_CHARS:
            raise Refused("text_too_long")
        return cleaned

    if len(question.hints) > limits.MAX_HINTS or len(question.tags) > limits.MAX_TAGS:
        raise Refused("too_many_parts", limit=limits.MAX_TAGS)
    done = map_html(question, change)
    stem = _one_blank(done.stem_html, notes)
    if not stem:
        raise Refused("no_stem")
    if lost:
        notes.append((Severity.WARNING, "markup_removed", {"tags": ", ".join(sorted(lost))}))
    if looks:
        notes.append((Severity.INFO, "formatting_lost", {"tags": ", ".join(sorted(looks))}))
    tags, skills, difficulty = _tags(done)
    if difficulty is not None and difficulty not in range(1, 6):
        notes.append((Severity.WARNING, "difficulty_ignored", {"value": difficulty}))
        difficulty = None
    result = replace(
        done,
        stem_html=stem,
        body=_checked(done.kind, done.body, notes),
        title=_title(done, stem, notes),
        source_id=markup.plain(done.source_id)[: limits.MAX_TITLE],
        category=_path(done.category),
        tags=tags,
        skills=skills,
        difficulty=difficulty,
        points=points(done.points),
        hints=tuple(hint for hint in done.hints if hint),
        media=tuple(images.files.values()),
    )
    shown: dict[str, None] = {}
    map_html(result, lambda text: (shown.update(dict.fromkeys(markup.image_names(text))), text)[1])
    for name in images.given:
        if name not in shown:
            notes.append((Severity.INFO, "media_unused", {"file": name}))
    return replace(
        result, media=tuple(images.files[name] for name in shown if name in images.files)
    )
