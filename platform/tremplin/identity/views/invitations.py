"""The page behind the link of an invitation."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from tremplin.identity import identity_settings, services, sign_in_rules
from tremplin.identity.errors import IdentityError
from tremplin.identity.forms import InvitationForm
from tremplin.identity.network.refusals import too_many_requests
from tremplin.kernel import throttle
from tremplin.kernel.access import guarded


def _closed(request: HttpRequest, used: bool) -> HttpResponse:
    context = {
        "page_title": _("This invitation no longer works"),
        "used": used,
        "contact": identity_settings.current().contact_email,
    }
    return render(request, "identity/invitation_closed.html", context, status=410)


@sensitive_post_parameters("password")
@never_cache
@guarded(anonymous=True)
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Let an invited person choose a password and names, then sign in.

    A token of another space is unknown here (404); a used, revoked or old one answers 410.
    """
    address = request.META.get("REMOTE_ADDR", "")
    over = throttle.hit("identity.invitation", address, limit=300, seconds=60)
    if over is not None:
        return too_many_requests(request, over.retry_after)
    invitation = services.find_invitation(token)
    if invitation is None or invitation.person.removed_at is not None:
        raise Http404
    person = invitation.person
    opened_already = invitation.accepted_at is not None or person.has_usable_password()
    if not invitation.is_open() or not person.is_active or opened_already:
        return _closed(request, used=opened_already)
    if (refused := sign_in_rules.refusal(person.email, "password")) is not None:
        # Her organisation signs her in: the account waits for her there, with its roles.
        messages.error(request, refused.message)
        return redirect(refused.url or "account_login")
    initial = {"first_name": person.first_name, "last_name": person.last_name}
    form = InvitationForm(request.POST or None, initial=initial, person=person)
    if request.method == "POST" and form.is_valid():
        try:
            opened = services.accept_invitation(
                invitation,
                locale=person.locale or getattr(request, "LANGUAGE_CODE", ""),
                **form.cleaned_data,
            )
        except IdentityError:
            return _closed(request, used=True)
        login(request, opened, backend=settings.AUTHENTICATION_BACKENDS[0])
        record_authentication(request, opened, method="password", email=opened.email)
        messages.success(request, _("Welcome! Your account is open."))
        return redirect(settings.LOGIN_REDIRECT_URL)
    tenant: Any = request.tenant  # type: ignore[attr-defined]
    context = {
        "page_title": _("Open your account"),
        "page_lead": _("%(space)s invites you. Choose a password to begin.")
        % {"space": tenant.name},
        "form": form,
        "email": person.email,
    }
    status = 422 if form.errors else 200
    response = render(request, "identity/invitation.html", context, status=status)
    # The token stays here; without any referrer browsers send the form with the origin "null",
    # which the protection against forged requests refuses.
    response["Referrer-Policy"] = "same-origin"
    return response
