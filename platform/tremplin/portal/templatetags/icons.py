"""``{% icon "bell" %}``: an inlined Lucide icon, hidden from assistive technology."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from django import template
from django.template.base import FilterExpression, Parser, Token
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

FOLDER = Path(__file__).resolve().parent.parent / "icons"
FALLBACK = "blocks"
_LITERAL = re.compile(r"""(?P<quote>["'])(?P<name>[^"']*)(?P=quote)\Z""")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")


@lru_cache(maxsize=1)
def icon_names() -> frozenset[str]:
    """Names of the committed icons, the only ones a template or a manifest may use."""
    return frozenset(path.stem for path in FOLDER.glob("*.svg"))


@lru_cache(maxsize=512)
def _shapes(name: str) -> str:
    return (FOLDER / f"{name}.svg").read_text(encoding="utf-8").strip()


def render_icon(name: str, classes: str = "size-4") -> SafeString:
    """Return the ``<svg>`` of an icon.

    ``name`` outside the committed subset gives the neutral icon ``blocks``: the name may come from
    the manifest of a module. ``classes`` are added to the ``icon`` class.
    """
    if not _NAME.match(name) or name not in icon_names():
        name = FALLBACK
    css = escape(f"icon {classes}".strip())
    return mark_safe(  # noqa: S308 - committed shapes, escaped class
        f'<svg class="{css}" xmlns="http://www.w3.org/2000/svg" width="24" height="24" '
        'viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
        f"{_shapes(name)}</svg>"
    )


class IconNode(template.Node):
    """Compiled ``{% icon %}``."""

    def __init__(self, name: FilterExpression, classes: FilterExpression | None) -> None:
        self.name = name
        self.classes = classes

    def render(self, context: template.Context) -> SafeString:
        name = self.name.resolve(context, ignore_failures=True) or FALLBACK
        classes = self.classes.resolve(context, ignore_failures=True) if self.classes else "size-4"
        return render_icon(str(name), str(classes or ""))


@register.tag
def icon(parser: Parser, token: Token) -> IconNode:
    """``{% icon "name" ["classes"] %}``; an unknown literal name is a template syntax error."""
    bits = token.split_contents()[1:]
    if len(bits) not in (1, 2):
        raise template.TemplateSyntaxError(
            'Write {% icon "name" %} or {% icon "name" "classes" %}.'
        )
    literal = _LITERAL.match(bits[0])
    if literal and literal["name"] not in icon_names():
        raise template.TemplateSyntaxError(
            f'Icon "{literal["name"]}" is not in the committed subset (portal/assets/icons.txt).'
        )
    second = parser.compile_filter(bits[1]) if len(bits) == 2 else None
    return IconNode(parser.compile_filter(bits[0]), second)
