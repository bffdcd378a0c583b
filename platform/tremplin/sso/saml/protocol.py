"""The SAML end points of the space: sign-in, answers, logout in both directions, metadata.

They stand before those of allauth at the same addresses and keep its state and its sign-in; they
add the primary domain, the exact checks, the replay memory, test sign-ins and single logout.
Profiles: OASIS SAML 2.0 "Web Browser SSO" (4.1) and "Single Logout" (4.4).
"""

from __future__ import annotations

import logging
from typing import Any

from allauth.core.internal import httpkit
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.base.utils import respond_to_login_on_get
from allauth.socialaccount.sessions import LoginSession
from django.contrib import messages
from django.contrib.auth import logout as end_session
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tremplin.identity.mails import absolute_url
from tremplin.kernel import throttle
from tremplin.kernel.access import guarded
from tremplin.kernel.current import tenant_required
from tremplin.sso import leaving
from tremplin.sso.models import Connection
from tremplin.sso.saml import config, examination, refusals, replay, sessions, testing_logins
from tremplin.sso.saml.refusals import refuse

logger = logging.getLogger(__name__)
ANSWERS_PER_MINUTE = 300
# An answer is kept for some minutes before it is checked. One of a usual provider is far smaller
# than these; so many of the largest size would fill the disk.
BIG_ANSWER = 60_000  # characters of base64
BIG_ANSWERS_PER_MINUTE = 30


def connection_or_404(slug: str, *, active: bool = True) -> Connection:
    """Return the SAML connection of this space called ``slug``."""
    found = Connection.objects.select_related("app").filter(kind=Connection.Kind.SAML, slug=slug)
    if active:
        found = found.filter(is_active=True)
    connection = found.first()
    if connection is None:
        raise Http404("no such connection")
    return connection


def provider_of(connection: Connection, request: HttpRequest) -> Any:
    """Return allauth's provider over the completed application of ``connection``."""
    return config.complete(connection.app).get_provider(request)


def _elsewhere(request: HttpRequest) -> bool:
    """Tell whether the request came through another host than the one providers know."""
    tenant: Any = tenant_required()
    return bool(split_domain_port(request.get_host())[0] != tenant.primary_host)


@never_cache
@guarded(anonymous=True)
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Start a sign-in: to the primary domain first, then to the provider."""
    connection = connection_or_404(organization_slug)
    if _elsewhere(request):
        target = absolute_url(request.path)
        wanted = request.POST.get("next") or request.GET.get("next") or ""
        if wanted.startswith("/"):
            target = f"{target}?{urlencode({'next': wanted})}"
        return leaving.leave(request, HttpResponseRedirect(target), connection.label)
    provider = provider_of(connection, request)
    page: HttpResponse | None = respond_to_login_on_get(request, provider)
    if page is not None:
        return page
    auth = config.auth_for(provider.app, request)
    url = auth.login(return_to="")
    provider.stash_redirect_state(
        request,
        state_id=auth.get_last_request_id(),
        **provider.get_redirect_from_request_kwargs(request),
    )
    return leaving.leave(request, HttpResponseRedirect(url), connection.label)


@csrf_exempt
@guarded(anonymous=True)
@require_POST
def acs(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Keep an answer until the browser comes back with its session cookie.

    The provider's form is another site's: the browser sends no cookie of ours with it.
    """
    connection = connection_or_404(organization_slug, active=False)
    raw = request.POST.get("SAMLResponse", "")
    address = request.META.get("REMOTE_ADDR", "")
    if throttle.hit("saml:acs", address, limit=ANSWERS_PER_MINUTE, seconds=60):
        return refuse(request, connection, "too_many", 429)
    if not raw:
        return refuse(request, connection, "no_answer", 400)
    if len(raw) > examination.MAX_RESPONSE:
        return refuse(request, connection, "too_big", 413)
    if len(raw) > BIG_ANSWER and throttle.hit(
        "saml:acs-big", address, limit=BIG_ANSWERS_PER_MINUTE, seconds=60
    ):
        return refuse(request, connection, "too_many", 429)
    response = HttpResponseRedirect(reverse("saml_finish_acs", args=[organization_slug]))
    kept = LoginSession(request, "saml_acs_session", "saml-acs-session")
    kept.store.update({"request": httpkit.serialize_request(request)})
    kept.store.set_expiry(600)
    kept.save(response)
    return response


