"""Pages of the demo's identity provider, at its own host only."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tremplin.kernel.access import guarded
from tremplin.kernel.signing import TenantSigner
from tremplin.operations.demo.idp import people, services

COOKIE = "demo_idp"
LIFE_SECONDS = 8 * 3600
View = Callable[..., HttpResponse]


def provider_page(view: View) -> View:
    """Serve ``view`` at the provider's host only, and only where SAML works."""

    @never_cache
    @guarded(anonymous=True)
    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        host = request.get_host().split(":")[0]
        if host != people.HOST or not settings.SAML_AVAILABLE:
            raise Http404("the provider answers at its own host")
        return view(request, *args, **kwargs)

    return inner


def _session(request: HttpRequest) -> dict[str, str] | None:
    """Return who is signed in at the provider, and for which service."""
    text = TenantSigner().unsign("demo.idp", request.COOKIES.get(COOKIE, ""), max_age=LIFE_SECONDS)
    return json.loads(text) if text else None


def _refused(request: HttpRequest, message: str) -> HttpResponse:
    context = {"page_title": people.NAME, "message": message}
    return render(request, "operations/demo/idp/refused.html", context, status=400)


@provider_page
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show who is signed in and where."""
    session = _session(request)
    context = {
        "page_title": people.NAME,
        "person": people.BY_KEY.get(session["person"]) if session else None,
        "service": services.service_of(session["service"]) if session else None,
        "people": people.PEOPLE,
    }
    return render(request, "operations/demo/idp/index.html", context)


@provider_page
@require_GET
def metadata(request: HttpRequest) -> HttpResponse:
    """Answer the description of the provider."""
    from tremplin.operations.demo.idp import messages

    return HttpResponse(messages.metadata(), content_type="application/samlmetadata+xml")


@provider_page
@require_http_methods(["GET", "POST"])
def sso(request: HttpRequest) -> HttpResponse:
    """Check who asks, let the visitor choose a person, then carry the answer to the service."""
    from tremplin.operations.demo.idp import messages

    try:
        asked = messages.read(request.GET.dict())
    except ValueError:
        return _refused(request, _("This is not a sign-in request."))
    service = services.service_of(asked.issuer)
    if service is None or asked.kind != "AuthnRequest":
        return _refused(request, _("This service is not known here."))
    if not messages.is_signed(request.META.get("QUERY_STRING", ""), list(service.certificates)):
        return _refused(request, _("The request is not signed by the service."))
    person = people.BY_KEY.get(request.POST.get("person", ""))
    if person is None:
        context = {
            "page_title": people.NAME,
            "service": service,
            "people": people.PEOPLE,
            "query": request.META.get("QUERY_STRING", ""),
        }
        return render(request, "operations/demo/idp/choose.html", context)
    return _carry(request, person, service, asked.id, request.GET.get("RelayState", ""))


def _carry(
    request: HttpRequest,
    person: people.Identity,
    service: services.Service,
    asked: str,
    relay: str,
) -> HttpResponse:
    """Answer a page whose form brings the answer to the service."""
    from tremplin.kernel.middleware import extend_policy
    from tremplin.operations.demo.idp import messages

    session = uuid4().hex
    context = {
        "page_title": people.NAME,
        "service": service,
        "answer": messages.answer(
            person, service=service.entity_id, acs=service.acs, request=asked, session=session
        ),
        "relay": relay,
    }
    response = render(request, "operations/demo/idp/carry.html", context)
    parts = urlsplit(service.acs)
    extend_policy(response, form_action=[f"{parts.scheme}://{parts.netloc}"])
    kept = {"person": person.key, "service": service.entity_id, "session": session}
    response.set_cookie(
        COOKIE,
        TenantSigner().sign("demo.idp", json.dumps(kept)),
        max_age=LIFE_SECONDS,
        path="/_demo/idp/",
        httponly=True,
        samesite="Lax",
    )
    return response


@provider_page
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Sign a person in at the service of the last session without being asked."""
    session = _session(request)
    service = services.service_of(session["service"]) if session else None
    person = people.BY_KEY.get(request.POST.get("person", ""))
    if service is None or person is None:
        return _refused(request, _("Sign in from a service first."))
    return _carry(request, person, service, "", "/app/")


@provider_page
@require_GET
def slo(request: HttpRequest) -> HttpResponse:
    """Take a logout of a service, or its answer to ours."""
    from tremplin.operations.demo.idp import messages

    try:
        asked = messages.read(request.GET.dict())
    except ValueError:
        return _refused(request, _("This is not a sign-out request."))
    service = services.service_of(asked.issuer)
    if service is None:
        return _refused(request, _("This service is not known here."))
    if not messages.is_signed(request.META.get("QUERY_STRING", ""), list(service.certificates)):
        return _refused(request, _("The request is not signed by the service."))
    if asked.kind == "LogoutResponse":
        response: HttpResponse = redirect("demo:idp")
    elif asked.kind == "LogoutRequest":
        relay = request.GET.get("RelayState", "")
        response = HttpResponseRedirect(
            messages.logout_response(sls=service.sls, request=asked.id, relay=relay)
        )
    else:
        return _refused(request, _("This is not a sign-out request."))
    response.delete_cookie(COOKIE, path="/_demo/idp/")
    return response


@provider_page
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Sign the person out here and at the service where she signed in."""
    from tremplin.operations.demo.idp import messages
    from tremplin.sso import leaving

    session = _session(request)
    service = services.service_of(session["service"]) if session else None
    person = people.BY_KEY.get(session["person"]) if session else None
    if session is None or service is None or person is None:
        return redirect("demo:idp")
    url = messages.logout_request(
        sls=service.sls, name_id=person.name_id(service.entity_id), session=session["session"]
    )
    response = leaving.leave(request, HttpResponseRedirect(url), service.name)
    response.delete_cookie(COOKIE, path="/_demo/idp/")
    return response
