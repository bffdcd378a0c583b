"""Signing in through an OpenID provider, and the short way in from "My spaces"."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from tremplin.kernel.access import guarded, login_redirect
from tremplin.kernel.current import tenant_required
from tremplin.sso import accounts, selectors, services, url_guard
from tremplin.sso.adapter import refused
from tremplin.sso.leaving import leave
from tremplin.sso.models import Connection
from tremplin.sso.oidc import client, platform


def _connection(provider_id: str) -> Connection:
    """Return the open connection of the address; everything else is 404, whoever asks."""
    found = selectors.active_connections().filter(
        app__provider_id=provider_id, app__provider="openid_connect"
    )
    connection = found.first()
    if connection is None or (
        connection.kind == Connection.Kind.PLATFORM and not platform.is_available()
    ):
        raise Http404
    return connection


def _begin(
    request: HttpRequest, connection: Connection, *, process: str, next_url: str | None
) -> HttpResponse:
    try:
        provider = get_adapter(request).get_provider(request, connection.app.provider_id)
        return client.begin(request, provider, process=process, next_url=next_url)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    except (url_guard.RequestException, KeyError, TypeError, ValueError) as error:
        code, message = accounts.explain(None, error)
        services.note_failure(connection, code, request.META.get("REMOTE_ADDR", ""))
        return refused(request, message, status=502)


@guarded(anonymous=True)
@never_cache
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Begin a sign-in, or the linking of an identity to one's account (``process=connect``)."""
    connection = _connection(provider_id)
    values = request.POST if request.method == "POST" else request.GET
    process = "connect" if values.get("process") == "connect" else "login"
    if process == "connect" and not request.user.is_authenticated:
        return login_redirect(request)
    next_url = get_next_redirect_url(request)
    if request.method == "GET":
        context = {
            "page_title": _("Sign in with %(name)s") % {"name": connection.label}
            if process == "login"
            else _("Connect %(name)s") % {"name": connection.label},
            "connection": connection,
            "process": process,
            "next_url": next_url or "",
        }
        return render(request, "socialaccount/login.html", context)
    answer = _begin(request, connection, process=process, next_url=next_url)
    return leave(request, answer, connection.label)


@guarded(anonymous=True)
@never_cache
@require_GET
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Receive a person who comes back from a provider."""
    _connection(provider_id)
    try:
        return client.finish(request, provider_id)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error


@guarded(anonymous=True)
@never_cache
@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Sign in with the platform's account without another form: where "My spaces" leads.

    Whoever follows such a link arrives as herself or not at all: the operator's space decides
    who it is, so a link on another site gains nothing.
    """
    connection = _connection(platform.SLUG)
    return _begin(request, connection, process="login", next_url="/app/")


@guarded(anonymous=True)
@never_cache
@require_GET
def resume(request: HttpRequest) -> HttpResponse:
    """Go on to a space after signing in at the operator's one (see ``leaving``)."""
    if tenant_required().kind != "hq":
        raise Http404
    query = urlencode(
        [(name, value) for name in request.GET for value in request.GET.getlist(name)]
    )
    context: dict[str, Any] = {
        "page_title": _("One moment"),
        "target": f"{reverse('idp:oidc:authorization')}?{query}",
        "name": "",
    }
    return render(request, "sso/leaving.html", context)


def resume_later(request: HttpRequest) -> HttpResponse:
    """Send an anonymous person to the sign-in page and from there to ``resume``."""
    back = f"{reverse('sso:resume')}?{request.META.get('QUERY_STRING', '')}"
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': back})}")
