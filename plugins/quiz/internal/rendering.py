"""From a question version (and an answer) to what a template shows.

The order of choices depends on the attempt's seed only, so that a reload shows the same page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from plugins.quiz.internal import marking
from plugins.quiz.internal.content import (
    Content,
    EssayContent,
    MatchContent,
    MultipleContent,
    NumericContent,
    OrderContent,
    ShortContent,
    SingleContent,
    TrueFalseContent,
)
from plugins.quiz.internal.interchange import markup
from plugins.quiz.internal.interchange.model import BLANK
from plugins.quiz.models import Answer, QuestionVersion
from tremplin.api import services


@dataclass(frozen=True, slots=True)
class Option:
    """One choice, item or select entry. ``right`` is for review pages only."""

    key: str
    html: SafeString
    chosen: bool = False
    right: bool = False
    weight: Decimal = Decimal(0)
    feedback: SafeString = mark_safe("")  # noqa: S308  constant


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a matching question."""

    key: str
    html: SafeString
    chosen: str
    options: tuple[Option, ...]
    expected: str = ""
    given: str = ""
    right: bool = False


@dataclass(slots=True)
class Shown:
    """A question ready for a template."""

    kind: str
    stem: SafeString
    version: QuestionVersion
    position: int = 0
    number: int = 0
    points: Decimal = Decimal(1)
    options: tuple[Option, ...] = ()
    rows: tuple[Row, ...] = ()
    value: str = ""
    answered: bool = False
    flagged: bool = False
    revision: int = 0
    checked: bool = False
    score: Decimal | None = None
    state: str = ""
    feedback: list[SafeString] = field(default_factory=list)
    expected: list[SafeString] = field(default_factory=list)
    comment: str = ""
    answer_id: UUID | None = None
    max_words: int = 0
    guidance: SafeString = mark_safe("")  # noqa: S308  constant
    section: str = ""

    @property
    def field(self) -> str:
        return f"a{self.position}"


class Pictures:
    """Signed addresses of the images of several versions, asked for in one call."""

    def __init__(self, versions: Iterable[QuestionVersion]) -> None:
        wanted = {file for version in versions for file in version.media.values()}
        ids = {UUID(file) for file in wanted}
        self._files = services.files().many(ids) if ids else {}

    def html(self, version: QuestionVersion, text: str) -> SafeString:
        """Return cleaned HTML of ``version`` with its images addressed."""
        blank = '<span class="font-mono" aria-label="{}">______</span>'.format(escape(_("blank")))

        def address(name: str) -> str:
            file = version.media.get(name)
            found = self._files.get(UUID(file)) if file else None
            return found.url if found else ""

        shown = markup.replace_images(text, address) if version.media else text
        return mark_safe(shown.replace(BLANK, blank))  # noqa: S308  cleaned when stored


def shuffled(keys: list[str], seed: str) -> list[str]:
    """Return ``keys`` in the order of ``seed``."""
    mixed = list(keys)
    Random(seed).shuffle(mixed)  # noqa: S311  fairness, not secrecy
    return mixed


def shuffled_apart(keys: list[str], seed: str) -> list[str]:
    """Return ``keys`` in an order that differs from the given one (there are at least two)."""
    mixed = shuffled(keys, seed)
    return mixed[1:] + mixed[:1] if mixed == keys else mixed


def tokens(content: Content, seed: str) -> dict[str, str]:
    """Return a token per key of what can be chosen.

    Stored keys follow the author's order, which for an ordering or matching question is the answer;
    pages only carry tokens whose order depends on the attempt's secret seed.
    """
    if isinstance(content, (SingleContent, MultipleContent)):
        keys = [choice.key for choice in content.choices]
    elif isinstance(content, OrderContent):
        keys = [item.key for item in content.items]
    elif isinstance(content, MatchContent):
        keys = [key for key, _text in content.options()]
    else:
        return {}
    return {key: f"t{index}" for index, key in enumerate(shuffled(keys, f"tokens:{seed}"))}


def present(
    version: QuestionVersion,
    pictures: Pictures,
    *,
    answer: Answer | None = None,
    seed: str = "preview",
    shuffle: bool = False,
    review: bool = False,
) -> Shown:
    """Return ``version`` as a page shows it; ``review`` adds marks, right answers and feedback."""
    content = version.typed
    response: Mapping[str, Any] = (answer.response if answer else None) or {}
    shown = Shown(
        kind=version.kind,
        stem=pictures.html(version, version.stem),
        version=version,
        points=answer.points if answer else version.points,
    )
    if answer is not None:
        shown.position, shown.number = answer.position, answer.position + 1
        shown.answered = marking.is_answered(content, answer.response)
        shown.flagged, shown.revision = answer.flagged, answer.revision
        shown.checked, shown.answer_id = answer.checked_at is not None, answer.pk
        shown.score, shown.comment = answer.score, answer.comment
    _fill(shown, content, response.get("value"), pictures, f"{seed}:{shown.position}", shuffle)
    if review:
        _review(shown, content, answer, pictures)
    return shown


