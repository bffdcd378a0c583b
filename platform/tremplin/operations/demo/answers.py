"""Answers of the demo's quiz, found on its pages by what people read there."""

from __future__ import annotations

import html
import re
from typing import Any

FIELD = re.compile(r'data-position="(\d+)"')
OPTION = re.compile(
    r'name="(a\d+)" value="([^"]+)"[^>]*>(?:\s*<span[^>]*data-order-rank[^>]*>[^<]*</span>)?'
    r"\s*<span[^>]*>(.*?)</span>",
    re.DOTALL,
)
TRUE, FALSE = {"Vrai", "True"}, {"Faux", "False"}


def _plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup)).strip()


def _bare(text: str) -> str:
    """Return ``text`` without what typesetting changes: spaces and the shape of apostrophes."""
    return re.sub(r"\s", "", text).replace("\u2019", "'")


class Answers:
    """Right answers by question text, from the demo file."""

    def __init__(self, questions: list[dict[str, Any]]) -> None:
        self.by_text = {" ".join(question["text"].split()): question for question in questions}
        self.count = len(questions)

    def for_page(self, page: str, *, wrong: set[str]) -> dict[str, list[str]]:
        """Return the fields that answer the question of a page; kinds in ``wrong`` are missed."""
        text = " ".join(_plain(page).split())
        question = next((found for stem, found in self.by_text.items() if _found(stem, text)), None)
        position = FIELD.search(page)
        if question is None or position is None:
            return {}
        field = f"a{position.group(1)}"
        if question["type"] in wrong:
            return {field: ["XYZ"]}
        return self._right(question, field, page)

    @staticmethod
    def _right(question: dict[str, Any], field: str, page: str) -> dict[str, list[str]]:
        options = {
            _bare(_plain(label)): key for name, key, label in OPTION.findall(page) if name == field
        }
        kind, answer = question["type"], question["answer"]
        if kind in {"numeric", "short"}:
            return {field: [str(answer[0])]}
        if kind == "truefalse":
            words = TRUE if answer[0] else FALSE
            return {field: [key for label, key in options.items() if label in words]}
        wanted = [_bare(question["options"][index]) for index in answer]
        fields = {field: [options[label] for label in wanted if label in options]}
        if kind == "order":
            fields[f"{field}.touched"] = ["1"]
        return fields


def _found(stem: str, text: str) -> bool:
    return _bare(stem) in _bare(text)
