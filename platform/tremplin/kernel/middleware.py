"""First and last words of every request: whose address, which request, which policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csp.constants import NONE
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from tremplin.kernel import clock, embedding
from tremplin.kernel.addresses import client_address, is_proxy
from tremplin.kernel.current import CurrentTenant
from tremplin.kernel.problems import is_unstorable
from tremplin.kernel.request_id import accepted_or_new, current_request_id

CSP_UPDATE_ATTRIBUTE = "_tremplin_csp_update"
# Bytes. The largest file that any page takes is a video of 200 MiB; larger bodies would be written
# to the disk before a view could refuse them.
LARGEST_BODY = 256 * 1024 * 1024
# A hidden frame around these would make people click what they do not see.
NEVER_FRAMED = ("/console/", "/accounts/", "/identity/", "/_allauth/", "/api/", "/scim/", "/_demo/")
PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class ClientAddressMiddleware:
    """Decides for everyone whose address this is, and gives the request an id.

    Walks ``X-Forwarded-For`` from the right while the peer is a trusted proxy, writes the result to
    ``REMOTE_ADDR`` and deletes the header, so that no library reads a forged one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        forwarded = request.META.pop("HTTP_X_FORWARDED_FOR", "")
        if "%00" in request.META.get("QUERY_STRING", "") or "\0" in request.path_info:
            # No text of ours holds a NUL, and PostgreSQL refuses one with an error.
            return JsonResponse({"code": "bad_request"}, status=400)
        if _body_size(request) > LARGEST_BODY:
            return JsonResponse({"code": "too_large"}, status=413)
        peer = request.META.get("REMOTE_ADDR", "")
        try:
            request.META["REMOTE_ADDR"] = client_address(peer, forwarded)
        except ValueError:
            return JsonResponse({"code": "bad_request"}, status=400)
        if not is_proxy(peer):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        identifier = accepted_or_new(request.headers.get("X-Request-ID", ""))
        token = current_request_id.set(identifier)
        try:
            response = self.get_response(request)
        finally:
            current_request_id.reset(token)
        response["X-Request-ID"] = identifier
        # Static files and refusals never reach the inner middlewares.
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Refuse a text that cannot be stored, wherever it came in: a NUL, half a character."""
        if not is_unstorable(exception):
            return None
        return JsonResponse({"code": "bad_request"}, status=400)


def _body_size(request: HttpRequest) -> int:
    """Return the announced size of the body; a body without one is never read."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text[:20]) if text.isascii() and text.isdecimal() else 0


def extend_policy(response: HttpResponseBase, **directives: list[str]) -> None:
    """Add sources to the policy of one answer (``frame_ancestors=["https://lms.example"]``)."""
    update = dict(getattr(response, CSP_UPDATE_ATTRIBUTE, {}))
    for name, sources in directives.items():
        update.setdefault(name.replace("_", "-"), []).extend(sources)
    setattr(response, CSP_UPDATE_ATTRIBUTE, update)


def _framing(request: HttpRequest) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Return the sites that may frame this page, and the list to report against while it is tested.

    During a test what either list allows is allowed, and the new one is reported on only.
    """
    tenant: CurrentTenant | None = getattr(request, "tenant", None)
    if tenant is None or request.path_info.startswith(NEVER_FRAMED):
        return (), None
    chosen = embedding.current(tenant)
    if chosen.testing_until is None or clock.now() >= chosen.testing_until:
        return chosen.frame_ancestors, None
    both = (*chosen.former_ancestors, *chosen.frame_ancestors)
    return tuple(dict.fromkeys(both)), chosen.frame_ancestors


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """The one place that writes the content security policy, and the headers beside it.

    No inline script or style anywhere, so neither nonce nor ``unsafe-inline``. A view widens its
    own answer with ``extend_policy``; nothing is ever a wildcard. The sites that a space allows to
    frame it (``kernel.embedding``) may frame its pages, except those where one signs in or decides.
    """

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        framing, tested = _framing(request)
        if report_only:
            if tested is not None:
                parts.config = {"frame-ancestors": list(tested) or [NONE]}
            return parts
        update: dict[str, Any] = dict(getattr(response, CSP_UPDATE_ATTRIBUTE, {}))
        if framing:
            extra = update.get("frame-ancestors", [])
            update["frame-ancestors"] = [*framing, *(item for item in extra if item not in framing)]
        if update:
            # The library appends: 'none' beside an address would be ignored with a warning.
            base = parts.config or settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
            parts.replace = {
                **(parts.replace or {}),
                **{
                    name: [*(item for item in base.get(name, ()) if item != NONE), *sources]
                    for name, sources in update.items()
                },
            }
        return parts

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response = super().process_response(request, response)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response
