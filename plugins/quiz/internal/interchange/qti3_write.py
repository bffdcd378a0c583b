"""QTI 3.0 export: a package with manifest, test, items with response processing, and images."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Final

from .encoding import MISREAD
from .markup import replace_images, to_xhtml, xml_attribute
from .model import (
    BLANK,
    HUNDRED,
    ChoiceBody,
    EssayBody,
    Issue,
    Kind,
    MatchBody,
    NumericBody,
    OrderBody,
    Question,
    ShortBody,
    TrueFalseBody,
)
from .moodle_write import xml_text
from .numbers_text import show, tidy
from .qti3_manifest import NAMESPACE, manifest, test_of
from .qti_answers import wildcard_pattern
from .qti_item import TOOL
from .qti_stem import encode_identifier

_RESULT: Final = """<qti-response-condition><qti-response-if><qti-gte><qti-variable identifier="SCORE"/>\
<qti-variable identifier="MAXSCORE"/></qti-gte>{correct}</qti-response-if><qti-response-else-if><qti-gt>\
<qti-variable identifier="SCORE"/><qti-base-value base-type="float">0</qti-base-value></qti-gt>{partial}\
</qti-response-else-if><qti-response-else>{incorrect}</qti-response-else></qti-response-condition>"""


def _set(outcome: str, value: str, base_type: str) -> str:
    return (
        f'<qti-set-outcome-value identifier="{outcome}"><qti-base-value base-type="{base_type}">'
        f"{value}</qti-base-value></qti-set-outcome-value>"
    )


class _Item:
    """Writes one item; ``folder`` is where its images lie, seen from the item."""

    def __init__(self, question: Question, number: int) -> None:
        self.question = question
        self.folder = f"media/item-{number:05}"
        self.declaration = ""
        self.processing = ""
        self.interaction = ""
        self.inline = False
        self.rubric = ""
        self.modal: list[tuple[str, str, str]] = []
        self.many = "single"
        self.identifier = f"auto-{number:05}"
        if question.source_id:
            self.identifier = "id-" + encode_identifier(question.source_id)

    def xhtml(self, text: str) -> str:
        text = replace_images(text, lambda name: f"../{self.folder}/{name}")
        return _repair_safe(to_xhtml(text))

    def block(self, text: str, marker: str) -> str:
        return f'<div class="{marker}">{self.xhtml(text)}</div>'

    def scaled(self, weight: Decimal) -> str:
        """A weight as a score; a question of 0 points keeps its weights on a scale of 1."""
        with localcontext() as context:
            context.prec = 60
            return show(tidy(weight * (self.question.points or Decimal(1)) / HUNDRED))

    def feedback(self, identifier: str, text: str, outcome: str = "FEEDBACK") -> None:
        if text:
            self.modal.append((outcome, identifier, text))

    def declare(
        self,
        cardinality: str,
        base: str,
        correct: Sequence[str],
        mapping: str = "",
        default: str = "",
    ) -> None:
        values = "".join(f"<qti-value>{xml_text(value)}</qti-value>" for value in correct)
        right = f"<qti-correct-response>{values}</qti-correct-response>" if correct else ""
        first = f"<qti-default-value><qti-value>{xml_text(default)}</qti-value></qti-default-value>"
        self.declaration = (
            f'<qti-response-declaration identifier="RESPONSE" cardinality="{cardinality}" '
            f'base-type="{base}">{first if default else ""}{right}{mapping}</qti-response-declaration>'
        )

    def mapping(self, entries: Sequence[tuple[str, str]]) -> str:
        listed = "".join(
            f'<qti-map-entry map-key="{key}" mapped-value="{value}"/>' for key, value in entries
        )
        bound = show(self.question.points or Decimal(1))
        return f'<qti-mapping lower-bound="0" upper-bound="{bound}" default-value="0">{listed}</qti-mapping>'

    def map_response(self) -> None:
        self.processing = (
            '<qti-set-outcome-value identifier="SCORE"><qti-map-response identifier="RESPONSE"/>'
            "</qti-set-outcome-value>"
        )
        if self.modal:
            self.processing += (
                '<qti-set-outcome-value identifier="FEEDBACK"><qti-variable identifier="RESPONSE"/>'
                "</qti-set-outcome-value>"
            )

    def choices(self, rows: Sequence[tuple[str, str, Decimal, str]], shuffle: bool) -> None:
        """Rows of identifier, XHTML, weight and feedback."""
        self.many = "multiple" if self.question.kind is Kind.MULTIPLE else "single"
        right = [row[0] for row in rows if row[2] > 0]
        if self.many == "single":
            right = [row[0] for row in rows if row[2] == HUNDRED][:1]
        mapping = self.mapping([(row[0], self.scaled(row[2])) for row in rows])
        self.declare(self.many, "identifier", right, mapping)
        listed = "".join(
            f'<qti-simple-choice identifier="{i}">{text}</qti-simple-choice>'
            for i, text, _, _ in rows
        )
        limit = 0 if self.many == "multiple" else 1
        self.interaction = (
            f'<qti-choice-interaction response-identifier="RESPONSE" max-choices="{limit}" '
            f'shuffle="{str(shuffle).lower()}">{listed}</qti-choice-interaction>'
        )
        for identifier, _, _, feedback in rows:
            self.feedback(identifier, feedback)
        self.map_response()

    def typed(self, base: str, correct: str, tests: Sequence[tuple[str, Decimal, str]]) -> None:
        """Tests in order, each with its weight and feedback; the first that holds counts."""
        self.declare("single", base, [correct])
        branches = []
        for n, (test, weight, feedback) in enumerate(tests, 1):
            name = "qti-response-if" if n == 1 else "qti-response-else-if"
            sets = _set("SCORE", self.scaled(weight), "float")
            if feedback:
                sets += _set("FEEDBACK", f"ANSWER_{n}", "identifier")
                self.feedback(f"ANSWER_{n}", feedback)
            branches.append(f"<{name}>{test}{sets}</{name}>")
        self.processing = f"<qti-response-condition>{''.join(branches)}</qti-response-condition>"
        self.interaction = '<qti-text-entry-interaction response-identifier="RESPONSE"/>'
        self.inline = True

    def body(self) -> None:
        body = self.question.body
        match body:
            case ChoiceBody():
                self.choices(
                    [
                        (f"C{n}", self.block(c.text_html, "text"), c.weight, c.feedback_html)
                        for n, c in enumerate(body.choices, 1)
                    ],
                    body.shuffle,
                )
            case TrueFalseBody():
                true, false = (HUNDRED, Decimal(0)) if body.correct else (Decimal(0), HUNDRED)
                rows = [
                    ("true", "True", true, body.true_feedback_html),
                    ("false", "False", false, body.false_feedback_html),
                ]
                self.choices(rows, False)
            case NumericBody():
                self.numeric(body)
            case ShortBody():
                self.short(body)
            case OrderBody():
                self.order(body)
            case MatchBody():
                self.match(body)
            case EssayBody():
                if body.grader_info_html:
                    text = self.xhtml(body.grader_info_html)
                    self.rubric = f'<qti-rubric-block view="scorer"><qti-content-body>{text}</qti-content-body></qti-rubric-block>'
                self.declare("single", "string", [], default=self.embedded(body.template_html))
                self.interaction = '<qti-extended-text-interaction response-identifier="RESPONSE"/>'
            case _:
                pass

    def embedded(self, text: str) -> str:
        return replace_images(text, lambda name: f"../{self.folder}/{name}")

    def numeric(self, body: NumericBody) -> None:
        variable = '<qti-variable identifier="RESPONSE"/>'
        tests = []
        for answer in body.answers:
            if answer.value is None:
                test = f"<qti-not><qti-is-null>{variable}</qti-is-null></qti-not>"
            else:
                width = show(answer.tolerance)
                test = (
                    f'<qti-equal tolerance-mode="absolute" tolerance="{width} {width}">{variable}'
                    f'<qti-base-value base-type="float">{show(answer.value)}</qti-base-value></qti-equal>'
                )
            tests.append((test, answer.weight, answer.feedback_html))
        best = max(body.answers, key=lambda answer: answer.weight)
        self.typed("float", show(best.value if best.value is not None else Decimal(0)), tests)

    def short(self, body: ShortBody) -> None:
        case = str(body.case_sensitive).lower()
        variable = '<qti-variable identifier="RESPONSE"/>'
        tests = []
        for answer in body.answers:
            if answer.wildcards:
                pattern = _repair_safe(
                    xml_attribute(wildcard_pattern(answer.text, body.case_sensitive))
                )
                declared = "sensitive" if body.case_sensitive else "insensitive"
                test = (
                    f'<qti-pattern-match pattern={pattern} data-case="{declared}">{variable}'
                    "</qti-pattern-match>"
                )
            else:
                test = (
                    f'<qti-string-match case-sensitive="{case}">{variable}'
                    f'<qti-base-value base-type="string">{xml_text(answer.text)}</qti-base-value>'
                    "</qti-string-match>"
                )
            tests.append((test, answer.weight, answer.feedback_html))
        best = max(body.answers, key=lambda answer: answer.weight)
        self.typed("string", best.text, tests)

    def order(self, body: OrderBody) -> None:
        names = [f"O{n}" for n in range(1, len(body.items) + 1)]
        self.declare("ordered", "identifier", names)
        listed = "".join(
            f'<qti-simple-choice identifier="{name}">{self.block(item, "text")}</qti-simple-choice>'
            for name, item in zip(names, body.items, strict=True)
        )
        self.interaction = (
            '<qti-order-interaction response-identifier="RESPONSE" shuffle="true">'
            f"{listed}</qti-order-interaction>"
        )
        self.processing = (
            '<qti-response-condition><qti-response-if><qti-match><qti-variable identifier="RESPONSE"/>'
            '<qti-correct identifier="RESPONSE"/></qti-match>'
            f"{_set('SCORE', self.scaled(HUNDRED), 'float')}</qti-response-if></qti-response-condition>"
        )

    def match(self, body: MatchBody) -> None:
        rights = list(dict.fromkeys([*(pair.right for pair in body.pairs), *body.distractors]))
        number = {text: n for n, text in enumerate(rights, 1)}
        links = [f"L{n} R{number[pair.right]}" for n, pair in enumerate(body.pairs, 1)]
        with localcontext() as context:
            context.prec = 12
            share = show(tidy((self.question.points or Decimal(1)) / len(links)))
        self.declare("multiple", "directedPair", links, self.mapping([(k, share) for k in links]))
        self.declaration = self.declaration.replace('"directedPair"', '"directed-pair"')
        left = "".join(
            f'<qti-simple-associable-choice identifier="L{n}" match-max="1">'
            f"{self.block(pair.left_html, 'text')}</qti-simple-associable-choice>"
            for n, pair in enumerate(body.pairs, 1)
        )
        right = "".join(
            f'<qti-simple-associable-choice identifier="R{n}" match-max="0">{xml_text(text)}'
            "</qti-simple-associable-choice>"
            for text, n in number.items()
        )
        self.interaction = (
            f'<qti-match-interaction response-identifier="RESPONSE" shuffle="{str(body.shuffle).lower()}" '
            f'max-associations="{len(links)}"><qti-simple-match-set>{left}</qti-simple-match-set>'
            f"<qti-simple-match-set>{right}</qti-simple-match-set></qti-match-interaction>"
        )
        self.map_response()

    def stem(self) -> str:
        before, blank, after = self.question.stem_html.partition(BLANK)
        if not blank:
            answer = (
                f'<div class="answer">{self.interaction}</div>' if self.inline else self.interaction
            )
            return self.block(before, "stem") + answer
        # The place is inside the markup, so it is filled in after the conversion to XML.
        text = self.xhtml(before + BLANK + after)
        inner = self.interaction if self.inline else "_____"
        text = text.replace(BLANK, f'<span class="blank">{inner}</span>')
        return f'<div class="stem">{text}</div>' + ("" if self.inline else self.interaction)

    def results(self) -> str:
        question = self.question
        names = {
            "correct": question.correct_feedback_html,
            "partial": question.partial_feedback_html,
            "incorrect": question.incorrect_feedback_html,
        }
        sets = {}
        for name, text in names.items():
            self.feedback(name.upper(), text, "RESULT")
            sets[name] = _set("RESULT", name.upper(), "identifier")
        text = _RESULT.format(**sets) if any(names.values()) else ""
        if question.general_feedback_html:
            self.feedback("GENERAL", question.general_feedback_html, "GENERAL_SHOWN")
            text += _set("GENERAL_SHOWN", "GENERAL", "identifier")
        for n, hint in enumerate(question.hints, 1):
            self.feedback(f"HINT_{n}", hint, "HINT")
        return text

    def write(self) -> bytes:
        question = self.question
        self.body()
        processing = self.processing + self.results()
        human = ' external-scored="human"' if question.kind is Kind.ESSAY else ""
        outcomes = (
            f'<qti-outcome-declaration identifier="SCORE" cardinality="single" base-type="float"{human}>'
            "<qti-default-value><qti-value>0</qti-value></qti-default-value></qti-outcome-declaration>"
            '<qti-outcome-declaration identifier="MAXSCORE" cardinality="single" base-type="float">'
            f"<qti-default-value><qti-value>{show(question.points)}</qti-value></qti-default-value>"
            "</qti-outcome-declaration>"
        )
        for name in dict.fromkeys(outcome for outcome, _, _ in self.modal):
            many = self.many if name == "FEEDBACK" else "single"
            outcomes += (
                f'<qti-outcome-declaration identifier="{name}" cardinality="{many}" '
                'base-type="identifier"/>'
            )
        modal = "".join(
            f'<qti-modal-feedback outcome-identifier="{outcome}" identifier="{name}" show-hide="show">'
            f"<qti-content-body>{self.xhtml(text)}</qti-content-body></qti-modal-feedback>"
            for outcome, name, text in self.modal
        )
        rules = (
            f"<qti-response-processing>{processing}</qti-response-processing>" if processing else ""
        )
        title = _repair_safe(xml_attribute(question.title))
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<qti-assessment-item xmlns="{NAMESPACE}" identifier="{self.identifier}" title={title} '
            f'adaptive="false" time-dependent="false" tool-name="{TOOL}" tool-version="1">\n'
            f"{self.declaration}{outcomes}\n"
            f"<qti-item-body>{self.rubric}{self.stem()}</qti-item-body>\n"
            f"{rules}{modal}\n</qti-assessment-item>\n"
        ).encode()


def _repair_safe(markup: str) -> str:
    """Markup whose letters an importer cannot take for wrongly encoded ones."""
    return MISREAD.sub(lambda match: "".join(f"&#{ord(c)};" for c in match.group(0)), markup)


def write(questions: Sequence[Question]) -> tuple[bytes, list[Issue]]:
    """The questions as a QTI 3.0 package; it carries everything, so there are no issues."""
    buffer = io.BytesIO()
    images = [
        [f"media/item-{n:05}/{file.name}" for file in question.media]
        for n, question in enumerate(questions, 1)
    ]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:

        def add(name: str, data: bytes) -> None:
            # A fixed date makes the same questions give the same file.
            package.writestr(
                zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED
            )

        add("imsmanifest.xml", manifest(questions, images))
        add("test.xml", test_of(len(questions)))
        for n, question in enumerate(questions, 1):
            add(f"items/item-{n:05}.xml", _Item(question, n).write())
            for name, file in zip(images[n - 1], question.media, strict=True):
                add(name, file.data)
    return buffer.getvalue(), []
