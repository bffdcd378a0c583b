"""Moodle XML export."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import Final

from .collect import make_issue
from .encoding import MISREAD
from .markup import image_names, replace_images
from .model import (
    BLANK,
    ChoiceBody,
    EssayBody,
    Issue,
    Kind,
    MatchBody,
    NumericBody,
    OrderBody,
    Question,
    Severity,
    ShortBody,
    TrueFalseBody,
)
from .numbers_text import show

_TYPES: Final = {
    Kind.SINGLE: "multichoice",
    Kind.MULTIPLE: "multichoice",
    Kind.TRUEFALSE: "truefalse",
    Kind.NUMERIC: "numerical",
    Kind.SHORT: "shortanswer",
    Kind.ORDER: "ordering",
    Kind.MATCH: "matching",
    Kind.ESSAY: "essay",
    Kind.DESCRIPTION: "description",
}


def xml_text(text: str) -> str:
    """``text`` escaped for XML, also where it would look like wrongly encoded UTF-8 to an importer."""
    escaped = html.escape(text, quote=False)
    return MISREAD.sub(lambda match: "".join(f"&#{ord(char)};" for char in match.group(0)), escaped)


class _Writer:
    def __init__(self, question: Question) -> None:
        self.question = question
        self.lines: list[str] = []
        self.files = {file.name: file for file in question.media}

    def add(self, text: str) -> None:
        self.lines.append(text)

    def html(self, tag: str, text: str, inner: str = "", attributes: str = "") -> None:
        """An element with an HTML text, its images and what else it holds."""
        files = "".join(
            f'<file name="{name}" path="/" encoding="base64">'
            f"{base64.b64encode(self.files[name].data).decode('ascii')}</file>"
            for name in dict.fromkeys(image_names(text))
        )
        text = replace_images(text, lambda name: f"@@PLUGINFILE@@/{name}")
        self.add(
            f'<{tag}{attributes} format="html"><text>{xml_text(text)}</text>{files}{inner}</{tag}>'
        )

    def feedback(self, text: str) -> str:
        inner = _Writer(self.question)
        inner.html("feedback", text)
        return "".join(inner.lines)

    def body(self) -> None:
        body = self.question.body
        match body:
            case ChoiceBody():
                self.add(f"<single>{_flag(self.question.kind is Kind.SINGLE)}</single>")
                self.add(f"<shuffleanswers>{_flag(body.shuffle)}</shuffleanswers>")
                self.add("<answernumbering>abc</answernumbering>")
                for c in body.choices:
                    weight = f' fraction="{show(c.weight)}"'
                    self.html("answer", c.text_html, self.feedback(c.feedback_html), weight)
            case TrueFalseBody():
                for text, feedback in (
                    ("true", body.true_feedback_html),
                    ("false", body.false_feedback_html),
                ):
                    share = 100 if (text == "true") == body.correct else 0
                    self.answer(text, str(share), feedback)
            case NumericBody():
                for a in body.answers:
                    text = "*" if a.value is None else show(a.value)
                    tolerance = f"<tolerance>{show(a.tolerance)}</tolerance>"
                    self.answer(text, show(a.weight), a.feedback_html, tolerance)
            case ShortBody():
                self.add(f"<usecase>{int(body.case_sensitive)}</usecase>")
                for s in body.answers:
                    text = s.text if s.wildcards else s.text.replace("*", "\\*")
                    self.answer(text, show(s.weight), s.feedback_html)
            case OrderBody():
                self.add("<layouttype>VERTICAL</layouttype><selecttype>ALL</selecttype>")
                self.add("<selectcount>0</selectcount><gradingtype>ABSOLUTE_POSITION</gradingtype>")
                for place, item in enumerate(body.items, 1):
                    self.html("answer", item, attributes=f' fraction="{place}.0000000"')
            case MatchBody():
                self.add(f"<shuffleanswers>{_flag(body.shuffle)}</shuffleanswers>")
                for left, right in (
                    *((pair.left_html, pair.right) for pair in body.pairs),
                    *(("", text) for text in body.distractors),
                ):
                    self.html(
                        "subquestion", left, f"<answer><text>{xml_text(right)}</text></answer>"
                    )
            case EssayBody():
                self.add("<responseformat>editor</responseformat>")
                self.html("graderinfo", body.grader_info_html)
                self.html("responsetemplate", body.template_html)
            case _:
                pass

    def answer(self, text: str, weight: str, feedback: str, inner: str = "") -> None:
        self.add(
            f'<answer fraction="{weight}" format="moodle_auto_format"><text>{xml_text(text)}</text>'
            f"{self.feedback(feedback)}{inner}</answer>"
        )

    def write(self) -> str:
        question = self.question
        self.add(f'<question type="{_TYPES[question.kind]}">')
        self.add(f"<name><text>{xml_text(question.title)}</text></name>")
        stem = question.stem_html.replace(BLANK, '<span class="blank">_____</span>')
        self.html("questiontext", stem)
        self.html("generalfeedback", question.general_feedback_html)
        self.add(f"<defaultgrade>{show(question.points)}</defaultgrade>")
        self.add(f"<penalty>0</penalty><idnumber>{xml_text(question.source_id)}</idnumber>")
        self.body()
        for tag, text in (
            ("correctfeedback", question.correct_feedback_html),
            ("partiallycorrectfeedback", question.partial_feedback_html),
            ("incorrectfeedback", question.incorrect_feedback_html),
        ):
            if text:
                self.html(tag, text)
        for hint in question.hints:
            self.html("hint", hint)
        tags = [f"difficulty:{question.difficulty}"] if question.difficulty else []
        tags += [f"skill:{skill}" for skill in question.skills] + list(question.tags)
        if tags:
            inner = "".join(f"<tag><text>{xml_text(tag)}</text></tag>" for tag in tags)
            self.add(f"<tags>{inner}</tags>")
        self.add("</question>")
        return "\n".join(self.lines)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def write(questions: Sequence[Question]) -> tuple[bytes, list[Issue]]:
    """The questions as Moodle XML in UTF-8, and what is written in another way than Moodle means it."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>', "<quiz>"]
    issues: list[Issue] = []
    category = ""
    for question in questions:
        if question.category != category:
            category = question.category
            path = xml_text(f"$course$/top/{category}")
            parts.append(
                f'<question type="category"><category><text>{path}</text></category></question>'
            )
        parts.append(_Writer(question).write())
        if question.skills or question.difficulty:
            issues.append(make_issue(Severity.INFO, "export_tags", title=question.title))
    parts.append("</quiz>\n")
    return "\n".join(parts).encode("utf-8"), issues
