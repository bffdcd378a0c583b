"""How pages of sales refuse: a missing page, or the sentence of the problem where the way out is."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from tremplin.api import Problem
from tremplin.api.http import ACCESS_ATTRIBUTE

View = Callable[..., HttpResponse]


def refused_to(back: str) -> Callable[[View], View]:
    """Turn a ``Problem`` into a missing page (404) or a message on the page ``back``.

    An address with a ``purchase`` goes back to the page of that purchase.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except Problem as problem:
                if problem.status == 404:
                    raise Http404 from problem
                messages.error(request, problem.detail)
                if "purchase" in kwargs:
                    return redirect(_page_of(back), purchase=kwargs["purchase"])
                return redirect(back)

        if hasattr(view, ACCESS_ATTRIBUTE):
            setattr(answered, ACCESS_ATTRIBUTE, getattr(view, ACCESS_ATTRIBUTE))
        return answered

    return decorate


def _page_of(back: str) -> str:
    return {"sales:shop": "sales:order", "sales:index": "sales:sale"}.get(back, back)
