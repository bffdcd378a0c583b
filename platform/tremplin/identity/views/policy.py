"""How people of the space sign in: the page where its administrators choose."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tremplin.identity import mfa
from tremplin.identity.identity_settings import IdentitySettings
from tremplin.identity.policy_forms import SignInForm
from tremplin.kernel import settings_store
from tremplin.kernel.access import guarded


@guarded("identity.manage_security")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show and change the rules of sign-in.

    Requiring a second factor from one's own role without having one asks for a confirmation: the
    next page is then the one that sets it up.
    """
    tenant: Any = request.tenant  # type: ignore[attr-defined]
    form = SignInForm(request.POST if request.method == "POST" else None, tenant=tenant)
    concerns_me = False
    if request.method == "POST" and form.is_valid():
        changes = form.changes()
        concerns_me = _concerns(request, changes)
        if not concerns_me or request.POST.get("understood"):
            try:
                _store(tenant, changes)
            except settings_store.InvalidSettings as error:
                for name, text in error.errors.items():
                    form.add_error(name, text)
            except settings_store.LockedSetting as error:
                form.add_error(error.field, _("Set by your provider."))
            else:
                messages.success(request, _("The rules of sign-in are saved."))
                return redirect("people:sign_in")
    user: Any = request.user
    context = {
        "page_title": _("Sign-in rules"),
        "form": form,
        "concerns_me": concerns_me,
        "unprotected": mfa.required_for(user) and not mfa.is_enrolled(user),
    }
    status = 422 if form.errors or concerns_me else 200
    return render(request, "identity/sign_in.html", context, status=status)


def _concerns(request: HttpRequest, changes: dict[str, Any]) -> bool:
    """Tell whether the change asks a second factor from its author, who has none."""
    user: Any = request.user
    wanted = set(changes.get("mfa_roles", ()))
    if not wanted & user.role_codes() or mfa.is_enrolled(user):
        return False
    # By single sign-on her organisation already asked for one.
    return not request.session.get(mfa.SSO_SESSION_KEY)


@transaction.atomic
def _store(tenant: Any, changes: dict[str, Any]) -> None:
    from tremplin.api import services

    if not changes:
        return
    settings_store.write("tenant", tenant, "identity", changes, model=IdentitySettings)
    data: dict[str, Any] = {"fields": sorted(changes)}
    if "mfa_roles" in changes:
        data["mfa_roles"] = list(changes["mfa_roles"])
    services.audit().record("security.sign_in_changed", data=data)
