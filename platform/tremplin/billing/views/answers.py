"""How pages of billing refuse: the sentence of the problem, at the place where it helps."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse

from tremplin.api import Problem
from tremplin.api.http import ACCESS_ATTRIBUTE

View = Callable[..., HttpResponse]


def problems_answered(view: View) -> View:
    """Turn a ``Problem`` into what a person understands.

    404 stays a missing page; a missing legal identity leads to its form; anything else is said on
    the page of billing, where the way out is.
    """

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Problem as problem:
            if problem.status == 404:
                raise Http404 from problem
            messages.error(request, problem.detail)
            if problem.code == "billing_identity_missing" and problem.extra.get("party") == "buyer":
                back = request.get_full_path() if request.method == "GET" else ""
                target = reverse("billing:details")
                return redirect(f"{target}?next={back}" if back else target)
            return redirect("billing:index")

    if hasattr(view, ACCESS_ATTRIBUTE):
        setattr(answered, ACCESS_ATTRIBUTE, getattr(view, ACCESS_ATTRIBUTE))
    return answered


def go_to(request: HttpRequest, url: str, name: str) -> HttpResponse:
    """Send the person to ``url``, by a page in between when it is another site.

    Our content policy lets forms go to this site only, and browsers apply it to the redirections
    of their answer.
    """
    parts = urlsplit(url)
    if not parts.netloc or parts.netloc == request.get_host():
        return HttpResponseRedirect(url)
    page = render(request, "billing/leaving.html", {"target": url, "name": name})
    page.headers["Cache-Control"] = "no-store"
    page.headers["Referrer-Policy"] = "no-referrer"
    return page
