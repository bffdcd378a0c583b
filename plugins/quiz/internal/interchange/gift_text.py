"""The lexical part of GIFT: escapes, text formats, comments with ``[key:value]``."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Final

from .encoding import nfc
from .markup import from_markdown, from_plain, has_markup

# ``\n`` is a line feed, except where it begins one of these LaTeX commands.
_LATEX: Final = frozenset(
    "nabla nu ne neq neg not notin nmid nparallel nleq ngeq nless ngtr nsubseteq nsupseteq natural nearrow "
    "nwarrow nolimits nonumber normalsize nexists ncong nsim newline newcommand newpage nprec nsucc "
    "nrightarrow nleftarrow nRightarrow nLeftarrow nvdash nVdash nvDash ntriangleleft ntriangleright".split()
)
_ESCAPE: Final = re.compile(r"\\(?:([~=#{}:\\])|(n[A-Za-z]*))")
_FORMAT: Final = re.compile(r"^[ \t\n]*\[(html|moodle|plain|markdown)\]", re.IGNORECASE)
_BLOCK: Final = re.compile(
    r"<(?:p|div|ul|ol|li|table|tr|td|h[1-6]|pre|blockquote|dl)\b", re.IGNORECASE
)
_KEY: Final = re.compile(r"\[([a-z]+):")
_VALUE: Final = re.compile(r"((?:\\\]|[^\]])*)\]")
SPACE: Final = " \t\n"
MAX_KEYS: Final = 500


def unescape(text: str) -> str:
    """Undo the escapes of GIFT, once; a backslash before anything else stays."""

    def one(match: re.Match[str]) -> str:
        if match.group(1):
            return match.group(1)
        if match.group(2) in _LATEX:
            return match.group(0)
        return "\n" + match.group(2)[1:]

    return _ESCAPE.sub(one, text)


def escape(text: str) -> str:
    """Escape ``text`` so that ``unescape`` gives it back; only for text without line feeds at its ends."""
    text = re.sub(r"[~=#{}:\\]", lambda match: "\\" + match.group(0), text)

    def line_feed(match: re.Match[str]) -> str:
        # A character reference keeps a line feed before letters that would make a LaTeX command, and
        # before a combining mark that would merge with the "n".
        following = text[match.end() : match.end() + 1]
        merges = bool(following) and unicodedata.combining(following) > 0
        return "&\\#10;" if merges or "n" + match.group(1) in _LATEX else "\\n"

    return re.sub(r"\n(?=([A-Za-z]*))", line_feed, text)


def find(text: str, signs: str, start: int = 0) -> int:
    """The place of the first of ``signs`` that is not escaped, -1 when there is none."""
    pattern = re.compile(r"\\[~=#{}:\\]|([" + re.escape(signs) + "])")
    for match in pattern.finditer(text, start):
        if match.group(1):
            return match.start()
    return -1


def split_format(text: str, inherited: str) -> tuple[str, str]:
    """The text format a text names in front, or the inherited one, and the rest."""
    match = _FORMAT.match(text)
    return (match.group(1).lower(), text[match.end() :]) if match else (inherited, text)


def to_html(text: str, inherited: str) -> tuple[str, str]:
    """An escaped text as HTML to be cleaned, and the format it has."""
    kind, rest = split_format(text, inherited)
    return render(rest, kind), kind


def render(text: str, kind: str) -> str:
    """An escaped text of a known format as HTML to be cleaned."""
    text = unescape(text.strip(SPACE)).strip(SPACE)
    if kind == "html":
        return text
    if kind == "markdown":
        return from_markdown(text)
    if kind == "plain" or not has_markup(text):
        return from_plain(text)
    return text if _BLOCK.search(text) else text.replace("\n", "<br>")


def read_comment(line: str) -> list[tuple[str, str]]:
    """The ``[key:value]`` parts of a comment line; a value in JSON quotes may hold anything."""
    found: list[tuple[str, str]] = []
    position = 0
    while (match := _KEY.search(line, position)) and len(found) < MAX_KEYS:
        position = match.end()
        if line.find("]", position) < 0:
            break
        if line[position : position + 1] == '"':
            try:
                value, end = json.JSONDecoder().raw_decode(line, position)
            except (json.JSONDecodeError, RecursionError):
                value, end = None, position
            if isinstance(value, str) and line[end : end + 1] == "]":
                found.append((match.group(1), value))
                position = end + 1
                continue
        rest = _VALUE.match(line, position)
        if rest:
            found.append((match.group(1), rest.group(1).replace("\\]", "]").strip()))
            position = rest.end()
    return found


def write_comment(key: str, value: str) -> str:
    """One ``[key:value]`` that ``read_comment`` gives back exactly."""
    if value == value.strip() and not re.search(r'[\[\]\\<>`"\n]', value):
        return f"[{key}:{value}]"
    quoted = json.dumps(value, ensure_ascii=False)
    return f"[{key}:{quoted if nfc(quoted) == quoted else json.dumps(value)}]"
