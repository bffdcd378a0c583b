"""Tags of the layouts."""

from __future__ import annotations

from django import template
from django.http import QueryDict
from django.templatetags.static import static

register = template.Library()

PACKS = ("vega", "nova", "lyra", "sera")


@register.simple_tag
def app_css(pack: object = "") -> str:
    """Return the address of the style sheet of a style pack; an unknown pack gives the default."""
    name = str(pack)
    return static(f"portal/app.{name if name in PACKS else PACKS[0]}.css")


@register.filter
def page_window(page: object, around: int = 1) -> list[int | None]:
    """Return the page numbers to link around a paginator page, with None for each gap."""
    last = page.paginator.num_pages  # type: ignore[attr-defined]
    here = page.number  # type: ignore[attr-defined]
    wanted = sorted({1, last, *range(max(1, here - around), min(last, here + around) + 1)})
    shown: list[int | None] = []
    for value in wanted:
        if shown and shown[-1] is not None and value - shown[-1] == 2:
            shown.append(value - 1)
        elif shown and shown[-1] is not None and value - shown[-1] > 2:
            shown.append(None)
        shown.append(value)
    return shown


@register.simple_tag(takes_context=True)
def querystring_for(context: template.Context, param: str, value: object) -> str:
    """Return the query string of this page with one parameter changed, the others kept."""
    request = context.get("request")
    query = request.GET.copy() if request is not None else QueryDict(mutable=True)
    query[param] = str(value)
    return f"?{query.urlencode()}"


@register.filter
def layout_for(shell: object) -> str:
    """Return the layout of an error page: with the sidebar for people signed in."""
    return "portal/app.html" if getattr(shell, "person", None) else "portal/public.html"
