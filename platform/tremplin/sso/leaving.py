"""Leaving for another site after a form.

Our content policy lets forms go to this site only, and browsers apply it to redirections too: a
form whose answer redirects to a provider would be stopped without a word. The page here breaks
the chain: it goes on by itself and holds a link for whoever has that switched off.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _


def leave(request: HttpRequest, answer: HttpResponse, name: str) -> HttpResponse:
    """Return a page that goes where ``answer`` redirects; other answers are returned as they are.

    ``name`` is how people call the site ahead.
    """
    location = answer.headers.get("Location", "")
    if answer.status_code not in {301, 302, 303, 307} or request.method != "POST":
        return answer
    parts = urlsplit(location)
    if not parts.netloc or parts.netloc == request.get_host():
        return answer
    page = render(
        request,
        "sso/leaving.html",
        {
            "page_title": _("On our way to %(name)s") % {"name": name},
            "target": location,
            "name": name,
        },
    )
    page.cookies.update(answer.cookies)
    page.headers["Cache-Control"] = "no-store"
    page.headers["Referrer-Policy"] = "no-referrer"
    return page
