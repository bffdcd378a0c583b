"""GIFT export. What GIFT has no syntax for goes into comments that only this importer reads."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from .collect import make_issue
from .encoding import UTF8_DECLARATION
from .gift_text import escape, write_comment
from .markup import replace_images
from .media import to_data_uri
from .model import (
    BLANK,
    HUNDRED,
    Choice,
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


class _Writer:
    def __init__(self, question: Question) -> None:
        self.question = question
        self.files = {file.name: file for file in question.media}
        self.keys: list[tuple[str, str]] = []

    def embedded(self, text: str) -> str:
        return replace_images(text, lambda name: to_data_uri(self.files[name]))

    def html(self, text: str) -> str:
        text = escape(self.embedded(text))
        # Without a prefix these beginnings would be read as a format, a comment or a weight.
        return "[html]" + text if text.startswith(("[", "/", "%")) else text

    def feedback(self, text: str) -> str:
        return "#" + self.html(text) if text else ""

    def choice(self, choice: Choice, sign: str) -> str:
        shown = "" if choice.weight == (HUNDRED if sign == "=" else 0) else _percent(choice.weight)
        return f"\t{sign}{shown}{self.html(choice.text_html)}{self.feedback(choice.feedback_html)}"

    def answers(self) -> str | None:
        """The text between the braces; None for a description."""
        body = self.question.body
        match body:
            case ChoiceBody():
                return self.choices(body)
            case TrueFalseBody():
                wrong, right = body.false_feedback_html, body.true_feedback_html
                if not body.correct:
                    wrong, right = right, wrong
                text = "TRUE" if body.correct else "FALSE"
                if wrong or right:
                    text += "#" + self.html(wrong) + self.feedback(right)
                return text
            case NumericBody():
                return "#\n" + "\n".join(
                    "\t="
                    + _percent(a.weight)
                    + ("*" if a.value is None else f"{show(a.value)}:{show(a.tolerance)}")
                    + self.feedback(a.feedback_html)
                    for a in body.answers
                )
            case ShortBody():
                return self.short(body)
            case OrderBody():
                return ">0 ALL VERTICAL ABSOLUTE_POSITION SHOW none\n" + "\n".join(
                    map(self.html, body.items)
                )
            case MatchBody():
                if not body.shuffle:
                    self.keys.append(("shuffle", "no"))
                lines = [f"\t={self.html(p.left_html)} -> {escape(p.right)}" for p in body.pairs]
                lines += [f"\t= -> {escape(text)}" for text in body.distractors]
                return "\n" + "\n".join(lines)
            case EssayBody():
                self.keys += [
                    (key, self.embedded(text))
                    for key, text in (
                        ("grader", body.grader_info_html),
                        ("template", body.template_html),
                    )
                    if text
                ]
                return ""
            case _:
                return None

    def choices(self, body: ChoiceBody) -> str:
        if not body.shuffle:
            self.keys.append(("shuffle", "no"))
        lines = []
        marked = self.question.kind is Kind.MULTIPLE
        for choice in body.choices:
            sign = "~"
            if not marked and choice.weight == HUNDRED:
                # One "=" says single; it comes with a "~" unless every other choice is right too.
                sign, marked = "=", True
            lines.append(self.choice(choice, sign))
        return "\n" + "\n".join(lines)

    def short(self, body: ShortBody) -> str:
        lines = []
        for answer in body.answers:
            text = answer.text if answer.wildcards else answer.text.replace("*", "\\*")
            shown = _percent(answer.weight) if answer.weight != HUNDRED or text[0] == "%" else ""
            lines.append(f"\t={shown}{escape(text)}{self.feedback(answer.feedback_html)}")
        if body.case_sensitive:
            self.keys.append(("case", "sensitive"))
        if all("->" in line for line in lines):
            self.keys.append(("kind", "short"))
        return "\n" + "\n".join(lines)

    def write(self) -> str:
        question = self.question
        answers = self.answers()
        self.add_comments(answers)
        stem = question.stem_html
        general = self.html(question.general_feedback_html)
        if answers is not None:
            ending = "\n" if "\n" in answers else ""
            answers += "####" + general if general else ""
            before, blank, after = stem.partition(BLANK)
            if blank and not after:
                self.keys.append(("blank", "end"))
            braces = "{" + answers + ending + "}"
            text = escape(self.embedded(before)) + (braces if blank else "")
            text += escape(self.embedded(after)) if blank else braces
        else:
            text = escape(self.embedded(stem))
        comment = " ".join(
            write_comment(key, value)
            for key, value in (
                *((("id", question.source_id),) if question.source_id else ()),
                *(("tag", tag) for tag in question.tags),
            )
        )
        lines = [f"// {comment}"] if comment else []
        lines += [f"// {write_comment(key, value)}" for key, value in self.keys]
        lines.append(f"::{escape(question.title)}::[html]{text}")
        return "\n".join(lines) + "\n"

    def add_comments(self, answers: str | None) -> None:
        """Put the fields without GIFT syntax into comments."""
        question = self.question
        self.keys += [("skill", skill) for skill in question.skills]
        if question.difficulty is not None:
            self.keys.append(("difficulty", str(question.difficulty)))
        if question.points != Decimal(1):
            self.keys.append(("points", show(question.points)))
        texts = [
            ("correct", question.correct_feedback_html),
            ("partial", question.partial_feedback_html),
            ("incorrect", question.incorrect_feedback_html),
            *(("hint", hint) for hint in question.hints),
        ]
        if answers is None:
            texts.append(("general", question.general_feedback_html))
        self.keys += [(key, self.embedded(text)) for key, text in texts if text]


def _percent(weight: Decimal) -> str:
    return f"%{show(weight)}%"


def write(questions: Sequence[Question]) -> tuple[bytes, list[Issue]]:
    """The questions as GIFT in UTF-8, and what other systems will not read of them."""
    parts = [f"// {UTF8_DECLARATION}\n"]
    issues: list[Issue] = []
    category = ""
    for question in questions:
        if question.category != category:
            category = question.category
            parts.append(f"$CATEGORY: $course$/top/{escape(category)}\n")
        writer = _Writer(question)
        parts.append(writer.write())
        if question.kind is Kind.ORDER:
            issues.append(make_issue(Severity.WARNING, "export_gift_order", title=question.title))
        fields = list(dict.fromkeys(key for key, _ in writer.keys if key != "blank"))
        if fields:
            issues.append(
                make_issue(
                    Severity.WARNING,
                    "export_gift_comment",
                    {"fields": ", ".join(fields)},
                    title=question.title,
                )
            )
    return "\n".join(parts).encode("utf-8"), issues
