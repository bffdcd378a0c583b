"""The door of a space: an address outside its networks is refused before any session is read."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from tremplin.identity.network import refusals
from tremplin.identity.network.allow_list import in_force


class NetworkMiddleware:
    """Runs inside the tenant and before sessions; costs no query (the lists are cached)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the request, or refuse its address."""
        if getattr(request, "tenant", None) is None:
            return self.get_response(request)
        rules = in_force()
        if rules.bound(request.path_info) and not rules.allow(request.META.get("REMOTE_ADDR", "")):
            return refusals.network_refused(request)
        return self.get_response(request)
