"""Encryption at rest of the few secrets that settings hold; keys rotate newest first."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class DecryptionError(ValueError):
    """Raised when no configured key opens a ciphertext."""


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])


def encrypt(plain: str) -> str:
    """Return the ciphertext of ``plain`` under the newest key."""
    return _box().encrypt(plain.encode()).decode("ascii")


def decrypt(ciphertext: str) -> str:
    """Return the plain text; raise ``DecryptionError`` when no key opens it."""
    try:
        return _box().decrypt(ciphertext.encode("ascii")).decode()
    except (InvalidToken, UnicodeEncodeError) as error:
        raise DecryptionError("no configured encryption key opens this value") from error


def rotate(ciphertext: str) -> str:
    """Return the same secret under the newest key; raise ``DecryptionError`` when unreadable."""
    try:
        return _box().rotate(ciphertext.encode("ascii")).decode("ascii")
    except InvalidToken as error:
        raise DecryptionError("no configured encryption key opens this value") from error
