"""Password reset links: random tokens whose hash is stored in the space, used once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from tremplin.identity.models import PasswordResetToken, User

LIFE = timedelta(hours=24)
KEPT_PER_PERSON = 5


def token_hash(token: str) -> str:
    """Return what is stored of a token: it cannot be turned back into a link."""
    return hashlib.sha256(token.encode()).hexdigest()


class ResetTokens:
    """The generator interface that allauth expects, over our table."""

    def make_token(self, user: User) -> str:
        """Return a new token for ``user``, valid for a day; only the latest five are kept."""
        now = timezone.now()
        token = secrets.token_urlsafe(32)
        PasswordResetToken.objects.create(
            person=user, token_hash=token_hash(token), created_at=now, expires_at=now + LIFE
        )
        kept = PasswordResetToken.objects.filter(person=user).order_by("-created_at", "-id")
        stale = list(kept.values_list("pk", flat=True)[KEPT_PER_PERSON:])
        if stale:
            PasswordResetToken.objects.filter(pk__in=stale).delete()
        return token

    def check_token(self, user: User | None, token: str | None) -> bool:
        """Tell whether ``token`` was made for ``user`` in this space and still works."""
        if user is None or not token or user.removed_at is not None:
            return False
        return PasswordResetToken.objects.filter(
            person=user, token_hash=token_hash(token), expires_at__gt=timezone.now()
        ).exists()


def forget_tokens(user: User) -> None:
    """Make every reset link of ``user`` useless: her password changed."""
    PasswordResetToken.objects.filter(person=user).delete()
