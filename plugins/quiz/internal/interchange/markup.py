"""HTML of questions: the allow-list, cleaning, conversion to plain text and to XHTML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Final

import nh3

from .encoding import scrub

MATH_TAGS: Final = frozenset(
    "math mi mn mo ms mtext mspace mrow mfrac msqrt mroot mstyle merror mpadded mphantom msub msup "
    "msubsup munder mover munderover mmultiscripts mtable mtr mtd semantics annotation".split()
)
TAGS: Final = (
    frozenset(
        "p br hr div span strong b em i u s del ins sub sup small code pre kbd samp var blockquote q "
        "cite abbr ul ol li dl dt dd table caption thead tbody tfoot tr th td h1 h2 h3 h4 h5 h6 img a".split()
    )
    | MATH_TAGS
)
ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": {"lang", "dir"},
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "abbr": {"title"},
    "math": {"display"},
    "mi": {"mathvariant"},
    "mo": {"stretchy", "separator", "fence"},
    "mspace": {"width"},
    "mfrac": {"linethickness"},
    "mtable": {"columnalign"},
    "annotation": {"encoding"},
}
VOID: Final = frozenset({"br", "hr", "img"})
# Losing one of these loses content; losing any other unknown element loses looks only.
ACTIVE: Final = frozenset(
    "script iframe object embed video audio form input button select textarea svg canvas applet".split()
)
_LOOKS: Final = frozenset(
    "font center big tt strike style link meta section article aside header footer main nav figure "
    "figcaption html head body title colgroup col mark time label fieldset legend nobr wbr picture source "
    "address base bdi bdo data details dfn dir dialog menu noscript param path g rect circle line text "
    "track ruby rt rp template output progress meter map area summary small option optgroup "
    "annotation-xml maction".split()
)
_KNOWN: Final = TAGS | ACTIVE | _LOOKS
_NAMES: Final = "|".join(sorted((re.escape(name) for name in _KNOWN), key=len, reverse=True))
_OPENING: Final = re.compile(rf"<(/?)({_NAMES}|[a-z]+:[a-z]+)(?=[\s/>])", re.IGNORECASE)
_STRAY: Final = re.compile(rf"<(?!/?(?:{_NAMES}|[a-z]+:[a-z]+)(?=[\s/>])|!--)", re.IGNORECASE)
_COMPLETE: Final = re.compile(rf"<(?:/?(?:{_NAMES})(?:\s[^<>]*)?/?>|!--)", re.IGNORECASE)
# Text without these is its own HTML: a no-break space is written as an entity.
_NEEDS_CLEANING: Final = re.compile("[<&>\u00a0]")
_IMAGE_START: Final = re.compile("<img", re.IGNORECASE)
_IMAGE: Final = re.compile(r'<img((?:\s+[\w:-]+="[^"]*")*)\s*/?>')
_ATTRIBUTE: Final = re.compile(r'([\w:-]+)="([^"]*)"')
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_SPACES: Final = re.compile(r"[ \t\n\f\v\r]+")


def plain(text: str) -> str:
    """Plain text on one line: no control characters, NFC, single spaces, none around."""
    return _SPACES.sub(" ", scrub(text)).strip(" ")


def has_markup(text: str) -> bool:
    """Whether ``text`` holds at least one complete tag of HTML, so that it must be read as HTML."""
    return bool(_COMPLETE.search(text))


def from_plain(text: str) -> str:
    """Plain text as HTML, line ends as ``<br>``."""
    return html.escape(text, quote=False).replace("\n", "<br>")


def removed_tags(text: str) -> tuple[list[str], list[str]]:
    """The names of elements that cleaning removes: those with content, those with looks only."""
    found = {match.group(2).lower() for match in _OPENING.finditer(text)} - TAGS
    return sorted(found & ACTIVE), sorted(found - ACTIVE)


def _final(tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if value.startswith("media:") else None
    if name == "href":
        return value if re.match(r"(?:https?|mailto):", value, re.IGNORECASE) else None
    if name in {"width", "height"} and tag == "img":
        return value if re.fullmatch(r"\d{1,4}", value) else None
    return value


def _cleaner(schemes: set[str], change: Callable[[str, str, str], str | None]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags={"script", "style", "template", "title"},
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=change,
        link_rel=None,
        url_schemes=schemes,
    )


_FINAL: Final = _cleaner({"http", "https", "mailto", "media"}, _final)


def _without_broken_images(text: str) -> str:
    def keep(match: re.Match[str]) -> str:
        attributes = dict(_ATTRIBUTE.findall(match.group(1)))
        return match.group(0) if attributes.get("src") else attributes.get("alt", "")

    return _IMAGE.sub(keep, text)


def clean(text: str, image: Callable[[str], str | None] | None = None) -> str:
    """HTML reduced to the allow-list; cleaning a cleaned text changes nothing.

    ``image`` maps the ``src`` of every image to ``media:NAME``, or to None to replace the image by its
    alternative text. Without it only ``media:`` images stay.
    """
    if not text:
        return ""
    text = scrub(text)
    if not _NEEDS_CLEANING.search(text):
        text = text.strip(" \t\n")
        return text if text.strip() else ""
    if not _IMAGE_START.search(text):
        return _settle(text)

    def change(tag: str, name: str, value: str) -> str | None:
        if tag == "img" and name == "src":
            return image(value.strip()) if image else value
        return value

    schemes = {"http", "https", "mailto", "data", "media"}
    text = _STRAY.sub("&lt;", text)
    return _settle(_cleaner(schemes, change).clean(text))


def _settle(text: str) -> str:
    for _ in range(8):
        result = scrub(_FINAL.clean(_STRAY.sub("&lt;", text)))
        result = _without_broken_images(result).strip(" \t\n")
        if result == text:
            return "" if is_empty(result) else result
        text = result
    return html.escape(to_text(text), quote=False)


def is_empty(text: str) -> bool:
    """Whether cleaned HTML shows nothing."""
    return "<img" not in text and not re.sub(r"<[^>]*>|&nbsp;|\s", "", text)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"br", "p", "div", "li", "tr", "td", "th", "hr", "dt", "dd", "h1", "h2", "h3"}:
            self.parts.append(" ")
        if tag == "img":
            self.parts.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"p", "div", "li", "tr"}:
            self.parts.append(" ")


def to_text(text: str) -> str:
    """HTML as plain text on one line; an image becomes its alternative text."""
    parser = _Text()
    parser.feed(_COMMENT.sub("", text))
    parser.close()
    return plain("".join(parser.parts))


class _Xhtml(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(html.escape(data, quote=False))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        listed = [(name, value or "") for name, value in attrs]
        if tag == "math":
            listed.append(("xmlns", "http://www.w3.org/1998/Math/MathML"))
        text = "".join(f" {name}={xml_attribute(value)}" for name, value in listed)
        self.parts.append(f"<{tag}{text}{'/' if tag in VOID else ''}>")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.parts.append(f"</{tag}>")


def xml_attribute(value: str) -> str:
    """``value`` quoted as an XML attribute that a parser reads back exactly."""
    escaped = html.escape(value, quote=True)
    return '"' + escaped.replace("\n", "&#10;").replace("\t", "&#9;") + '"'


def to_xhtml(text: str) -> str:
    """Cleaned HTML as well-formed XML."""
    parser = _Xhtml()
    parser.feed(text)
    parser.close()
    return "".join(parser.parts)


def image_names(text: str) -> list[str]:
    """The names of the media files that cleaned HTML shows, in order."""
    found = (_ATTRIBUTE.findall(match.group(1)) for match in _IMAGE.finditer(text))
    sources = (html.unescape(dict(attributes).get("src", "")) for attributes in found)
    return [source[6:] for source in sources if source.startswith("media:")]


def replace_images(text: str, change: Callable[[str], str]) -> str:
    """Cleaned HTML with ``media:NAME`` of every image replaced by ``change(NAME)``."""

    def one(match: re.Match[str]) -> str:
        def attribute(part: re.Match[str]) -> str:
            value = html.unescape(part.group(2))
            if part.group(1) == "src" and value.startswith("media:"):
                return f'src="{html.escape(change(value[6:]))}"'
            return part.group(0)

        return _ATTRIBUTE.sub(attribute, match.group(0))

    return _IMAGE.sub(one, text)


_MARKDOWN_LIST: Final = re.compile(r"^[ \t]*(?:[-*+]|\d+[.)])[ \t]+", re.MULTILINE)


def from_markdown(text: str) -> str:
    """Simple Markdown as HTML: paragraphs, lists, bold, italic, code. HTML in it is kept for cleaning."""
    blocks = []
    for block in re.split(
        r"\n[ \t]*\n", text if has_markup(text) else html.escape(text, quote=False)
    ):
        lines = [line for line in block.split("\n") if line.strip()]
        if lines and all(_MARKDOWN_LIST.match(line) for line in lines):
            tag = "ol" if lines[0].lstrip()[0].isdigit() else "ul"
            items = "".join(f"<li>{_MARKDOWN_LIST.sub('', line)}</li>" for line in lines)
            blocks.append(f"<{tag}>{items}</{tag}>")
        elif lines:
            blocks.append("\n".join(lines))
    result = blocks[0] if len(blocks) == 1 else "".join(f"<p>{block}</p>" for block in blocks)
    result = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", result)
    result = re.sub(r"\*\*(\S(?:[^*\n]*\S)?)\*\*", r"<strong>\1</strong>", result)
    return re.sub(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])", r"<em>\1</em>", result)
