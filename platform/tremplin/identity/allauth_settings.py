"""allauth asks here for every setting, so that each space has its own salts and policies.

The function never queries: rendering the login page reads more than a hundred settings.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from django.apps import apps
from django.conf import settings

from tremplin.kernel.current import current_tenant, tenant_key

STATIC = {
    "ACCOUNT_FORMS": {
        "login": "tremplin.identity.forms.LoginForm",
        "signup": "tremplin.identity.forms.SignupForm",
        "change_password": "tremplin.identity.forms.ChangePasswordForm",
        "set_password": "tremplin.identity.forms.SetPasswordForm",
        "reset_password": "tremplin.identity.forms.ResetPasswordForm",
        "reset_password_from_key": "tremplin.identity.forms.ResetPasswordKeyForm",
        "add_email": "tremplin.identity.forms.AddEmailForm",
        "request_login_code": "tremplin.identity.forms.RequestLoginCodeForm",
        "confirm_login_code": "tremplin.identity.forms.ConfirmLoginCodeForm",
        "reauthenticate": "tremplin.identity.forms.ReauthenticateForm",
    },
    "MFA_FORMS": {
        "authenticate": "tremplin.identity.factor_forms.AuthenticateForm",
        "reauthenticate": "tremplin.identity.factor_forms.ReauthenticateForm",
        "activate_totp": "tremplin.identity.factor_forms.ActivateTOTPForm",
        "add_webauthn": "tremplin.identity.factor_forms.AddPasskeyForm",
        "edit_webauthn": "tremplin.identity.factor_forms.RenamePasskeyForm",
        "login_webauthn": "tremplin.identity.factor_forms.PasskeyLoginForm",
        "authenticate_webauthn": "tremplin.identity.factor_forms.PasskeyStepForm",
        "reauthenticate_webauthn": "tremplin.identity.factor_forms.PasskeyReauthenticateForm",
    },
    "MFA_RECOVERY_CODES_SHOW_ONCE": True,
    # No secret to guess in a passkey, and a classroom shares one address.
    "MFA_RATE_LIMITS": {"webauthn_login": "300/m/ip"},
    # A message may take minutes to arrive.
    "ACCOUNT_LOGIN_BY_CODE_TIMEOUT": 600,
    "ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND": 2,
    "ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR": "tremplin.identity.reset_tokens.ResetTokens",
    "ACCOUNT_EMAIL_SUBJECT_PREFIX": "",
    "ACCOUNT_EMAIL_NOTIFICATIONS": True,
    "ACCOUNT_SESSION_REMEMBER": True,
    "ACCOUNT_CHANGE_EMAIL": True,
    "ACCOUNT_PASSWORD_RESET_TIMEOUT": 24 * 3600,
    # Our own middleware records activity, at most every five minutes per session.
    "USERSESSIONS_TRACK_ACTIVITY": False,
}


def getter(name: str, default: Any) -> Any:
    """Return the value of an allauth setting for the current space."""
    static = STATIC[name] if name in STATIC else getattr(settings, name, default)
    if not apps.ready:
        return static
    if name == "ACCOUNT_SALT":
        return f"account:{tenant_key()}"
    if name == "HEADLESS_JWT_PRIVATE_KEY":
        key = settings.SECRET_KEY.encode()
        return hmac.new(key, b"jwt:" + tenant_key().encode(), hashlib.sha256).hexdigest()
    if name == "IDP_OIDC_PRIVATE_KEY":  # only the operator's space signs for others
        provider = current_tenant.get()
        return static if provider is not None and provider.kind == "hq" else ""
    if name == "ACCOUNT_DEFAULT_HTTP_PROTOCOL":
        return settings.PUBLIC_SCHEME
    if name == "MFA_TOTP_ISSUER":
        tenant = current_tenant.get()
        return tenant.name if tenant is not None else static
    return static
