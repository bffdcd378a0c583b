"""Second factor: secrets are encrypted in the row, and some roles may not go without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tremplin.identity.internal import browsers
from tremplin.identity.models import User
from tremplin.identity.roles import MFA_ROLES
from tremplin.kernel.current import current_tenant

# What a session says of itself: opened by single sign-on, or a visit of the platform's support.
SSO_SESSION_KEY = "sso_connection"
SUPPORT_SESSION_KEY = "support_access"


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Encrypts what allauth stores and keeps a mandatory second factor in place."""

    error_messages = {  # noqa: RUF012  same attribute as in the parent
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is not right. Write the one that the app shows now."),
        "unverified_email": _("Confirm your e-mail address first: a link was sent to it."),
        "cannot_delete_authenticator": _(
            "Your roles require a second factor. Add another one first, then remove this one."
        ),
    }

    def encrypt(self, text: str) -> str:
        """Return ciphertext made with the platform's rotatable keys."""
        from tremplin.kernel import crypto

        return crypto.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the clear secret."""
        from tremplin.kernel import crypto

        return crypto.decrypt(encrypted_text)

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """Refuse to take away the last second factor that the person's roles require."""
        if not required_for(authenticator.user):
            return True
        others = _factors(authenticator.user).exclude(pk=authenticator.pk)
        return any(_counts(row) for row in others)

    def generate_authenticator_name(self, user: Any, type: Any) -> str:  # noqa: A002
        """Propose a name for a new passkey: the browser and system that make it."""
        request = context.request
        header = request.META.get("HTTP_USER_AGENT", "") if request is not None else ""
        found = browsers.read(header)
        if found.name and found.system:
            return f"{found.name}, {found.system}"
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return gettext("Passkey %(number)s") % {"number": number}

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Bind passkeys to the host of the page, under the name of the space."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        tenant = current_tenant.get()
        return {**entity, "name": tenant.name if tenant is not None else entity["name"]}


def _factors(user: User) -> Any:
    return Authenticator.objects.filter(
        user=user, type__in=(Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    )


def _counts(authenticator: Authenticator) -> bool:
    """Tell whether one registered factor is enough: a passkey must have checked who holds it."""
    if authenticator.type != Authenticator.Type.WEBAUTHN:
        return True
    return bool(authenticator.wrap().authenticator_data.is_user_verified())


def required_for(user: User) -> bool:
    """Tell whether the person's roles require a second factor (platform rule, then the space's)."""
    from tremplin.identity import identity_settings

    roles = user.role_codes()
    return bool(roles & MFA_ROLES) or bool(roles & set(identity_settings.current().mfa_roles))


def is_enrolled(user: User) -> bool:
    """Tell whether the person has an authenticator app or a passkey that verifies its holder."""
    return any(_counts(row) for row in _factors(user))


def must_enrol(user: User, session: Mapping[str, Any]) -> bool:
    """Tell whether ``user`` must set up a second factor before anything else in this session.

    Sessions opened by single sign-on rely on the factor of the organisation, except for the roles
    of the platform and of resellers; a visit of the support relies on the visitor's own.
    """
    if session.get(SUPPORT_SESSION_KEY):
        return False
    if session.get(SSO_SESSION_KEY) and not user.role_codes() & MFA_ROLES:
        return False
    return required_for(user) and not is_enrolled(user)


def enrol_totp(user: User, secret: str) -> None:
    """Store a known TOTP secret (base32) for ``user``; the demo world uses it. Idempotent."""
    encrypted = Adapter().encrypt(secret)
    Authenticator.objects.update_or_create(
        user=user, type=Authenticator.Type.TOTP, defaults={"data": {"secret": encrypted}}
    )
