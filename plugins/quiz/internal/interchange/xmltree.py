"""A small XML tree with line numbers, built by expat with bounds; entities and document types refused."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from . import limits
from .collect import Refused
from .markup import VOID, xml_attribute

_DECLARATION: Final = re.compile(r"^\s*<\?xml[^>]*\?>")


@dataclass(slots=True)
class Node:
    """An element: local ``name``, ``namespace``, attributes by local name, children, line of its tag."""

    name: str
    namespace: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)
    line: int = 0

    def get(self, name: str, default: str = "") -> str:
        """The attribute ``name``."""
        return self.attributes.get(name, default)

    def elements(self, *names: str) -> Iterator[Node]:
        """The child elements, all or those called one of ``names``."""
        for child in self.children:
            if isinstance(child, Node) and (not names or child.name in names):
                yield child

    def first(self, *names: str) -> Node | None:
        """The first child element called one of ``names``."""
        return next(self.elements(*names), None)

    def walk(self, *names: str) -> Iterator[Node]:
        """This element and its descendants in document order, all or those called one of ``names``."""
        stack: list[Node] = [self]
        while stack:
            node = stack.pop()
            if not names or node.name in names:
                yield node
            stack.extend(child for child in reversed(node.children) if isinstance(child, Node))

    def find(self, *names: str) -> Node | None:
        """The first descendant called one of ``names``."""
        return next((node for node in self.walk(*names) if node is not self), None)

    def text(self) -> str:
        """All text inside, concatenated."""
        parts: list[str] = []
        stack: list[Node | str] = [self]
        while stack:
            node = stack.pop()
            if isinstance(node, str):
                parts.append(node)
            else:
                stack.extend(reversed(node.children))
        return "".join(parts)


class _Builder:
    def __init__(self, first_line: int, allow_doctype: bool) -> None:
        self.parser = expat.ParserCreate("UTF-8", " ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._refuse
        self.parser.SkippedEntityHandler = self._skipped
        self.parser.ExternalEntityRefHandler = self._refuse
        self.first_line = first_line
        self.allow_doctype = allow_doctype
        self.root: Node | None = None
        self.open: list[Node] = []
        self.nodes = 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.nodes += 1
        if (
            len(self.open) >= limits.MAX_XML_DEPTH
            or self.nodes > limits.MAX_XML_NODES
            or len(attributes) > limits.MAX_XML_ATTRIBUTES
        ):
            raise Refused("xml_too_deep", line=self._line())
        namespace, _, local = name.rpartition(" ")
        node = Node(
            local,
            namespace,
            {key.rpartition(" ")[2]: value for key, value in attributes.items()},
            line=self._line(),
        )
        if self.open:
            self.open[-1].children.append(node)
        elif self.root is None:
            self.root = node
        self.open.append(node)

    def _line(self) -> int:
        return self.parser.CurrentLineNumber + self.first_line - 1

    def _end(self, name: str) -> None:
        self.open.pop()

    def _data(self, data: str) -> None:
        if self.open:
            self.open[-1].children.append(data)

    def _doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> None:
        if internal or not self.allow_doctype:
            raise Refused("xml_refused", line=self._line())

    def _refuse(self, *details: object) -> int:
        raise Refused("xml_refused", line=self._line())

    def _skipped(self, name: str, is_parameter: bool) -> None:
        raise Refused(
            "xml_broken",
            line=self._line(),
            column=self.parser.CurrentColumnNumber + 1,
            reason=f"undefined entity &{name};",
        )


def parse(text: str, *, allow_doctype: bool = False, first_line: int = 1) -> Node:
    """Parse decoded XML; raises ``Refused`` with line and column when it is broken or unsafe.

    ``allow_doctype`` tolerates a DOCTYPE without internal subset (never loaded), usual in QTI 1.2.
    ``first_line`` is the line of ``text`` in its file.
    """
    # The text is already decoded: a declaration of another encoding would be wrong.
    declaration = _DECLARATION.match(text)
    if declaration:
        text = "\n" * declaration.group(0).count("\n") + text[declaration.end() :]
    builder = _Builder(first_line, allow_doctype)
    try:
        builder.parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise Refused(
            "xml_broken",
            line=error.lineno + first_line - 1,
            column=error.offset + 1,
            reason=expat.ErrorString(error.code),
        ) from None
    if builder.root is None:
        raise Refused("xml_broken", line=first_line, column=1, reason="no element found")
    return builder.root


def split_elements(text: str, name: str) -> list[tuple[int, str]]:
    """The source of every ``<name>...</name>`` with its line, to save the sound ones of a broken file."""
    pattern = re.compile(
        rf"<{name}(?=[\s>/])(?:[^>]*/>|(?:(?!<{name}[\s>]).)*?</{name}\s*>)", re.DOTALL
    )
    found: list[tuple[int, str]] = []
    line, position = 1, 0
    for opening in re.finditer(rf"<{name}(?=[\s>/])", text):
        line += text.count("\n", position, opening.start())
        position = opening.start()
        match = pattern.match(text, position)
        # An element that never closes is handed over as it stands: its parse error is its issue.
        found.append((line, match.group(0) if match else text[position : position + 200]))
    return found


def to_html(nodes: list[Node | str]) -> str:
    """XHTML content as an HTML fragment; namespaces are dropped, MathML keeps its names."""
    parts: list[str] = []
    stack: list[Node | str | tuple[str]] = list(reversed(nodes))
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            parts.append(node[0])
        elif isinstance(node, str):
            parts.append(html.escape(node, quote=False))
        else:
            attributes = "".join(f" {k}={xml_attribute(v)}" for k, v in node.attributes.items())
            parts.append(f"<{node.name}{attributes}>")
            if node.name not in VOID:
                stack.append((f"</{node.name}>",))
                stack.extend(reversed(node.children))
    return "".join(parts)


def guard(data: bytes) -> None:
    """Check that XML of another library's format has no document type, entities or excessive depth."""
    builder = _Builder(1, allow_doctype=False)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = builder._doctype
    parser.EntityDeclHandler = builder._refuse
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > limits.MAX_XML_DEPTH:
            raise Refused("xml_too_deep")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Refused(
            "xml_broken",
            line=error.lineno,
            column=error.offset + 1,
            reason=expat.ErrorString(error.code),
        ) from None
