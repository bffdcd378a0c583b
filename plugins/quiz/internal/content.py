"""The content of a question, one typed model per kind; what a version stores as JSON.

The meaning is the one of ``interchange.model``: fields ending in ``_html`` are cleaned HTML, other
texts are plain. Weights are percentages of the question's points: 100 gives all of them, a negative
weight takes points back inside the same question only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Weight = Annotated[Decimal, Field(ge=-100, le=100)]
HtmlText = Annotated[str, Field(max_length=200_000)]
PlainText = Annotated[str, Field(max_length=1_000)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9]{1,12}$")]
Number = Annotated[Decimal, Field(allow_inf_nan=False)]
HUMAN_MARKED = frozenset({"essay"})
UNSCORED = frozenset({"description"})


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Content(_Value):
    """What every kind has: feedback by result, and hints."""

    correct_feedback_html: HtmlText = ""
    partial_feedback_html: HtmlText = ""
    incorrect_feedback_html: HtmlText = ""
    hints: tuple[HtmlText, ...] = Field(default=(), max_length=50)


class Choice(_Value):
    key: Key
    text_html: HtmlText = Field(min_length=1)
    weight: Weight = Decimal(0)
    feedback_html: HtmlText = ""


def _unique(keys: list[str]) -> None:
    if len(set(keys)) != len(keys):
        raise ValueError("keys must be distinct")


class SingleContent(_Content):
    """One choice among several; the mark is its weight, and one choice at least weighs 100."""

    kind: Literal["single"] = "single"
    choices: tuple[Choice, ...] = Field(min_length=2, max_length=200)
    shuffle: bool = True

    @model_validator(mode="after")
    def _one_right(self) -> SingleContent:
        _unique([choice.key for choice in self.choices])
        if not any(choice.weight == 100 for choice in self.choices):
            raise ValueError("one choice must give all the points (100 %)")
        return self


class MultipleContent(_Content):
    """Several right choices; the mark is the sum of the weights, or all-or-nothing."""

    kind: Literal["multiple"] = "multiple"
    choices: tuple[Choice, ...] = Field(min_length=2, max_length=200)
    shuffle: bool = True
    all_or_nothing: bool = False

    @model_validator(mode="after")
    def _some_right(self) -> MultipleContent:
        _unique([choice.key for choice in self.choices])
        if not any(choice.weight > 0 for choice in self.choices):
            raise ValueError("at least one choice must be right")
        return self


class TrueFalseContent(_Content):
    """The feedbacks belong to the response "true" and to the response "false"."""

    kind: Literal["truefalse"] = "truefalse"
    correct: bool
    true_feedback_html: HtmlText = ""
    false_feedback_html: HtmlText = ""


class NumericAnswer(_Value):
    """An accepted number, ``value`` plus or minus ``tolerance``; no value accepts any number."""

    value: Number | None
    tolerance: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] = Decimal(0)
    weight: Weight = Decimal(100)
    feedback_html: HtmlText = ""

    def accepts(self, number: Decimal) -> bool:
        """Tell whether ``number`` is inside the interval, bounds included."""
        if self.value is None:
            return True
        return self.value - self.tolerance <= number <= self.value + self.tolerance


class NumericContent(_Content):
    """A number; the first answer that accepts it gives its weight."""

    kind: Literal["numeric"] = "numeric"
    answers: tuple[NumericAnswer, ...] = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _some_right(self) -> NumericContent:
        if not any(answer.weight > 0 for answer in self.answers):
            raise ValueError("one accepted answer must give points")
        return self


class ShortAnswer(_Value):
    """An accepted text; with ``wildcards``, ``*`` is any run of characters and ``\\*`` a star."""

    text: PlainText = Field(min_length=1)
    weight: Weight = Decimal(100)
    wildcards: bool = False
    feedback_html: HtmlText = ""


class ShortContent(_Content):
    """A short text; the first answer that matches gives its weight."""

    kind: Literal["short"] = "short"
    answers: tuple[ShortAnswer, ...] = Field(min_length=1, max_length=200)
    case_sensitive: bool = False
    fold_accents: bool = False

    @model_validator(mode="after")
    def _some_right(self) -> ShortContent:
        if not any(answer.weight > 0 for answer in self.answers):
            raise ValueError("one accepted answer must give points")
        return self


class Item(_Value):
    key: Key
    text_html: HtmlText = Field(min_length=1)


class OrderContent(_Content):
    """Things to put in order; ``items`` are stored in the right order."""

    kind: Literal["order"] = "order"
    items: tuple[Item, ...] = Field(min_length=2, max_length=200)
    rule: Literal["position", "adjacent", "pairs", "exact"] = "position"

    @model_validator(mode="after")
    def _keys(self) -> OrderContent:
        _unique([item.key for item in self.items])
        return self


class Pair(_Value):
    key: Key
    left_html: HtmlText = Field(min_length=1)
    right: PlainText = Field(min_length=1)


class Distractor(_Value):
    key: Key
    text: PlainText = Field(min_length=1)


class MatchContent(_Content):
    """Pairs to match; ``distractors`` are right-hand texts that belong to no pair."""

    kind: Literal["match"] = "match"
    pairs: tuple[Pair, ...] = Field(min_length=1, max_length=200)
    distractors: tuple[Distractor, ...] = Field(default=(), max_length=200)
    shuffle: bool = True

    @model_validator(mode="after")
    def _keys(self) -> MatchContent:
        _unique([p.key for p in self.pairs] + [d.key for d in self.distractors])
        return self

    def options(self) -> list[tuple[str, str]]:
        """Return (key, text) of the distinct right-hand texts, in stored order."""
        found: dict[str, str] = {}
        for pair in self.pairs:
            found.setdefault(pair.right, pair.key)
        for distractor in self.distractors:
            found.setdefault(distractor.text, distractor.key)
        return [(key, text) for text, key in found.items()]

    def right_key(self, pair: Pair) -> str:
        """Return the key of the option that is right for ``pair`` (equal texts share one key)."""
        return next(key for key, text in self.options() if text == pair.right)


class EssayContent(_Content):
    """A free text marked by a person; ``grader_info_html`` is for markers only."""

    kind: Literal["essay"] = "essay"
    grader_info_html: HtmlText = ""
    template_html: HtmlText = ""
    max_words: Annotated[int, Field(ge=0, le=20_000)] = 0


class DescriptionContent(_Content):
    """A text between questions; nothing to answer, no points."""

    kind: Literal["description"] = "description"


Content = Annotated[
    SingleContent
    | MultipleContent
    | TrueFalseContent
    | NumericContent
    | ShortContent
    | OrderContent
    | MatchContent
    | EssayContent
    | DescriptionContent,
    Field(discriminator="kind"),
]
_adapter: TypeAdapter[Content] = TypeAdapter(Content)


def parse_content(data: object) -> Content:
    """Return the typed content of stored JSON. Raises ``pydantic.ValidationError``."""
    return _adapter.validate_python(data)


def dump_content(content: Content) -> dict[str, object]:
    """Return ``content`` as JSON-ready data; decimals become strings, so nothing is rounded."""
    return content.model_dump(mode="json")


def even_weights(right: list[bool]) -> list[Decimal]:
    """Return default weights: right choices share 100 %, wrong ones share -100 %.

    Ticking everything therefore gives exactly nothing. The last right choice takes the remainder,
    so that the sum is exactly 100.
    """
    n_right, n_wrong = sum(right), len(right) - sum(right)
    if not n_right:
        return [Decimal(0)] * len(right)
    gained = (Decimal(100) / n_right).quantize(Decimal("0.00001"))
    lost = (Decimal(-100) / n_wrong).quantize(Decimal("0.00001")) if n_wrong else Decimal(0)
    weights = [gained if is_right else lost for is_right in right]
    last = max(index for index, is_right in enumerate(right) if is_right)
    weights[last] = Decimal(100) - gained * (n_right - 1)
    return weights
