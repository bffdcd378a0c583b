"""Aiken: a question on one line, lettered choices, ``ANSWER: X``. Everything is plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from .collect import Collector
from .markup import from_plain, plain
from .model import HUNDRED, ZERO, Choice, ChoiceBody, Kind, Question

_CHOICE: Final = re.compile(r"^\s*([A-Z])[.)]\s*(.*)$")
_ANSWER: Final = re.compile(r"^\s*ANSWER\s*:\s*(.*?)\s*$", re.IGNORECASE)


@dataclass(slots=True)
class _Block:
    """The lines of one question gathered so far."""

    line: int
    stem: str = ""
    choices: list[tuple[str, str]] = field(default_factory=list)
    extra: str = ""
    extra_line: int = 0


def _close(block: _Block, answer: str | None, line: int, out: Collector) -> None:
    title = plain(block.stem)
    if not block.stem:
        out.reject("aiken_choice_without_question", line=block.line)
    elif block.extra:
        out.reject("aiken_several_lines", line=block.extra_line, title=title, text=block.extra)
    elif answer is None:
        out.reject("aiken_no_answer_line", line=line, title=title)
    elif len(block.choices) < 2:
        out.reject("too_few_choices", line=line, title=title)
    else:
        right = answer.rstrip(".)").strip().upper()
        if right not in {letter for letter, _ in block.choices}:
            out.reject("aiken_bad_letter", line=line, title=title, letter=answer)
            return
        choices = tuple(
            Choice(from_plain(text), HUNDRED if letter == right else ZERO)
            for letter, text in block.choices
        )
        out.add(Question(Kind.SINGLE, from_plain(block.stem), ChoiceBody(choices)), line=block.line)


def read(text: str, out: Collector) -> None:
    """Read decoded Aiken text into ``out``."""
    block: _Block | None = None
    number = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        answer = _ANSWER.match(line)
        choice = _CHOICE.match(line)
        if answer:
            _close(block or _Block(number), answer.group(1), number, out)
            block = None
        elif choice:
            block = block or _Block(number)
            block.choices.append((choice.group(1), choice.group(2)))
        elif block is None:
            block = _Block(number, stem=line.strip())
        elif block.choices:
            # A new question starts although the last one has no answer.
            _close(block, None, number, out)
            block = _Block(number, stem=line.strip())
        elif not block.extra:
            block.extra, block.extra_line = line.strip(), number
    if block is not None:
        _close(block, None, number, out)
