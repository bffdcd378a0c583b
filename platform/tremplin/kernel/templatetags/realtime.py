"""``{% load realtime %}``: subscribe an element of a page to realtime topics."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tremplin.kernel.realtime.topics import is_allowed

register = template.Library()

_MARGIN_MS = 2000  # between the page's queries and this tag


@register.simple_tag(takes_context=True)
def rt(context: dict[str, Any], *topics: str) -> SafeString:
    """Print ``hx-ext`` and ``sse-connect`` for the topics that the person may read.

    ``person`` stands for the person's own topic. Prints nothing when no topic remains. The cursor
    is the time of rendering, so what is said before the browser connects is not lost.
    """
    request = context.get("request")
    ctx = getattr(request, "ctx", None)
    # The streams of a person are closed to a visit of support.
    if ctx is None or getattr(request, "support_visit", None) is not None:
        return SafeString("")
    named = [f"person.{ctx.person.id}" if t == "person" and ctx.person else t for t in topics]
    allowed = [topic for topic in dict.fromkeys(named) if is_allowed(ctx, topic)]
    if not allowed:
        return SafeString("")
    cursor = f"@{time.time_ns() // 1_000_000 - _MARGIN_MS}"
    query = urlencode([*(("t", topic) for topic in allowed), ("last", cursor)], safe="@")
    return format_html('hx-ext="sse" sse-connect="/_rt/?{}"', query)
