"""Ready-made content: packs of questions with a quiz, shipped with the module."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from django.utils.translation import get_language
from pydantic import BaseModel, ConfigDict, Field

from plugins.quiz.internal.content import Content, even_weights, parse_content
from plugins.quiz.internal.interchange import markup
from plugins.quiz.services.authoring import Wording
from tremplin.api import Text

FOLDER = Path(__file__).parent.parent / "packs"
KINDS = {"multi": "multiple"}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PackQuestion(_Strict):
    """One question in the short notation of the pack files."""

    type: Literal["single", "multi", "truefalse", "numeric", "short", "order", "match", "essay"]
    text: str
    skill: str = ""
    difficulty: int = Field(default=2, ge=1, le=5)
    options: tuple[Any, ...] = ()
    answer: tuple[Any, ...] = ()
    tolerance: Decimal = Decimal(0)
    why: str = ""

    def content(self) -> Content:
        """Return the typed content."""
        html = markup.from_plain
        data: dict[str, Any] = {"kind": KINDS.get(self.type, self.type)}
        if self.type in {"single", "multi"}:
            right = [index in self.answer for index in range(len(self.options))]
            weights = (
                even_weights(right) if self.type == "multi" else [100 if r else 0 for r in right]
            )
            data["choices"] = [
                {"key": f"k{n}", "text_html": html(text), "weight": weight}
                for n, (text, weight) in enumerate(zip(self.options, weights, strict=True), start=1)
            ]
        elif self.type == "truefalse":
            data["correct"] = self.answer[0]
        elif self.type == "numeric":
            data["answers"] = [{"value": str(a), "tolerance": self.tolerance} for a in self.answer]
        elif self.type == "short":
            data["answers"] = [{"text": str(a)} for a in self.answer]
        elif self.type == "order":
            data["items"] = [
                {"key": f"k{n}", "text_html": html(self.options[index])}
                for n, index in enumerate(self.answer, start=1)
            ]
        elif self.type == "match":
            data["pairs"] = [
                {"key": f"k{n}", "left_html": html(left), "right": right}
                for n, (left, right) in enumerate(self.options, start=1)
            ]
        return parse_content(data)


class PackQuiz(_Strict):
    title: str
    description: str = ""
    minutes: int | None = None
    pass_percent: Decimal | None = None


class Pack(_Strict):
    """A pack: its catalogue texts, its questions and the quiz they make."""

    key: str = Field(pattern=r"^[a-z0-9-]{2,60}$")
    title: Text
    summary: Text
    language: str
    category: str
    tags: tuple[str, ...] = ()
    skills: dict[str, Text] = Field(default_factory=dict)
    quiz: PackQuiz
    questions: tuple[PackQuestion, ...] = Field(min_length=1)

    def wordings(self) -> Iterator[tuple[str, Wording]]:
        """Yield the stable source id and the wording of each question."""
        for number, question in enumerate(self.questions, start=1):
            yield (
                f"pack:{self.key}:{number}",
                Wording(
                    stem=markup.from_plain(question.text),
                    content=question.content(),
                    feedback=markup.from_plain(question.why),
                    skills=(question.skill,) if question.skill else (),
                    tags=self.tags,
                    difficulty=question.difficulty,
                ),
            )


@cache
def packs() -> dict[str, Pack]:
    """Return the shipped packs by key."""
    found = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name != "demo.yaml":
            pack = Pack.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
            found[pack.key] = pack
    return found


@cache
def skill_names() -> dict[str, Text]:
    """Return the names of the skills that the shipped packs speak of, by slug."""
    return {slug: name for pack in packs().values() for slug, name in pack.skills.items()}


def skill_label(skill: str) -> str:
    """Return a readable name of a skill slug, in the reader's language where a pack names it."""
    if (name := skill_names().get(skill)) is not None:
        return name.in_language(get_language() or "en")
    words = skill.replace("-", " ").replace("_", " ")
    return words[:1].upper() + words[1:]
