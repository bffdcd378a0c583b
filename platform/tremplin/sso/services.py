"""Every change to the connections of a space. Each function is one transaction."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from tremplin.kernel import crypto
from tremplin.sso.models import Connection

PREFIX = "fernet:"


def audit(kind: str, connection: Connection, **data: Any) -> None:
    """Write one security event about ``connection``."""
    from tremplin.api import services

    services.audit().record(
        kind, target=f"connection:{connection.pk}", data={"slug": connection.slug, **data}
    )


def seal(secret: str) -> str:
    """Return ``secret`` as it is stored: ciphertext behind a prefix (empty stays empty)."""
    return f"{PREFIX}{crypto.encrypt(secret)}" if secret else ""


def open_sealed(stored: str) -> str:
    """Return the secret that ``stored`` holds. Raises ``kernel.crypto.DecryptionError``."""
    return crypto.decrypt(stored.removeprefix(PREFIX)) if stored.startswith(PREFIX) else stored


@transaction.atomic
def note_login(connection: Connection) -> None:
    """Remember that somebody signed in through ``connection``."""
    Connection.objects.filter(pk=connection.pk).update(last_login_at=timezone.now())


@transaction.atomic
def set_active(connection: Connection, active: bool) -> bool:
    """Open or close a connection for sign-in and return whether that changed anything."""
    if connection.is_active == active:
        return False
    connection.is_active = active
    connection.save(update_fields=["is_active", "updated_at"])
    audit("security.sso_switched_on" if active else "security.sso_switched_off", connection)
    return True


@transaction.atomic
def delete(connection: Connection) -> int:
    """Delete a connection with the identities linked through it; returns how many there were."""
    from allauth.socialaccount.models import SocialAccount

    linked = SocialAccount.objects.filter(provider=connection.app.provider_id)
    count = linked.count()
    linked.delete()
    audit("security.sso_deleted", connection, identities=count)
    connection.app.delete()
    return count
