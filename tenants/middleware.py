"""Host to space: every request is answered inside one tenant, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from html import escape

from django.core.exceptions import DisallowedHost
from django.db import OperationalError, ProgrammingError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotFound,
    StreamingHttpResponse,
)
from django.http.request import HttpHeaders
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout, TooManyRequests

from tenants import registry
from tenants.branding import support
from tenants.context import use
from tenants.domains import CHALLENGE_PATH, challenge_answer
from tenants.registry import TenantInfo
from tremplin.kernel.cache import CacheUnavailable

logger = logging.getLogger(__name__)
RETRY_SECONDS = 30
HIDDEN = frozenset({"archived", "deleting"})
CLOSED = frozenset({"provisioning", "failed", "maintenance"})

# What a suspended space still serves: signing in, and the export of one's data.
OPEN_WHEN_SUSPENDED = (
    "/accounts/login/",
    "/accounts/logout/",
    "/accounts/2fa/",
    "/accounts/reauthenticate/",
    "/accounts/password/",
    "/console/export/",
    "/theme/",
    "/brand/",
    "/preferences/",
    "/static/",
)

PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>{title}</title></head>
<body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""


class TenancyMiddleware:
    """Sets ``request.tenant`` and the current tenant; synchronous, as every view is.

    An unknown host, an archived or deleted space: 404 without any tenant data. A space being
    created or under maintenance: 503. A suspended space: 503, except signing in and the export.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            tenant = registry.by_host(_host(request))
        except OperationalError as error:
            if not _exhausted(error):
                raise
            return _page(request, "", _busy_title(), _busy_text())
        except ProgrammingError:
            # The registry does not exist before the first set-up of the database.
            return _preparing(request, "")
        if tenant is None and request.path.startswith(CHALLENGE_PATH):
            return challenge_answer(request)
        if tenant is None or tenant.status in HIDDEN:
            return _not_found(request)
        request.tenant = tenant  # type: ignore[attr-defined]
        with use(tenant):
            refused = _refusal(request, tenant)
            response = self.get_response(request) if refused is None else refused
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            _keep_inside(tenant, response)
        return response

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answer 503 when no database connection came free in time or the cache is out of reach."""
        if isinstance(exception, CacheUnavailable):
            logger.error("the shared cache does not answer: %s refused", request.path)
            tenant = getattr(request, "tenant", None)
            return _page(request, getattr(tenant, "locale", ""), _partial_title(), _partial_text())
        if isinstance(exception, OperationalError) and _exhausted(exception):
            tenant = getattr(request, "tenant", None)
            return _page(request, getattr(tenant, "locale", ""), _busy_title(), _busy_text())
        return None


def _host(request: HttpRequest) -> str:
    """Return the requested host, or an empty string when the header is malformed."""
    try:
        return request.get_host()
    except DisallowedHost:
        return ""


def _exhausted(error: BaseException) -> bool:
    return isinstance(error.__cause__, PoolTimeout | TooManyRequests)


def _keep_inside(tenant: TenantInfo, response: StreamingHttpResponse) -> None:
    """Make every chunk of the response, and its closing, inside ``tenant``.

    A stream outlives the middleware: it would otherwise query outside any tenant.
    """
    closers = response._resource_closers  # type: ignore[attr-defined]
    chunks = iter(response.streaming_content)  # type: ignore[arg-type]
    response.streaming_content = _inside(tenant, chunks)
    response._resource_closers = [  # type: ignore[attr-defined]
        partial(_run_inside, tenant, close) for close in closers
    ]


def _inside(tenant: TenantInfo, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield ``chunks``, each made inside ``tenant``; the tenant is never held across a yield."""
    while True:
        with use(tenant):
            try:
                chunk = next(chunks)
            except StopIteration:
                return
        yield chunk


def _run_inside(tenant: TenantInfo, run: Callable[[], object]) -> None:
    with use(tenant):
        run()


def _refusal(request: HttpRequest, tenant: TenantInfo) -> HttpResponse | None:
    """Return the answer that the status of ``tenant`` imposes, or None to serve the request."""
    if tenant.status == "suspended":
        if request.path.startswith(OPEN_WHEN_SUSPENDED):
            return None
        return _suspended(request, tenant)
    if tenant.status in CLOSED or not tenant.ready:
        return _preparing(request, tenant.locale)
    return None


def _preparing(request: HttpRequest, locale: str) -> HttpResponse:
    with _language(request, locale):
        return _page(
            request,
            translation.get_language() or "en",
            _("This space is being prepared"),
            _("It will be back in a moment: try again shortly."),
        )


def _suspended(request: HttpRequest, tenant: TenantInfo) -> HttpResponse:
    with _language(request, tenant.locale):
        title = _("%(name)s is suspended") % {"name": tenant.name}
        contact = support.first_level(tenant)
        text = _("Its administrators can still sign in and export the data of the space.")
        try:
            body = render_to_string(
                "portal/errors/suspended.html",
                {
                    "tenant": tenant,
                    "login_url": "/accounts/login/",
                    "export_url": "/console/export/",
                    "contact_email": contact.email if contact is not None else "",
                },
                request,
            )
        except TemplateDoesNotExist:
            return _page(request, tenant.locale, title, text)
        response = HttpResponse(body, status=503)
        response.headers["Retry-After"] = "3600"
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Language"] = translation.get_language() or "en"
    return response


def _language(request: HttpRequest, fallback: str) -> translation.override:
    """Return the language of the reader's browser, else that of the space."""
    accepted = HttpHeaders(request.META).get("Accept-Language", "")
    for part in accepted.split(","):
        code = part.split(";")[0].strip().lower()[:2]
        if code in {"fr", "en"}:
            return translation.override(code)
    return translation.override(fallback or "en")


def _busy_title() -> str:
    return _("The platform is busy")


def _busy_text() -> str:
    return _("Too many pages are being served at once: try again in a moment.")


def _partial_title() -> str:
    return _("A part of the platform does not answer")


def _partial_text() -> str:
    return _("This page needs it: try again in a moment. Your pages without it still open.")


def _page(request: HttpRequest, locale: str, title: str, text: str) -> HttpResponse:
    body = PAGE.format(
        language=locale or translation.get_language() or "en",
        title=escape(title),
        text=escape(text),
    )
    return HttpResponse(
        body,
        status=503,
        headers={"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"},
    )


def _not_found(request: HttpRequest) -> HttpResponse:
    with _language(request, "en"):
        body = PAGE.format(
            language=translation.get_language() or "en",
            title=escape(_("No space at this address")),
            text=escape(_("Check the address, or ask the person who gave it to you.")),
        )
    return HttpResponseNotFound(body, headers={"Cache-Control": "no-store"})
