"""Mails about accounts, in the reader's language and the look of the space."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.template.loader import render_to_string
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from tenants.branding.mail import Action, Letter, compose
from tremplin.identity import identity_settings
from tremplin.identity.internal import browsers
from tremplin.identity.normalise import is_reachable
from tremplin.kernel.current import current_tenant


def absolute_url(path: str) -> str:
    """Return ``path`` on the primary address of the current space."""
    from tremplin.api import services

    tenant = current_tenant.get()
    return path if tenant is None else services.tenancy().absolute_url(tenant, path)


def _moment(value: Any) -> str:
    return formats.date_format(timezone.localtime(value), "DATETIME_FORMAT")


def _confirm(context: dict[str, Any]) -> Letter:
    return Letter(
        _("Confirm your e-mail address"),
        (
            _("Someone, probably you, gave this address for an account. Confirm that it is yours."),
            _("The link works for three days. If you asked for nothing, ignore this message."),
        ),
        Action(_("Confirm my address"), context["activate_url"]),
    )


def _already_exists(context: dict[str, Any]) -> Letter:
    return Letter(
        _("You already have an account"),
        (
            _("Someone tried to open an account with this address, which already has one."),
            _("If it was you, sign in, or choose a new password if you forgot yours."),
        ),
        Action(_("Choose a new password"), context["password_reset_url"]),
    )


def _unknown(context: dict[str, Any]) -> Letter:
    return Letter(
        _("No account with this address"),
        (
            _("Someone asked to sign in with this address, but it has no account here."),
            _("If it was you, try another address of yours. Otherwise ignore this message."),
        ),
    )


def _closed(context: dict[str, Any]) -> Letter:
    return Letter(
        _("This account is closed"),
        (
            _("Someone, probably you, asked to sign in with this address. Its account is closed."),
            _("The people who run the space suspended it, or its period is over: ask them."),
        ),
    )


def _login_code(context: dict[str, Any]) -> Letter:
    return Letter(
        _("Your sign-in code: %(code)s") % {"code": context["code"]},
        (
            _("Write this code on the page where you asked for it: %(code)s")
            % {"code": context["code"]},
            _("It works for ten minutes, in the browser that asked for it only."),
            _("Nobody will ever ask you for it. If you asked for nothing, ignore this message."),
        ),
    )


def _where(context: dict[str, Any]) -> str:
    where = {
        "when": _moment(context["timestamp"]),
        "ip": context["ip"],
        "browser": browsers.label(context.get("user_agent", "")),
    }
    return _("When: %(when)s. Address: %(ip)s. Browser: %(browser)s.") % where


def _new_device(context: dict[str, Any]) -> Letter:
    return Letter(
        _("New sign-in to your account"),
        (
            _("Your account was opened with a browser that was not seen before."),
            _where(context),
            _("If it was you, there is nothing to do. Otherwise end that session at once."),
        ),
        Action(_("See my sessions"), absolute_url("/accounts/sessions/")),
    )


def _reset(context: dict[str, Any]) -> Letter:
    return Letter(
        _("Choose a new password"),
        (
            _("A new password was asked for your account."),
            _("The link works once, for a day. If you asked for nothing, ignore this message."),
        ),
        Action(_("Choose a new password"), context["password_reset_url"]),
    )


def _notice(title: str) -> Callable[[dict[str, Any]], Letter]:
    def build(context: dict[str, Any]) -> Letter:
        return Letter(
            title % context,
            (
                _where(context),
                _("If it was not you, choose a new password at once and tell your contact."),
            ),
            Action(_("Choose a new password"), absolute_url("/accounts/password/reset/")),
        )

    return build


def _invitation(context: dict[str, Any]) -> Letter:
    person, space = context["person"], context["space"]
    hello = _("Hello %(name)s,") % {"name": person.first_name} if person.first_name else _("Hello,")
    return Letter(
        _("You are invited to %(space)s") % {"space": space},
        (
            hello,
            _("An account is ready for you. Choose a password to open it."),
            _("The link works once, until %(when)s.") % {"when": _moment(context["expires_at"])},
        ),
        Action(_("Open my account"), context["accept_url"]),
    )


def _suspended(context: dict[str, Any]) -> Letter:
    lines = [
        _("Your account of %(space)s was suspended. You cannot sign in for now.")
        % {"space": context["space"]},
    ]
    if context["reason"]:
        lines.append(_("Reason: %(reason)s") % {"reason": context["reason"]})
    lines.append(_("Your data are kept. If you do not know why, ask the people who run the space."))
    return Letter(_("Your account is suspended"), lines)


def _resumed(context: dict[str, Any]) -> Letter:
    return Letter(
        _("Your account is open again"),
        (
            _("Your account of %(space)s was opened again. You can sign in as before.")
            % {"space": context["space"]},
        ),
        Action(_("Sign in"), absolute_url("/accounts/login/")),
    )


def _factor_reset(context: dict[str, Any]) -> Letter:
    return Letter(
        _("Your two-step sign-in was reset"),
        (
            _(
                "Someone who runs %(space)s took away the authenticator app, passkeys and recovery "
                "codes of your account, and ended its sessions."
            )
            % {"space": context["space"]},
            _("Sign in, then set up your second factor again."),
            _("If you did not ask for this, tell the people who run the space at once."),
        ),
        Action(_("Sign in"), absolute_url("/accounts/login/")),
    )


def _letter(template: str, context: dict[str, Any]) -> Letter:
    notices = {
        "account/email/password_changed": _("Your password was changed"),
        "account/email/password_set": _("Your password was set"),
        "account/email/password_reset": _("Your password was changed"),
        "account/email/email_changed": _("Your e-mail address was changed"),
        "account/email/email_deleted": _("An e-mail address was removed from your account"),
        "account/email/email_confirm": _("Your e-mail address was confirmed"),
        "mfa/email/totp_activated": _("Two-step sign-in is on"),
        "mfa/email/totp_deactivated": _("Two-step sign-in is off"),
        "mfa/email/recovery_codes_generated": _("New recovery codes were made"),
        "mfa/email/webauthn_added": _("A passkey was added to your account"),
        "mfa/email/webauthn_removed": _("A passkey was removed from your account"),
        "socialaccount/email/account_connected": _("An account was linked to yours"),
        "socialaccount/email/account_disconnected": _("A linked account was disconnected"),
    }
    if template in notices:
        return _notice(notices[template].replace("%", "%%"))(context)
    builders: dict[str, Callable[[dict[str, Any]], Letter]] = {
        "account/email/email_confirmation": _confirm,
        "account/email/email_confirmation_signup": _confirm,
        "account/email/account_already_exists": _already_exists,
        "account/email/unknown_account": _unknown,
        "account/email/account_closed": _closed,
        "account/email/login_code": _login_code,
        "account/email/new_device": _new_device,
        "account/email/password_reset_key": _reset,
        "account/email/invitation": _invitation,
        "account/email/suspended": _suspended,
        "account/email/resumed": _resumed,
        "account/email/factor_reset": _factor_reset,
    }
    if template in builders:
        return builders[template](context)
    text = render_to_string(f"{template}_message.txt", context)
    title = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    return Letter(title, [part.strip() for part in text.split("\n\n") if part.strip()])


def send(template: str, to: str, context: dict[str, Any], locale: str = "") -> bool:
    """Send the mail named ``template`` (allauth's names) to ``to`` in the language ``locale``.

    An empty ``locale`` means the one of the request. Returns whether it left: accounts made
    without an address have none that mail reaches. Raises the mail backend's error, so that a
    task tries again.
    """
    if not is_reachable(to):
        return False
    tenant = current_tenant.get()
    with translation.override(locale) if locale else nullcontext():
        values = {**context, "space": tenant.name if tenant is not None else "Tremplin"}
        message = compose(to, _letter(template, values))
    if contact := identity_settings.current().contact_email:
        message.reply_to = [contact]
    message.send()
    return True
