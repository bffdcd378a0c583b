"""Finds what our pages forbid in a template: inline code, raw text, unclosed elements."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
SILENT = frozenset({"script", "style", "svg", "template", "code", "pre", "kbd"})
READ_ALOUD = frozenset({"alt", "title", "aria-label", "placeholder"})
TRANSLATION_BLOCK = re.compile(
    r"{%\s*(?:blocktrans|blocktranslate)\b.*?{%\s*end(?:blocktrans|blocktranslate)\s*%}", re.DOTALL
)
COMMENT_BLOCK = re.compile(r"{%\s*comment\b.*?{%\s*endcomment\s*%}|{#.*?#}", re.DOTALL)
# A block that only fills an attribute or names an icon holds a word of code.
CODE_BLOCK = re.compile(
    r"{%\s*block\s+\w*(?:testid|class|icon|id)\s*%}[\w -]*{%\s*endblock\s*%}", re.IGNORECASE
)
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
# Words of two letters or more; names of formats (CSV, XLSX) read the same in every language.
LETTERS = re.compile(r"\b(?![A-Z]{2,5}\b)[^\W\d_]{2,}")


class _Reader(HTMLParser):
    """Walks the markup left once template tags are masked."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _value in attrs}
        self._attributes(tag, attrs)
        if tag == "script" and "src" not in names and ("type", "application/json") not in attrs:
            self.problems.append(f"line {self.getpos()[0]}: inline <script>")
        if tag == "style":
            self.problems.append(f"line {self.getpos()[0]}: inline <style>")
        if tag == "img" and "alt" not in names:
            self.problems.append(f"line {self.getpos()[0]}: <img> without alt")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif tag in self.open:
            # Branches of a condition may open the same element twice: close down to it.
            while self.open and self.open.pop() != tag:
                pass
        else:
            self.problems.append(f"line {self.getpos()[0]}: </{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in SILENT:
            return
        found = LETTERS.search(data)
        if found:
            self.problems.append(f"line {self.getpos()[0]}: untranslated text {found[0]!r}")

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = self.getpos()[0]
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.problems.append(f"line {line}: attribute {name}= on <{tag}>")
            if value and value.strip().lower().startswith("javascript:"):
                self.problems.append(f"line {line}: javascript: address on <{tag}>")
            if name in READ_ALOUD and value and LETTERS.search(value):
                self.problems.append(f"line {line}: untranslated {name}={value!r}")


def lint(source: str) -> list[str]:
    """Return the problems of one template, each with its line; an empty list when it is fine."""
    masked = source
    for pattern in (COMMENT_BLOCK, TRANSLATION_BLOCK, CODE_BLOCK, TAG):
        masked = pattern.sub(_blank, masked)
    reader = _Reader()
    reader.feed(masked)
    reader.close()
    return reader.problems


def _blank(match: re.Match[str]) -> str:
    """Keep the lines of what is masked, so that line numbers stay right."""
    return "\n" * match[0].count("\n") or " "
