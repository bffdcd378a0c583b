"""One QTI 2 or 3 item, in the names of QTI 2, to a question."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from .collect import Collector, Refused
from .markup import from_plain, plain, to_text
from .model import (
    BLANK,
    HUNDRED,
    ZERO,
    Body,
    Choice,
    ChoiceBody,
    DescriptionBody,
    EssayBody,
    Kind,
    MatchBody,
    OrderBody,
    Pair,
    Question,
    TrueFalseBody,
    right_or_wrong,
)
from .qti_answers import full_score, typed_body
from .qti_scoring import Declaration, Scoring, declarations, literal, matches_correct, scoring
from .qti_stem import FIELD, Stem, decode_identifier, unwrapped
from .xmltree import Node, to_html

TOOL: Final = "Tremplin"
_SUPPORTED: Final = frozenset(
    "choiceInteraction inlineChoiceInteraction textEntryInteraction extendedTextInteraction "
    "orderInteraction matchInteraction gapMatchInteraction".split()
)
_RESULTS: Final = {
    "CORRECT": "correct",
    "PARTIAL": "partial",
    "INCORRECT": "incorrect",
    "GENERAL": "general",
    "SOLUTION": "general",
}


@dataclass(slots=True)
class _Parts:
    """What the body of an item holds beside its answers."""

    feedback: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    grader: str = ""
    gaps: int = 0

    def take(self, ids: tuple[str, ...]) -> str:
        found = [self.feedback[i] for i in ids if i in self.feedback]
        self.used.update(ids)
        return "".join(found)


class Item:
    """Reads one ``assessmentItem``. ``stimulus`` is the HTML of the shared material it refers to."""

    def __init__(self, node: Node, out: Collector, stimulus: str = "") -> None:
        self.node = node
        self.out = out
        self.stimulus = stimulus
        self.title = plain(node.get("title"))
        self.parts = _Parts()

    def warn(self, code: str, **params: object) -> None:
        self.out.warn(code, line=self.node.line, title=self.title, **params)

    def question(self) -> Question:
        """The question; raises ``Refused`` when it cannot be represented."""
        node = self.node
        if node.get("adaptive") == "true":
            raise Refused("qti_adaptive")
        if node.first("templateProcessing", "templateDeclaration"):
            raise Refused("qti_template")
        body = node.first("itemBody")
        if body is None:
            raise Refused("no_stem")
        interactions = [n for n in body.walk() if n.name.endswith("Interaction")]
        self._feedback()
        rules = scoring(node)
        declared = declarations(node)
        kind, answer_body = self._answers(interactions, declared, rules)
        stem = self.stimulus + self._stem(body, kind)
        results = self._results(rules)
        return Question(
            kind=kind,
            stem_html=stem,
            body=answer_body,
            title=self.title,
            source_id=self._source_id(),
            points=self._points(kind, rules, declared, answer_body),
            general_feedback_html=results.get("general", ""),
            correct_feedback_html=results.get("correct", ""),
            partial_feedback_html=results.get("partial", ""),
            incorrect_feedback_html=results.get("incorrect", ""),
            hints=tuple(
                text for name, text in self.parts.feedback.items() if name.startswith("HINT_")
            ),
        )

    def _source_id(self) -> str:
        identifier = self.node.get("identifier")
        if self.node.get("toolName") != TOOL:
            return identifier
        if identifier.startswith("auto-"):
            return ""
        return decode_identifier(identifier.removeprefix("id-"))

    def _points(
        self, kind: Kind, rules: Scoring, declared: dict[str, Declaration], body: Body
    ) -> Decimal:
        if rules.points is not None:
            return rules.points
        if rules.mode == "map" and declared:
            only = next(iter(declared.values()))
            several = kind in {Kind.MULTIPLE, Kind.MATCH}
            return full_score(only, rules, list(only.mapping.values()), several)
        scores = [rule.score for rule in rules.rules if rule.score and rule.score > 0]
        return max(scores, default=Decimal(1))

    def _feedback(self) -> None:
        for node in self.node.elements("modalFeedback"):
            content = node.first("contentBody") or node
            text = to_html(content.children).strip(" \t\n")
            if node.get("showHide", "show") == "show" and text:
                self.parts.feedback[node.get("identifier")] = text

    def _results(self, rules: Scoring) -> dict[str, str]:
        results: dict[str, str] = {}
        for name, text in self.parts.feedback.items():
            if name in self.parts.used or name.startswith("HINT_"):
                continue
            result = _RESULTS.get(name.upper())
            for rule in rules.rules:
                if result is None and name in rule.feedback:
                    result = "correct" if matches_correct(rule.test) else None
                    result = "incorrect" if rule.test is None else result
            if result is None or result in results:
                self.warn("shared_feedback_not_kept", text=to_text(text))
            else:
                results[result] = text
        return results

    def _answers(
        self, interactions: list[Node], declared: dict[str, Declaration], rules: Scoring
    ) -> tuple[Kind, Body]:
        if not interactions:
            return Kind.DESCRIPTION, DescriptionBody()
        names = list(dict.fromkeys(node.name for node in interactions))
        unsupported = [name for name in names if name not in _SUPPORTED]
        if unsupported:
            raise Refused("qti_no_interaction_support", type=", ".join(unsupported))
        if len(interactions) > 1:
            if names != ["inlineChoiceInteraction"]:
                raise Refused("qti_several_interactions", type=", ".join(names))
            return self._inline_choices(interactions, declared)
        node = interactions[0]
        answer = declared.get(node.get("responseIdentifier"), Declaration(""))
        if node.name in {"choiceInteraction", "inlineChoiceInteraction"}:
            return self._choice(node, answer, rules)
        if node.name == "textEntryInteraction":
            return typed_body(answer, rules, self.parts.take, self.warn)
        if node.name == "extendedTextInteraction":
            if answer.correct:
                self.parts.grader += from_plain("\n".join(answer.correct))
            for rubric in self.node.walk("rubricBlock"):
                if "scorer" in rubric.get("view").split():
                    content = rubric.first("contentBody") or rubric
                    self.parts.grader += to_html(content.children).strip(" \t\n")
            return Kind.ESSAY, EssayBody(self.parts.grader, answer.default)
        if node.name == "orderInteraction":
            return self._order(node, answer, rules)
        if node.name == "matchInteraction":
            return self._match(node, answer, rules)
        return self._gap_match(node, answer)

    def _choice(self, node: Node, answer: Declaration, rules: Scoring) -> tuple[Kind, Body]:
        choices = list(node.elements("simpleChoice", "inlineChoice"))
        ids = [choice.get("identifier") for choice in choices]
        several = answer.cardinality == "multiple"
        weights = self._choice_weights(ids, answer, rules, several)
        texts, feedback = [], []
        for choice in choices:
            inline = list(choice.elements("feedbackInline", "feedbackBlock"))
            kept = [child for child in choice.children if child not in inline]
            texts.append(unwrapped(kept))
            own = "".join(to_html(n.children).strip() for n in inline)
            feedback.append(own + self.parts.take((choice.get("identifier"),)))
        if not several and {i.lower() for i in ids} == {"true", "false"} and len(ids) == 2:
            by_id = dict(zip((i.lower() for i in ids), feedback, strict=True))
            right = dict(zip((i.lower() for i in ids), weights, strict=True))["true"] > 0
            return Kind.TRUEFALSE, TrueFalseBody(right, by_id["true"], by_id["false"])
        if several and node.get("maxChoices", "1") not in {"0", str(len(ids))}:
            limit = int(node.get("maxChoices", "1")) if node.get("maxChoices", "1").isdigit() else 1
            if limit < sum(weight > 0 for weight in weights):
                self.warn("choice_limit_lost", limit=limit)
        fixed = [choice.get("fixed") == "true" for choice in choices]
        shuffle = node.get("shuffle") == "true" and not any(fixed)
        if node.get("shuffle") == "true" and any(fixed) and not all(fixed):
            self.warn("fixed_choices_lost")
        kind = Kind.MULTIPLE if several else Kind.SINGLE
        built = map(Choice, texts, weights, feedback)
        return kind, ChoiceBody(tuple(built), shuffle)

    def _choice_weights(
        self, ids: list[str], answer: Declaration, rules: Scoring, several: bool
    ) -> list[Decimal]:
        if answer.mapping and (rules.mode == "map" or not answer.correct):
            full = full_score(answer, rules, list(answer.mapping.values()), several)
            shares = [answer.mapping.get(i, ZERO) / full * HUNDRED for i in ids]
            return [max(min(share, HUNDRED), -HUNDRED) for share in shares]
        if rules.mode == "rules" and not several:
            scored = {
                literal(rule.test).strip(): rule.score or ZERO
                for rule in rules.rules
                if rule.test is not None
                and rule.test.name == "match"
                and rule.test.find("baseValue")
            }
            if scored:
                full = full_score(answer, rules, list(scored.values()), False)
                return [scored.get(i, ZERO) / full * HUNDRED for i in ids]
        if not answer.correct or not set(answer.correct) <= set(ids):
            raise Refused("qti_no_key")
        if rules.mode in {"none", "rules"}:
            self.warn("scoring_fallback")
        elif several and len(answer.correct) > 1:
            self.out.info("all_or_nothing", line=self.node.line, title=self.title)
        if not several:
            return [HUNDRED if i in answer.correct else ZERO for i in ids]
        return list(right_or_wrong([i in answer.correct for i in ids], all_or_nothing=True))

    def _order(self, node: Node, answer: Declaration, rules: Scoring) -> tuple[Kind, Body]:
        texts = {c.get("identifier"): unwrapped(c.children) for c in node.elements("simpleChoice")}
        if len(answer.correct) != len(texts) or set(answer.correct) != set(texts):
            raise Refused("qti_no_key")
        if rules.mode == "none":
            self.warn("scoring_fallback")
        return Kind.ORDER, OrderBody(tuple(texts[i] for i in answer.correct))

    def _pairs(self, answer: Declaration, rules: Scoring | None) -> list[tuple[str, str]]:
        keys = [key for key, value in answer.mapping.items() if value > 0]
        if len({answer.mapping[key] for key in keys}) > 1:
            self.warn("pair_weights_lost")
        source = list(answer.correct) or keys
        pairs = [tuple(text.split()) for text in source]
        if not pairs or any(len(pair) != 2 for pair in pairs):
            raise Refused("qti_no_key")
        if rules is not None and rules.mode == "none":
            self.warn("scoring_fallback")
        return [(pair[0], pair[1]) for pair in pairs]

    def _match(self, node: Node, answer: Declaration, rules: Scoring) -> tuple[Kind, Body]:
        sets = [
            {
                c.get("identifier"): unwrapped(c.children)
                for c in s.elements("simpleAssociableChoice")
            }
            for s in node.elements("simpleMatchSet")
        ]
        if len(sets) != 2:
            raise Refused("qti_no_key")
        pairs = self._pairs(answer, rules)
        if len({left for left, _ in pairs}) < len(pairs):
            # Several targets for one source: the same question seen from the other side.
            pairs = [(right, left) for left, right in pairs]
            sets.reverse()
            if len({left for left, _ in pairs}) < len(pairs):
                raise Refused("match_several")
        lefts, rights = sets
        if not all(left in lefts and right in rights for left, right in pairs):
            raise Refused("qti_no_key")
        target = dict(pairs)
        alone = [to_text(text) for left, text in lefts.items() if left not in target]
        if alone:
            self.warn("left_items_lost", text=", ".join(alone))
        flat = {right: self._flat(text) for right, text in rights.items()}
        body = MatchBody(
            tuple(Pair(text, flat[target[left]]) for left, text in lefts.items() if left in target),
            tuple(text for right, text in flat.items() if right not in target.values()),
            node.get("shuffle") == "true",
        )
        return Kind.MATCH, body

    def _gap_match(self, node: Node, answer: Declaration) -> tuple[Kind, Body]:
        texts = {
            c.get("identifier"): self._flat(unwrapped(c.children)) for c in node.elements("gapText")
        }
        gaps = [gap.get("identifier") for gap in node.walk("gap")]
        target: dict[str, str] = {}
        for first, second in self._pairs(answer, None):
            choice, gap = (first, second) if first in texts else (second, first)
            target[gap] = choice
        if not gaps or any(target.get(gap) not in texts for gap in gaps):
            raise Refused("qti_no_key")
        return self._gapped([texts[target[gap]] for gap in gaps], list(texts.values()))

    def _inline_choices(
        self, nodes: list[Node], declared: dict[str, Declaration]
    ) -> tuple[Kind, Body]:
        rights: list[str] = []
        options: list[str] = []
        for node in nodes:
            texts = {
                c.get("identifier"): self._flat(to_html(c.children))
                for c in node.elements("inlineChoice")
            }
            correct = declared.get(node.get("responseIdentifier"), Declaration("")).correct
            if len(correct) != 1 or correct[0] not in texts:
                raise Refused("qti_no_key")
            rights.append(texts[correct[0]])
            options += texts.values()
        return self._gapped(rights, options)

    def _gapped(self, rights: list[str], options: list[str]) -> tuple[Kind, Body]:
        if len(rights) == 1:
            choices = [Choice(from_plain(t), HUNDRED if t == rights[0] else ZERO) for t in options]
            return Kind.SINGLE, ChoiceBody(tuple(choices), False)
        self.parts.gaps = len(rights)
        self.warn("gaps_as_match", count=len(rights))
        pairs = tuple(Pair(f"({n})", text) for n, text in enumerate(rights, 1))
        return Kind.MATCH, MatchBody(pairs, tuple(options))

    def _flat(self, source: str) -> str:
        text = to_text(source)
        if re.search(r"<(?!/?p\b|/?div\b|/?span\b|br\b)[a-z]", source, re.IGNORECASE):
            self.warn("markup_flattened", text=text)
        return text

    def _stem(self, body: Node, kind: Kind) -> str:
        children = Stem(self, kind).children(body)
        return unwrapped(children, "stem").replace(FIELD, BLANK)
