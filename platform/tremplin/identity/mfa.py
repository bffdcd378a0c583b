"""Second factor: secrets are encrypted in the row, and some roles may not go without."""

from __future__ import annotations

from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator

from tremplin.identity.models import User
from tremplin.identity.roles import MFA_ROLES


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Encrypts what allauth stores and keeps a mandatory second factor in place."""

    def encrypt(self, text: str) -> str:
        """Return ciphertext made with the platform's rotatable keys."""
        from tremplin.kernel import crypto

        return crypto.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the clear secret."""
        from tremplin.kernel import crypto

        return crypto.decrypt(encrypted_text)

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """Refuse to switch off a second factor that the person's roles require."""
        return not required_for(authenticator.user)


def required_for(user: User) -> bool:
    """Tell whether the person's roles require a second factor (platform rule, then the space's)."""
    from tremplin.identity import identity_settings

    roles = user.role_codes()
    return bool(roles & MFA_ROLES) or bool(roles & set(identity_settings.current().mfa_roles))


def is_enrolled(user: User) -> bool:
    """Tell whether the person has a time-based one-time password."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def enrol_totp(user: User, secret: str) -> None:
    """Store a known TOTP secret (base32) for ``user``; the demo world uses it. Idempotent."""
    encrypted = Adapter().encrypt(secret)
    Authenticator.objects.update_or_create(
        user=user, type=Authenticator.Type.TOTP, defaults={"data": {"secret": encrypted}}
    )