@never_cache
@guarded(anonymous=True)
@require_GET
def finish_acs(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Check the answer, then sign the person in, or show an administrator what her test found."""
    from tremplin.sso import doctor

    connection = connection_or_404(organization_slug, active=False)
    kept = LoginSession(request, "saml_acs_session", "saml-acs-session")
    stored = kept.store.get("request")
    kept.delete()
    if not stored:
        return refuse(request, connection, "no_answer", 400)
    answer = httpkit.deserialize_request(stored, HttpRequest())
    raw = answer.POST.get("SAMLResponse", "")
    app = config.complete(connection.app)
    test = testing_logins.take(request, connection, examination.request_named_in(raw))
    if test is not None:
        return doctor.finish_test(request, connection, app, answer, raw, test)
    if not connection.is_active:
        raise Http404("the connection is off")
    result = examination.examine(app, answer, raw)
    if result.failed is not None or result.auth is None:
        code = result.failed.code if result.failed is not None else "library"
        logger.warning("SAML answer refused: %s %s", code, result.library_error)
        return refuse(request, connection, code, 401)
    return _sign_in(request, connection, app, answer, result)


def _sign_in(
    request: HttpRequest,
    connection: Connection,
    app: Any,
    answer: HttpRequest,
    result: examination.Examination,
) -> HttpResponse:
    provider = app.get_provider(request)
    if result.in_response_to:
        try:
            state = provider.unstash_redirect_state(request, result.in_response_to)
        except PermissionDenied:
            return refuse(request, connection, "unexpected", 403)
    elif app.settings["advanced"].get("reject_idp_initiated_sso", True):
        return refuse(request, connection, "idp_initiated", 401)
    else:
        state = {"process": AuthProcess.LOGIN, **_relayed(request, answer)}
    if not replay.is_new(app.provider_id, result.assertion_id, result.valid_until):
        return refuse(request, connection, "replayed", 403)
    login = provider.sociallogin_from_response(request, result.auth)
    described = sessions.describe(connection, result.auth, result.fields)
    login.state = {**state, sessions.STATE_KEY: described}
    done: HttpResponse = complete_social_login(request, login)
    return done


def _relayed(request: HttpRequest, answer: HttpRequest) -> dict[str, str]:
    """Return where an unasked answer wants to go, when it is a page of this space."""
    wanted = answer.POST.get("RelayState", "")
    tenant: Any = tenant_required()
    hosts = {request.get_host(), tenant.primary_host}
    if wanted and url_has_allowed_host_and_scheme(wanted, hosts):
        return {"next": wanted}
    return {}


@never_cache
@guarded(anonymous=True)
@require_GET
def metadata(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Answer what a provider must know of the space (an XML document)."""
    from onelogin.saml2.settings import OneLogin_Saml2_Settings

    connection = connection_or_404(organization_slug, active=False)
    app = config.complete(connection.app)
    # Our key to encrypt for is published whether or not encryption is required.
    described = config.library_settings(app, request, wantAssertionsEncrypted=True)
    found = OneLogin_Saml2_Settings(settings=described, sp_validation_only=True)
    response = HttpResponse(found.get_sp_metadata(), content_type="application/samlmetadata+xml")
    if "download" in request.GET:
        response["Content-Disposition"] = f'attachment; filename="{connection.slug}-metadata.xml"'
    return response


def leave_provider(request: HttpRequest) -> str:
    """Return where to sign the person out at her provider, or an empty string.

    The session of ours is still open; the caller ends it. What is needed to recognise the
    provider's answer goes into the next, anonymous session.
    """
    found = request.session.get(sessions.SESSION_KEY)
    if not isinstance(found, dict):
        return ""
    connection = (
        Connection.objects.select_related("app")
        .filter(pk=found["connection"], kind=Connection.Kind.SAML)
        .first()
    )
    if connection is None:
        return ""
    auth = config.auth_for(config.complete(connection.app), request)
    if not auth.get_slo_url():
        return ""
    url = auth.logout(
        return_to="",
        name_id=found["name_id"],
        session_index=found["session_index"] or None,
        nq=found["name_qualifier"] or None,
        name_id_format=found["name_id_format"] or None,
        spnq=found["sp_name_qualifier"] or None,
    )
    end_session(request)
    request.session[sessions.LOGOUT_KEY] = auth.get_last_request_id()
    return str(url)


@never_cache
@guarded(anonymous=True)
@require_http_methods(["GET", "POST"])
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out here and, when the session came by SAML, at the provider as well."""
    from allauth.account.views import logout as local_logout

    if request.method == "POST" and request.user.is_authenticated:
        from tremplin.api import services

        person = request.user.pk
        if url := leave_provider(request):
            services.audit().record("security.logout", target=f"person:{person}")
            return leaving.leave(request, HttpResponseRedirect(url), _("your organisation"))
    answer: HttpResponse = local_logout(request)
    return answer


@never_cache
@guarded(anonymous=True)
@require_GET
def sls(request: HttpRequest, organization_slug: str) -> HttpResponse:
    """Take a logout request of the provider, or its answer to ours; both must be signed."""
    connection = connection_or_404(organization_slug, active=False)
    app = config.complete(connection.app)
    if "SAMLResponse" in request.GET:
        return _logout_answer(request, connection, app)
    if "SAMLRequest" in request.GET:
        return _logout_request(request, connection, app)
    return refuse(request, connection, "no_logout", 400)


def _logout_request(request: HttpRequest, connection: Connection, app: Any) -> HttpResponse:
    auth = config.auth_for(app, request, wantMessagesSigned=True)
    found = request.session.get(sessions.SESSION_KEY)
    try:
        target = auth.process_slo(keep_local_session=True)
        subject = auth.logout_request_class.get_nameid(
            auth.get_last_request_xml(), auth.get_settings().get_sp_key()
        )
    except Exception as error:  # noqa: BLE001  whatever the library makes of hostile XML
        logger.warning("SAML logout refused: %s", error)
        return refuse(request, connection, "bad_logout", 400)
    if auth.get_errors():
        logger.warning("SAML logout refused: %s", auth.get_last_error_reason())
        return refuse(request, connection, "bad_logout", 400)
    if (
        isinstance(found, dict)
        and found["connection"] == str(connection.pk)
        and found["name_id"] == subject
    ):
        end_session(request)
    return HttpResponseRedirect(target)


def _logout_answer(request: HttpRequest, connection: Connection, app: Any) -> HttpResponse:
    awaited = request.session.pop(sessions.LOGOUT_KEY, None)
    auth = config.auth_for(app, request, wantMessagesSigned=True)
    try:
        auth.process_slo(keep_local_session=True, request_id=awaited)
    except Exception as error:  # noqa: BLE001  as above
        logger.warning("SAML logout answer refused: %s", error)
        return refuse(request, connection, "bad_logout", 400)
    if auth.get_errors() or awaited is None:
        logger.warning("SAML logout answer refused: %s", auth.get_last_error_reason())
        return refuse(request, connection, refusals.LOGOUT_UNKNOWN, 400)
    messages.success(
        request, _("You are signed out, here and at %(name)s.") % {"name": connection.label}
    )
    return redirect("account_login")
