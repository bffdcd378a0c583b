"""What allauth does differently here: sign-up policy, branded mails, links, inactive accounts."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.stagekit import clear_login
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib import messages
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.identity import identity_settings, mails, mfa, seats, sign_in_rules
from tremplin.identity.errors import NoPlace
from tremplin.identity.internal import known_devices
from tremplin.identity.models import User
from tremplin.identity.normalise import normalise_email

FRESH_SIGN_IN = 300  # seconds
# The sign-in that a mandatory enrolment followed: its recovery codes need no second password.
ENROLLING_KEY = "enrolling_since_sign_in"


def method_used(request: HttpRequest, user: User) -> sign_in_rules.Method | None:
    """Return how ``user`` has just proved who she is, None when it was by none of our methods."""
    records = get_authentication_records(request, user)
    last = records[-1] if records else {}
    if last.get("method") == "mfa" and last.get("passwordless"):
        return "passkey"
    if last.get("method") == "password":
        return "password"
    return "code" if last.get("method") == "code" else None


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """The space's own rules for accounts."""

    error_messages = {  # noqa: RUF012  same attribute as in the parent
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": _("Too many attempts. Wait five minutes, then try again."),
        "email_password_mismatch": _("The e-mail address or the password is not right."),
        "rate_limited": _("Too many requests. Wait a minute, then try again."),
        "incorrect_code": _("This code is not right. Write the one of the last message."),
        "incorrect_password": _("This password is not right."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Tell whether strangers may open an account in this space."""
        policy = identity_settings.current()
        if policy.signup == "invitation":
            return False
        return not seats.counts([policy.signup_role]) or seats.places().free != 0

    def clean_email(self, email: str) -> str:
        """Return the address as it is stored."""
        return normalise_email(email)

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Store a person who signed up, with the role that the space gives to newcomers."""
        user = super().save_user(request, user, form, commit=False)
        user.locale = getattr(request, "LANGUAGE_CODE", "")
        if commit:
            role = identity_settings.current().signup_role
            with transaction.atomic():
                user.save()
                user.groups.set(Group.objects.filter(name=role))
                if seats.counts([role]):
                    self._take_place(request, user)
        return user

    def _take_place(self, request: HttpRequest, user: Any) -> None:
        """Take a place for a newcomer; whoever came second to the last one is told so."""
        try:
            seats.take([user.pk])
        except NoPlace as error:
            context = {"page_title": gettext("Sign up"), "message": error.message}
            raise ImmediateHttpResponse(
                render(request, "identity/signup_full.html", context, status=402)
            ) from error

    def set_password(self, user: Any, password: str) -> None:
        """Store a new password; every other session and reset link of the person dies with it."""
        from tremplin.identity.reset_tokens import forget_tokens

        with transaction.atomic():
            super().set_password(user, password)
            forget_tokens(user)

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> Any:
        """Stop expired accounts, which Django still calls active, and methods that are closed."""
        if user.is_expired() or user.removed_at is not None:
            clear_login(request)
            return self.respond_user_inactive(request, user)
        if user.is_active and (refused := self._closed_method(request, user)) is not None:
            clear_login(request)
            return refused
        return super().pre_login(request, user, **kwargs)

    def _closed_method(self, request: HttpRequest, user: User) -> HttpResponse | None:
        """Refuse a proof given by a method that the space or one of its rules closed."""
        method = method_used(request, user)
        if method is None:
            return None
        policy = identity_settings.current()
        if (method == "code" and not policy.login_by_code) or (
            method == "passkey" and not policy.passkeys
        ):
            refusal = sign_in_rules.Refusal(
                gettext("This space does not let people sign in this way. Choose another one.")
            )
        else:
            found = sign_in_rules.refusal(user.email, method)
            if found is None:
                return None
            refusal = found
        if hasattr(request.allauth, "headless"):  # type: ignore[attr-defined]
            from tremplin.identity.api_access import app_sign_up

            raise ImmediateHttpResponse(app_sign_up.closed(refusal.message, refusal.url))
        messages.error(request, refusal.message)
        return HttpResponseRedirect(refusal.url or reverse("account_login"))

    def login(self, request: HttpRequest, user: Any) -> None:
        """Open the session; what it remembers of a former idle time is gone."""
        request.is_first_sign_in = user.last_login is None  # type: ignore[attr-defined]
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> Any:
        """Answer the sign-in, remember the device and tell the person when it is a new one."""
        response = super().post_login(request, user, **kwargs)
        first = kwargs.get("signup") or getattr(request, "is_first_sign_in", False)
        known_devices.note(request, response, user, quiet=bool(first))
        return response

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Ask for the password once more, except right after a sign-in that enrolment follows."""
        request = self.request
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            records = get_authentication_records(request, user)
            signed_in_at = records[-1]["at"] if records else 0.0
            if time.time() - signed_in_at < FRESH_SIGN_IN:
                if mfa.must_enrol(user, request.session):
                    request.session[ENROLLING_KEY] = signed_in_at
                    return False
                codes = request.path.startswith(reverse("mfa_view_recovery_codes"))
                if codes and request.session.get(ENROLLING_KEY) == signed_in_at:
                    return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Return the ways to prove oneself again, in our words."""
        names = {
            "reauthenticate": gettext("Use your password"),
            "mfa_reauthenticate": gettext("Use a code"),
            "mfa_reauthenticate:webauthn": gettext("Use a passkey"),
        }
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return [{**entry, "description": names[entry["id"]]} for entry in found]

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """Confirm an address unless it is the sign-in address of someone else here.

        allauth compares with confirmed addresses only; an invited colleague's is not confirmed yet.
        """
        others = User.objects.filter(email=normalise_email(email_address.email))
        if others.exclude(pk=email_address.user_id).exists():
            return False
        if sign_in_rules.keeps_address(email_address.user, email_address.email) is not None:
            return False
        return bool(super().confirm_email(request, email_address))

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Return where a person lands after signing in."""
        return "/app/"

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        """Return the confirmation link on the primary address of the space."""
        return mails.absolute_url(reverse("account_confirm_email", args=[emailconfirmation.key]))

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the reset link on the primary address of the space."""
        uid, _separator, token = key.partition("-")
        return mails.absolute_url(reverse("account_reset_password_from_key", args=[uid, token]))

    def send_account_already_exists_mail(self, email: str) -> None:
        """Tell the holder of ``email`` that someone tried to sign up with it."""
        self.send_mail(
            "account/email/account_already_exists",
            email,
            {
                "login_url": mails.absolute_url(reverse("account_login")),
                "password_reset_url": mails.absolute_url(reverse("account_reset_password")),
            },
        )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail with the space's brand in the reader's language."""
        reader = context.get("user")
        if not isinstance(reader, User):
            reader = User.objects.filter(email=normalise_email(email)).first()
        if template_prefix == "account/email/unknown_account" and reader is not None:
            # A suspended account: its holder deserves the truth, which only she receives.
            template_prefix = "account/email/account_closed"
        locale = reader.locale if reader is not None else ""
        mails.send(template_prefix, email, {**context, "email": email, "user": reader}, locale)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a failed sign-in, without storing what was typed."""
        from tremplin.api import services

        email = normalise_email(credentials.get("email") or credentials.get("username") or "")
        known = User.objects.filter(email=email).values_list("pk", flat=True).first()
        services.audit().record(
            "security.login_failed",
            target=f"person:{known}" if known else "",
            data={"known": known is not None},
        )

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count attempts per account of the space, whatever host or spelling is used."""
        return normalise_email(credentials.get("email") or credentials.get("username") or "")
