"""The text of a QTI item without its answers, and names as XML takes them."""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

from .markup import plain
from .model import BLANK, Kind
from .xmltree import Node, to_html

# An answer field where it stands, until it is known whether it is a missing word; never in a text.
FIELD: Final = "\ufdd1"


class _Gaps(Protocol):
    gaps: int


class Body(Protocol):
    """The item whose body is copied."""

    @property
    def parts(self) -> _Gaps: ...

    def warn(self, code: str, **details: Any) -> None: ...


class Stem:
    """Copies an item body without its interactions; a typed or inline answer leaves a blank."""

    def __init__(self, item: Body, kind: Kind) -> None:
        self.item = item
        self.kind = kind
        self.gap = 0

    def children(self, node: Node) -> list[Node | str]:
        kept: list[Node | str] = []
        for child in node.children:
            if isinstance(child, str):
                kept.append(child)
            else:
                kept.extend(self.element(child))
        return kept

    def element(self, node: Node) -> list[Node | str]:
        if node.name in {"textEntryInteraction", "inlineChoiceInteraction", "gap"}:
            return [self.blank()]
        if node.name.endswith("Interaction"):
            prompt = node.first("prompt")
            kept = self.children(prompt) if prompt else []
            if node.name == "gapMatchInteraction":
                rest = [c for c in node.children if c is not prompt]
                shell = Node("div", children=rest)
                kept += self.children(shell)
            return [Node("div", children=kept)] if _filled(kept) else []
        if node.name in {"gapText", "gapImg"}:
            return []
        if node.name == "rubricBlock":
            views = node.get("view").split()
            if "candidate" in views or not views:
                return self.children(node.first("contentBody") or node)
            if not (self.kind is Kind.ESSAY and "scorer" in views):
                self.item.warn("extra_content_lost", name=f"rubricBlock {' '.join(views)}")
            return []
        if node.name in {"feedbackBlock", "feedbackInline"}:
            self.item.warn("shared_feedback_not_kept", text=plain(node.text()))
            return []
        if node.name in {"templateBlock", "templateInline", "printedVariable", "infoControl"}:
            self.item.warn("extra_content_lost", name=node.name)
            return []
        if node.name == "object" and node.get("type").startswith("image/"):
            alternative = plain(node.text())
            return [Node("img", attributes={"src": node.get("data"), "alt": alternative})]
        return self.copied(node)

    def copied(self, node: Node) -> list[Node | str]:
        kept = self.children(node)
        if node.name == "span" and node.get("class") == "blank":
            return [BLANK]
        if node.name in {"p", "div"} and kept != node.children and not _filled(kept):
            return []
        if node.name in {"p", "div"} and _only_blank(kept):
            # An answer field in a block of its own is no missing word.
            return []
        return [Node(node.name, node.namespace, dict(node.attributes), kept, node.line)]

    def blank(self) -> str:
        if self.item.parts.gaps:
            self.gap += 1
            return f"({self.gap}) _____"
        return FIELD


def _filled(children: list[Node | str]) -> bool:
    return any(isinstance(child, Node) or child.strip() for child in children)


def _only_blank(children: list[Node | str]) -> bool:
    texts = [c.strip() for c in children if isinstance(c, str) and c.strip()]
    return texts == [FIELD] and not any(isinstance(child, Node) for child in children)


def unwrapped(children: list[Node | str], marker: str = "text") -> str:
    """Content as HTML; the wrapping ``div`` that our own export needs is taken off."""
    elements = [child for child in children if isinstance(child, Node)]
    loose = any(isinstance(child, str) and child.strip() for child in children)
    if len(elements) == 1 and not loose and elements[0].get("class") == marker:
        return to_html(elements[0].children).strip(" \t\n")
    return to_html(children).strip(" \t\n")


def encode_identifier(text: str) -> str:
    """Any text as the tail of an XML name."""
    return "".join(
        c if c.isascii() and (c.isalnum() or c in ".-") else f"_{ord(c):x}_" for c in text
    )


def decode_identifier(text: str) -> str:
    """The inverse of ``encode_identifier``."""

    def one(match: re.Match[str]) -> str:
        code = int(match.group(1), 16)
        return chr(code) if code <= 0x10FFFF else match.group(0)

    return re.sub(r"_([0-9a-f]{1,6})_", one, text)
