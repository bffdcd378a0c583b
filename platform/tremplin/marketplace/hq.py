"""Pages that exist in the operator's space only."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from tremplin.api.http import ACCESS_ATTRIBUTE


def hq_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer 404 on every host but that of the operator's space, whatever the roles."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.tenant.kind != "hq":  # type: ignore[attr-defined]
            raise Http404
        return view(request, *args, **kwargs)

    if hasattr(view, ACCESS_ATTRIBUTE):
        setattr(checked, ACCESS_ATTRIBUTE, getattr(view, ACCESS_ATTRIBUTE))
    return checked