def _fill(
    shown: Shown, content: Content, value: Any, pictures: Pictures, seed: str, shuffle: bool
) -> None:
    version = shown.version

    def html(text: str) -> SafeString:
        return pictures.html(version, text)

    if isinstance(content, (SingleContent, MultipleContent)):
        chosen = {value} if isinstance(value, str) else set(value or ())
        names = tokens(content, seed)
        options = {
            c.key: Option(
                names[c.key],
                html(c.text_html),
                c.key in chosen,
                c.weight > 0,
                c.weight,
                html(c.feedback_html),
            )
            for c in content.choices
        }
        keys = list(options)
        order = shuffled(keys, seed) if shuffle and content.shuffle else keys
        shown.options = tuple(options[key] for key in order)
    elif isinstance(content, TrueFalseContent):
        shown.options = (
            Option("true", SafeString(escape(_("True"))), value == "true", content.correct),
            Option("false", SafeString(escape(_("False"))), value == "false", not content.correct),
        )
    elif isinstance(content, OrderContent):
        items = {item.key: item for item in content.items}
        names = tokens(content, seed)
        order = value or shuffled_apart(list(items), seed)
        shown.options = tuple(Option(names[key], html(items[key].text_html)) for key in order)
    elif isinstance(content, MatchContent):
        _fill_match(shown, content, value or {}, html, seed)
    else:
        shown.value = value if isinstance(value, str) else ""
        if isinstance(content, EssayContent):
            shown.max_words = content.max_words
            shown.guidance = html(content.grader_info_html)
            if not shown.value and content.template_html:
                shown.value = markup.to_text(content.template_html)


def _fill_match(
    shown: Shown, content: MatchContent, value: Mapping[str, str], html: Any, seed: str
) -> None:
    texts = dict(content.options())
    names = tokens(content, seed)
    order = shuffled(list(texts), seed)
    rows = []
    for pair in content.pairs:
        chosen = value.get(pair.key, "")
        right = content.right_key(pair)
        rows.append(
            Row(
                key=pair.key,
                html=html(pair.left_html),
                chosen=chosen,
                options=tuple(
                    Option(names[key], SafeString(escape(texts[key])), key == chosen)
                    for key in order
                ),
                expected=texts[right],
                given=texts.get(chosen, ""),
                right=chosen == right,
            )
        )
    shown.rows = tuple(rows)


def _review(shown: Shown, content: Content, answer: Answer | None, pictures: Pictures) -> None:
    verdict = marking.mark(content, answer.response if answer else None)
    fraction = verdict.fraction if answer is None or answer.fraction is None else answer.fraction
    if fraction is None:
        shown.state = "waiting"
    else:
        shown.state = "right" if fraction == 1 else "wrong" if fraction == 0 else "partial"
    by_result = {
        "right": content.correct_feedback_html,
        "partial": content.partial_feedback_html,
        "wrong": content.incorrect_feedback_html,
    }.get(shown.state, "")
    texts = [*verdict.feedback, by_result, shown.version.feedback]
    shown.feedback = [pictures.html(shown.version, text) for text in dict.fromkeys(texts) if text]
    shown.expected = _expected(content, shown, pictures)


def _expected(content: Content, shown: Shown, pictures: Pictures) -> list[SafeString]:
    version = shown.version
    if isinstance(content, (SingleContent, MultipleContent)):
        return [option.html for option in shown.options if option.right]
    if isinstance(content, TrueFalseContent):
        return [option.html for option in shown.options if option.right]
    if isinstance(content, OrderContent):
        return [pictures.html(version, item.text_html) for item in content.items]
    if isinstance(content, NumericContent):
        found = []
        for answer in content.answers:
            if answer.weight > 0 and answer.value is not None:
                text = number_text(answer.value)
                if answer.tolerance:
                    text += f" ± {number_text(answer.tolerance)}"
                found.append(SafeString(escape(text)))
        return found
    if isinstance(content, ShortContent):
        return [SafeString(escape(a.text)) for a in content.answers if a.weight == 100]
    return []


def number_text(value: Decimal) -> str:
    """Return a number in the reader's notation, without trailing zeros or exponent."""
    from django.utils.formats import number_format

    plain = value.normalize()
    exponent = plain.as_tuple().exponent
    places = max(-exponent, 0) if isinstance(exponent, int) else 0
    return number_format(plain, decimal_pos=places, use_l10n=True)


def read_post(content: Content, post: QueryDict, position: int, seed: str) -> dict[str, Any]:
    """Return the raw answer ``{"value": …}`` of one question from a posted form.

    Unknown tokens are passed on as they are, for marking to refuse.
    """
    name = f"a{position}"
    keys = {token: key for key, token in tokens(content, f"{seed}:{position}").items()}

    def known(token: str) -> str:
        return keys.get(token, f"?{token}")

    if isinstance(content, SingleContent):
        token = post.get(name, "")
        return {"value": known(token) if token else ""}
    if isinstance(content, MultipleContent):
        return {"value": [known(token) for token in post.getlist(name)]}
    if isinstance(content, OrderContent):
        touched = post.get(f"{name}.touched") == "1"
        return {"value": [known(token) for token in post.getlist(name)] if touched else []}
    if isinstance(content, MatchContent):
        given = {pair.key: post.get(f"{name}.{pair.key}", "") for pair in content.pairs}
        return {"value": {key: known(token) if token else "" for key, token in given.items()}}
    return {"value": post.get(name, "")}
