"""What a person reads when an answer of her provider is refused, and what the log keeps of it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from tremplin.sso.models import Connection
from tremplin.sso.selectors import login_url
from tremplin.sso.services import audit

LOGOUT_UNKNOWN = "bad_logout"


def message(code: str) -> str:
    """Return what to tell the person, in her language; every code has a sentence."""
    texts = {
        "too_many": _("Too many answers arrive from your network. Wait a minute, then try again."),
        "no_answer": _("No answer of your organisation came with this request. Sign in again."),
        "too_big": _("The answer of your organisation is too big."),
        "unexpected": _(
            "This answer belongs to no sign-in that you began in this browser, or it was used "
            "already. Sign in again."
        ),
        "replayed": _("This answer was used already. Sign in again."),
        "idp_initiated": _(
            "Sign in from this page: your space does not take sign-ins that begin at your "
            "organisation."
        ),
        "not_on_or_after": _("The answer of your organisation came too late. Sign in again."),
        "confirmation_end": _("The answer of your organisation came too late. Sign in again."),
        "not_before": _(
            "The answer of your organisation is dated in the future: a clock is wrong. Tell your "
            "administrator."
        ),
        "status": _("Your organisation did not sign you in."),
        "email": _(
            "Your organisation does not give us your e-mail address. Tell your administrator."
        ),
        "no_logout": _("This address only takes the sign-outs of your organisation."),
        "bad_logout": _("This sign-out does not come from your organisation, or came too late."),
    }
    return texts.get(
        code,
        _("The answer of your organisation could not be trusted. Tell your administrator."),
    )


def refuse(request: HttpRequest, connection: Connection, code: str, status: int) -> HttpResponse:
    """Answer a page that says why; nothing but a security event is written."""
    audit("security.sso_refused", connection, code=code)
    context = {
        "page_title": _("Sign-in refused"),
        "message": message(code),
        "code": code,
        "connection": connection,
        "retry_url": login_url(connection) if connection.is_active else "",
    }
    response = render(request, "sso/saml/refused.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response
