"""The second factor of somebody else: what there is, and its reset when the device is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from tremplin.identity import mfa, selectors, services
from tremplin.identity.errors import IdentityError
from tremplin.identity.internal import authority
from tremplin.identity.normalise import is_reachable
from tremplin.identity.people_forms import FactorResetForm
from tremplin.kernel.access import guarded


@dataclass(frozen=True, slots=True)
class Summary:
    """What the page of a person says of her second factor; ``can_reset`` shows the way there."""

    names: list[str]
    required: bool
    can_reset: bool


def _names(person: Any) -> list[str]:
    kinds = list(Authenticator.objects.filter(user=person).values_list("type", flat=True))
    found = []
    if Authenticator.Type.TOTP in kinds:
        found.append(_("Authenticator app"))
    if passkeys := kinds.count(Authenticator.Type.WEBAUTHN):
        text = ngettext("%(count)s passkey", "%(count)s passkeys", passkeys)
        found.append(text % {"count": passkeys})
    if Authenticator.Type.RECOVERY_CODES in kinds:
        found.append(_("Recovery codes"))
    return found


def summary(request: HttpRequest, person: Any) -> Summary | None:
    """Return what to show of the second factor of ``person``, None to who may not know it."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    if not ctx.can("identity.manage_security"):
        return None
    names = _names(person)
    return Summary(names, mfa.required_for(person), bool(names) and not _problem(ctx, person))


def _problem(ctx: Any, person: Any) -> str:
    """Return why the second factor stays as it is, or an empty string."""
    if ctx.person.id == person.pk:
        return _("Change your own second factor on your profile.")
    if not authority.may_reset_factors(ctx, person.granted, owner=services.is_owner(person)):
        return _("Only the owner or the platform can reset the second factor of this person.")
    return ""


@guarded("identity.manage_security")
@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, person: UUID) -> HttpResponse:
    """Ask for a reason, then take the second factor away, end the sessions and tell the person."""
    ctx: Any = request.ctx  # type: ignore[attr-defined]
    found = selectors.person(person)
    if found is None:
        raise Http404
    problem = _problem(ctx, found)
    form = FactorResetForm(request.POST or None)
    if request.method == "POST" and not problem and form.is_valid():
        try:
            services.reset_second_factor(found, form.cleaned_data["reason"])
        except IdentityError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The second factor is reset and the sessions are closed."))
            return redirect("people:detail", person=found.pk)
    context = {
        "page_title": _("Reset the second factor of %(name)s") % {"name": found.display_name},
        "person": found,
        "form": form,
        "problem": problem,
        "names": _names(found),
        "sessions": UserSession.objects.filter(user=found).count(),
        "required": mfa.required_for(found),
        "reachable": is_reachable(found.email),
    }
    refused = form.errors or (problem and request.method == "POST")
    return render(
        request, "identity/people/factor_reset.html", context, status=422 if refused else 200
    )
