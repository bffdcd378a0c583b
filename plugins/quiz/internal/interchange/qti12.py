"""QTI 1.2, plain and in the profiles of Canvas (``question_type``) and Common Cartridge (``cc_profile``)."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from .archive import Package
from .collect import Collector, Refused
from .encoding import decode
from .markup import from_plain, plain, to_text
from .model import (
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
    right_or_wrong,
)
from .numbers_text import number, points
from .qti12_scoring import Condition, Processing, equalities, intervals, is_combined, processing
from .xmltree import Node, parse, split_elements

_TYPES: Final = {
    "multiple_choice_question": "choice",
    "true_false_question": "truefalse",
    "multiple_answers_question": "choice",
    "short_answer_question": "short",
    "numerical_question": "numeric",
    "essay_question": "essay",
    "matching_question": "match",
    "text_only_question": "description",
    "cc.multiple_choice.v0p1": "choice",
    "cc.multiple_response.v0p1": "choice",
    "cc.true_false.v0p1": "truefalse",
    "cc.fib.v0p1": "short",
    "cc.pattern_match.v0p1": "short",
    "cc.essay.v0p1": "essay",
}
_TYPE_FIELDS: Final = ("question_type", "cc_profile")
_RESOURCE: Final = re.compile(r"^(?:imsqti_xmlv1p2|imsqti_item_xmlv1p2)", re.IGNORECASE)
_HEAD: Final = re.compile(rb"<(?:[\w.-]+:)?questestinterop[\s>]")
_FILEBASE: Final = re.compile(r"^(?:\$|%24)(?:IMS-CC-FILEBASE|CANVAS_OBJECT_REFERENCE)(?:\$|%24)/?")
_TRUTHS: Final = {"true": True, "t": True, "vrai": True, "false": False, "f": False, "faux": False}


def _material(node: Node | None) -> str:
    """The texts and images of ``material`` directly in ``node`` (not those of its responses)."""
    if node is None:
        return ""
    parts: list[str] = []
    for child in node.elements():
        if child.name in {"material", "flow_mat", "flow", "material_ref"}:
            parts.append(_material(child))
        elif child.name in {"mattext", "matemtext"}:
            parts.append(_mattext(child))
        elif child.name == "matimage" and child.get("uri"):
            parts.append(f'<img src="{child.get("uri")}" alt="">')
        elif child.name == "matbreak":
            parts.append("<br>")
    return "".join(parts)


def _mattext(node: Node) -> str:
    text = node.text().strip()
    texttype = node.get("texttype", "text/plain").lower()
    # The XML parser has undone the escaping once, which is all: this is HTML now.
    if texttype in {"text/html", "text/xhtml"}:
        return text
    return from_plain(text)


class _Item:
    """Reads one ``item``."""

    def __init__(self, node: Node, out: Collector) -> None:
        self.node = node
        self.out = out
        self.title = plain(node.get("title"))
        self.presentation = node.first("presentation") or Node("presentation")
        self.rules: Processing = processing(node)
        self.metadata = {
            plain(label.text()).lower(): plain(entry.text())
            for part in node.walk("qtimetadatafield")
            if (label := part.first("fieldlabel")) and (entry := part.first("fieldentry"))
        }
        self.feedback = {
            f.get("ident"): "".join(map(_mattext, f.walk("mattext")))
            for f in node.elements("itemfeedback")
        }
        self.used: set[str] = set()

    def warn(self, code: str, **params: object) -> None:
        self.out.warn(code, line=self.node.line, title=self.title, **params)

    def question(self) -> Question:
        """The question; raises ``Refused`` when it cannot be represented."""
        kind, body = self._answers()
        results = self._results()
        worth = self.metadata.get("points_possible") or self.metadata.get("cc_weighting") or "1"
        return Question(
            kind=kind,
            stem_html=_material(self.presentation),
            body=body,
            title=self.title,
            source_id=self.node.get("ident"),
            points=points(worth),
            general_feedback_html=results.get("general", ""),
            correct_feedback_html=results.get("correct", ""),
            incorrect_feedback_html=results.get("incorrect", ""),
        )

    def _answers(self) -> tuple[Kind, Body]:
        declared = next((self.metadata[f] for f in _TYPE_FIELDS if self.metadata.get(f)), "")
        if declared and declared.lower() not in _TYPES:
            raise Refused("unsupported_type", type=declared)
        responses = [
            n
            for n in self.presentation.walk()
            if n.name.startswith("response_") and n.name != "response_label"
        ]
        profile = _TYPES.get(declared.lower()) or self._guess(responses)
        readers: dict[str, Callable[[list[Node]], tuple[Kind, Body]]] = {
            "choice": self._choice,
            "truefalse": self._truefalse,
            "short": self._short,
            "numeric": self._numeric,
            "match": self._match,
            "order": self._order,
            "essay": lambda _: (Kind.ESSAY, EssayBody(self._solution())),
            "description": lambda _: (Kind.DESCRIPTION, DescriptionBody()),
        }
        if profile in {"choice", "truefalse", "short", "numeric", "order"} and len(responses) != 1:
            types = ", ".join(dict.fromkeys(n.name for n in responses)) or "?"
            raise Refused("qti_several_interactions", type=types)
        return readers[profile](responses)

    def _guess(self, responses: list[Node]) -> str:
        """The profile of an item that declares none."""
        if not responses:
            return "description"
        names = {node.name for node in responses}
        if len(responses) > 1:
            if names == {"response_lid"}:
                return "match"
            raise Refused("qti_several_interactions", type=", ".join(sorted(names)))
        node = responses[0]
        shown = {n.name for n in node.elements() if n.name.startswith("render_")}
        if node.name == "response_lid" and shown <= {"render_choice", "render_extension"}:
            return "order" if node.get("rcardinality").lower() == "ordered" else "choice"
        if node.name == "response_num":
            return "numeric"
        if node.name == "response_str":
            fib = node.find("render_fib")
            if fib is not None and fib.get("fibtype").lower() in {
                "integer",
                "decimal",
                "scientific",
            }:
                return "numeric"
            return "short" if self.rules.scored() else "essay"
        raise Refused(
            "qti_no_interaction_support", type=f"{node.name} {' '.join(sorted(shown))}".strip()
        )

    def _linked(self, ids: tuple[str, ...]) -> str:
        self.used.update(i for i in ids if i in self.feedback)
        return "".join(self.feedback.get(i, "") for i in ids)

    def _labels(self, response: Node) -> dict[str, str]:
        return {n.get("ident"): _material(n) for n in response.walk("response_label")}

    def _weights(self, labels: dict[str, str], several: bool) -> list[Decimal]:
        weights = dict.fromkeys(labels, ZERO)
        combined: list[tuple[Condition, list[tuple[str, str, bool]]]] = []
        simple = 0
        for condition in self.rules.scored():
            found = list(equalities(condition.variables))
            if is_combined(condition.variables) and several:
                combined.append((condition, found))
                continue
            for _, value, negated in found:
                if value in weights and not negated:
                    weights[value] = self.rules.share(condition)
                    simple += 1
                elif value in weights:
                    self.warn("scoring_extra_lost")
        if combined and not simple:
            if len(combined) > 1:
                self.warn("scoring_extra_lost")
            best = max(combined, key=lambda part: part[0].score or ZERO)
            right = {value for _, value, negated in best[1] if not negated}
            if len(right) > 1:
                self.out.info("all_or_nothing", line=self.node.line, title=self.title)
            return list(right_or_wrong([ident in right for ident in labels], all_or_nothing=True))
        if combined:
            self.warn("scoring_extra_lost")
        if not any(weight > 0 for weight in weights.values()):
            raise Refused("qti_no_key")
        return list(weights.values())

    def _choice_feedback(self, ident: str) -> str:
        texts = []
        for condition in self.rules.conditions:
            found = list(equalities(condition.variables))
            # A link on a condition with several responses belongs to the result, not to one choice.
            if [value for _, value, negated in found if not negated] == [ident] and len(found) == 1:
                texts.append(
                    self._linked(tuple(i for i in condition.feedback if _result_of(i) is None))
                )
        return "".join(texts)

    def _choice(self, responses: list[Node]) -> tuple[Kind, Body]:
        response = responses[0]
        labels = self._labels(response)
        several = response.get("rcardinality", "Single").lower() == "multiple"
        weights = self._weights(labels, several)
        render = response.find("render_choice")
        shuffle = render is None or render.get("shuffle", "Yes").lower() != "no"
        choices = tuple(
            Choice(text, weight, self._choice_feedback(ident))
            for (ident, text), weight in zip(labels.items(), weights, strict=True)
        )
        return (Kind.MULTIPLE if several else Kind.SINGLE), ChoiceBody(choices, shuffle)

    def _truefalse(self, responses: list[Node]) -> tuple[Kind, Body]:
        labels = self._labels(responses[0])
        truths = {ident: _TRUTHS.get(to_text(text).lower()) for ident, text in labels.items()}
        if sorted(map(str, truths.values())) != ["False", "True"]:
            return self._choice(responses)
        weights = dict(zip(labels, self._weights(labels, False), strict=True))
        by_truth = {truths[ident]: ident for ident in labels}
        return Kind.TRUEFALSE, TrueFalseBody(
            weights[by_truth[True]] > 0,
            self._choice_feedback(by_truth[True]),
            self._choice_feedback(by_truth[False]),
        )

    def _short(self, responses: list[Node]) -> tuple[Kind, Body]:
        answers: list[ShortAnswer] = []
        cases: set[bool] = set()
        for condition in self.rules.scored():
            for node in condition.variables.walk("varequal", "varsubstring"):
                wild = node.name == "varsubstring"
                text = node.text().strip().replace("*", "\\*") if wild else node.text().strip()
                cases.add(node.get("case", "No").lower() == "yes")
                links = tuple(i for i in condition.feedback if _result_of(i) is None)
                share = self.rules.share(condition)
                answers.append(
                    ShortAnswer(f"*{text}*" if wild else text, share, wild, self._linked(links))
                )
        if cases == {True, False}:
            self.warn("case_mixed")
        return Kind.SHORT, ShortBody(tuple(answers), cases == {True})

    def _numeric(self, responses: list[Node]) -> tuple[Kind, Body]:
        answers = []
        for condition in self.rules.scored():
            links = tuple(i for i in condition.feedback if _result_of(i) is None)
            for centre, width in intervals(condition.variables):
                share = self.rules.share(condition)
                answers.append(NumericAnswer(centre, width, share, self._linked(links)))
        return Kind.NUMERIC, NumericBody(tuple(answers))

    def _order(self, responses: list[Node]) -> tuple[Kind, Body]:
        labels = self._labels(responses[0])
        for condition in self.rules.scored():
            nodes = [n for n in condition.variables.walk("varequal") if n.text().strip() in labels]
            if all(node.get("index") for node in nodes):
                nodes.sort(key=lambda node: number(node.get("index")))
            ids = [node.text().strip() for node in nodes]
            if len(ids) == len(labels) and set(ids) == set(labels):
                return Kind.ORDER, OrderBody(tuple(labels[i] for i in ids))
        raise Refused("qti_no_key")

    def _match(self, responses: list[Node]) -> tuple[Kind, Body]:
        target: dict[str, str] = {}
        shares = set()
        for condition in self.rules.scored():
            for respident, value, negated in equalities(condition.variables):
                if not negated and (condition.score or ZERO) > 0:
                    target[respident] = value
                    shares.add(condition.score)
        if len(shares) > 1:
            self.warn("pair_weights_lost")
        pairs: list[Pair] = []
        options: list[str] = []
        for response in responses:
            labels = {i: to_text(text) for i, text in self._labels(response).items()}
            options += labels.values()
            right = labels.get(target.get(response.get("ident"), ""))
            if right is None:
                raise Refused("qti_no_key")
            pairs.append(Pair(_material(response), right))
        return Kind.MATCH, MatchBody(tuple(pairs), tuple(options))

    def _solution(self) -> str:
        texts = []
        for name, text in self.feedback.items():
            if _result_of(name) is None:
                self.used.add(name)
                texts.append(text)
        return "".join(texts)

    def _results(self) -> dict[str, str]:
        results: dict[str, str] = {}
        for name, text in self.feedback.items():
            if name in self.used or not text:
                continue
            result = _result_of(name)
            if result is None or result in results:
                self.warn("shared_feedback_not_kept", text=to_text(text))
            else:
                results[result] = text
        return results


def _result_of(name: str) -> str | None:
    """Which result a feedback belongs to by its customary name."""
    folded = name.lower()
    if folded in {"general_fb", "general", "solution"}:
        return "general"
    if folded in {"correct_fb", "correct"}:
        return "correct"
    return "incorrect" if folded in {"general_incorrect_fb", "incorrect_fb", "incorrect"} else None


def _read_items(text: str, out: Collector, package: Package | None, name: str) -> None:
    def resolve(src: str) -> bytes | None:
        path = package.locate(_FILEBASE.sub("", src), name) if package else None
        return package.read(path) if package and path else None

    nodes: list[Node | tuple[int, Refused]] = []
    try:
        nodes = list(parse(text, allow_doctype=True).walk("item"))
    except Refused as refused:
        if refused.code != "xml_broken":
            raise
        for line, source in split_elements(text, "item"):
            try:
                nodes.append(parse(source, first_line=line))
            except Refused as broken:
                nodes.append((line, broken))
        if not nodes:
            raise
    for node in nodes:
        if isinstance(node, tuple):
            out.reject_refused(node[1], line=node[0])
            continue
        try:
            question = _Item(node, out).question()
        except Refused as refused:
            out.reject_refused(refused, line=node.line, title=plain(node.get("title")))
            continue
        out.add(question, line=node.line, resolve=resolve)


def read_text(text: str, out: Collector) -> None:
    """Read a bare ``questestinterop`` into ``out``."""
    _read_items(text, out, None, "")


def read_package(package: Package, out: Collector) -> None:
    """Read every question file of a package into ``out``."""
    from .qti_package import read_manifest

    manifest = read_manifest(package, _RESOURCE, out)
    for href in manifest.missing:
        out.fail("file_missing", item=href, file=href)
    others = [
        name
        for name in package.names()
        if name not in manifest.files
        and name.lower().endswith((".xml", ".qti"))
        and _HEAD.search((package.read(name) or b"")[:20_000])
    ]
    for name in [*manifest.files, *others]:
        out.item = name
        data = package.read(name) or b""
        if not _HEAD.search(data[:20_000]):
            continue
        try:
            _read_items(decode(data).text, out, package, name)
        except Refused as refused:
            out.fail(refused.code, line=refused.line, **refused.params)
    out.item = ""
