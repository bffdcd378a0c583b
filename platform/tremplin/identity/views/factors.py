"""Recovery codes and passkeys: allauth's pages with the rules of the space."""

from __future__ import annotations

import json
import time
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal import flows as code_flows
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.webauthn.internal import auth
from allauth.mfa.webauthn.views import (
    AddWebAuthnView,
    EditWebAuthnView,
    ReauthenticateWebAuthnView,
    RemoveWebAuthnView,
)
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from tremplin.identity import mfa
from tremplin.identity.internal.hosts import on_primary_host
from tremplin.identity.mails import absolute_url
from tremplin.kernel.access import guarded

# Codes are shown once: while the page that made them is still at hand.
SHOWN_KEY = "recovery_codes_shown"
SHOWN_SECONDS = 600


def options_json(options: Any) -> str:
    """Return the question for the device as the page's script reads it."""
    return json.dumps(_plain(options))


def _plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


# --- recovery codes ------------------------------------------------------------------------------


def _visible_codes(request: HttpRequest) -> tuple[list[str], int]:
    """Return the codes if this session may still see them, and how many are left.

    Raises ``Http404`` without codes and asks for the password again when it was long ago.
    """
    codes, fresh = code_flows.view_recovery_codes(request)
    if codes is None:
        raise Http404
    unused = codes.get_unused_codes()
    if fresh:
        request.session[SHOWN_KEY] = {"id": codes.instance.pk, "at": int(time.time())}
    shown = request.session.get(SHOWN_KEY) or {}
    visible = (
        shown.get("id") == codes.instance.pk and time.time() - shown.get("at", 0) < SHOWN_SECONDS
    )
    return (unused if visible else []), len(unused)


@guarded()
@require_GET
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new codes once; afterwards, how many are left."""
    codes, left = _visible_codes(request)
    context = {"codes": codes, "left": left}
    response = render(request, "mfa/recovery_codes/index.html", context)
    add_never_cache_headers(response)
    return response


@guarded()
@require_GET
def download_codes(request: HttpRequest) -> HttpResponse:
    """Send the codes as a text file, as long as the page that shows them works."""
    codes, _left = _visible_codes(request)
    if not codes:
        messages.error(request, _("These codes were shown once. Make new ones to see them."))
        return HttpResponseRedirect(reverse("mfa_view_recovery_codes"))
    space: Any = request.tenant  # type: ignore[attr-defined]
    person: Any = request.user
    lines = [
        _("Recovery codes of %(email)s, %(space)s") % {"email": person.email, "space": space.name},
        absolute_url("/accounts/login/"),
        _("Each code works once. Keep them where only you can read them."),
        "",
        *codes,
        "",
    ]
    response = HttpResponse("\r\n".join(lines), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="recovery-codes.txt"'
    add_never_cache_headers(response)
    return response


class MakeRecoveryCodes(GenerateRecoveryCodesView):  # type: ignore[misc]
    """New codes; the former ones stop working."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Offer codes to who has a second factor to recover only."""
        if not code_flows.can_generate_recovery_codes(request.user):  # type: ignore[arg-type]
            return HttpResponseRedirect(reverse("mfa_index"))
        return super().dispatch(request, *args, **kwargs)


make_codes = guarded()(require_http_methods(["GET", "POST"])(MakeRecoveryCodes.as_view()))


# --- passkeys ------------------------------------------------------------------------------------


class AddPasskey(AddWebAuthnView):  # type: ignore[misc]
    """Register a passkey that the device unlocks with a code, a finger or a face."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Ask the device for a passkey that checks who holds it."""
        context: dict[str, Any] = super(AddWebAuthnView, self).get_context_data(**kwargs)
        options = auth.begin_registration(self.request.user, passwordless=True)
        return {**context, "options": options_json(options)}

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the page again with what went wrong."""
        return self.render_to_response(self.get_context_data(form=form), status=422)


_add = AddPasskey.as_view()


@guarded()
@require_http_methods(["GET", "POST"])
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Add a passkey, on the primary address of the space only."""
    if not on_primary_host(request):
        context = {"primary_url": absolute_url(reverse("mfa_add_webauthn"))}
        return render(request, "mfa/webauthn/other_host.html", context, status=409)
    answer: HttpResponse = _add(request)
    return answer


class RemovePasskey(RemoveWebAuthnView):  # type: ignore[misc]
    """Remove a passkey, unless it is the last second factor that the person must have."""

    success_url = reverse_lazy("mfa_index")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Say at once when the passkey has to stay."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "kept": not get_adapter().can_delete_authenticator(self.object)}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Remove it, or answer 422 with the reason."""
        self.object = self.get_object()
        if not get_adapter().can_delete_authenticator(self.object):
            return self.render_to_response(self.get_context_data(), status=422)
        answer: HttpResponse = super().post(request, *args, **kwargs)
        return answer


class RenamePasskey(EditWebAuthnView):  # type: ignore[misc]
    """Change the name of a passkey."""

    success_url = reverse_lazy("mfa_index")

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again."""
        return self.render_to_response(self.get_context_data(form=form), status=422)


class ProvePasskey(ReauthenticateWebAuthnView):  # type: ignore[misc]
    """Prove oneself with a passkey before a delicate change."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Ask the device the question of this session."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "options": options_json(context["js_data"]["request_options"])}

    def form_invalid(self, form: Any) -> HttpResponse:
        """Come back to the page with the reason."""
        for error in form.errors.get("credential", []):
            messages.error(self.request, error)
        return HttpResponseRedirect(self.request.get_full_path())


remove_passkey = guarded()(RemovePasskey.as_view())
rename_passkey = guarded()(RenamePasskey.as_view())
prove_passkey = guarded()(ProvePasskey.as_view())


@guarded()
@require_GET
def passkeys(request: HttpRequest) -> HttpResponse:
    """Passkeys stand with the other second factors."""
    return HttpResponseRedirect(reverse("mfa_index"))


class SecondStep(AuthenticateView):  # type: ignore[misc]
    """The second step of a sign-in: a code, or a passkey for who has one."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Offer the factors that the person really has."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        person = self.stage.login.user
        types = set(Authenticator.objects.filter(user=person).values_list("type", flat=True))
        options = context["js_data"]["request_options"]
        return {
            **context,
            "has_app": Authenticator.Type.TOTP in types,
            "has_codes": Authenticator.Type.RECOVERY_CODES in types,
            "has_passkey": Authenticator.Type.WEBAUTHN in types,
            "options": options_json(options),
        }


second_step = guarded(anonymous=True)(SecondStep.as_view())


# --- overview ------------------------------------------------------------------------------------


@guarded()
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Show what protects the account, and what its roles require."""
    from tremplin.identity import identity_settings

    user: Any = request.user
    rows = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    by_type: dict[str, Any] = {row.type: row for row in rows}
    codes = by_type.get(Authenticator.Type.RECOVERY_CODES)
    context = {
        "totp": by_type.get(Authenticator.Type.TOTP),
        "passkeys": [
            {"row": row, "name": row.wrap().name}
            for row in rows
            if row.type == Authenticator.Type.WEBAUTHN
        ],
        "codes_left": len(codes.wrap().get_unused_codes()) if codes is not None else None,
        "passkeys_open": identity_settings.current().passkeys,
        "required": mfa.required_for(user),
        "must_enrol": mfa.must_enrol(user, request.session),  # type: ignore[arg-type]
    }
    return render(request, "mfa/index.html", context)
