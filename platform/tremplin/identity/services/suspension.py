"""Accounts closed for a time: suspended by a manager, or expired."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity.errors import IdentityError
from tremplin.identity.models import PasswordResetToken, User
from tremplin.identity.normalise import clean_text
from tremplin.identity.services.record import audit, target
from tremplin.identity.services.roles import is_owner, keep_an_admin
from tremplin.identity.services.sessions import end_sessions


@transaction.atomic
def suspend(person: User, reason: str) -> bool:
    """Close the account at once, keeping its data. Returns whether it was open.

    Raises ``IdentityError`` ``owner_protected`` or ``reason_required``.
    """
    if is_owner(person):
        raise IdentityError("owner_protected", _("The owner of the space cannot be suspended."))
    keep_an_admin(person)
    text = clean_text(reason)[:300]
    if not text:
        raise IdentityError("reason_required", _("Give a reason: it is shown to your colleagues."))
    was_open = person.is_active
    person.is_active = False
    person.suspended_reason = text
    person.save(update_fields=["is_active", "suspended_reason"])
    ended = end_sessions(person)
    PasswordResetToken.objects.filter(person=person).delete()
    if was_open:
        audit("security.person_suspended", target=target(person), data={"sessions": ended})
    return was_open


@transaction.atomic
def resume(person: User) -> bool:
    """Open a suspended account again. Returns whether it was suspended."""
    if person.is_active or person.removed_at is not None:
        return False
    person.is_active = True
    person.suspended_reason = ""
    person.save(update_fields=["is_active", "suspended_reason"])
    audit("security.person_resumed", target=target(person))
    return True


def expire_accounts() -> int:
    """End the sessions of temporary accounts that are over; returns how many were closed."""
    count = 0
    for person in User.objects.filter(expires_at__lte=timezone.now(), is_active=True):
        with transaction.atomic():
            person.is_active = False
            person.suspended_reason = "expired"
            person.save(update_fields=["is_active", "suspended_reason"])
            end_sessions(person)
            audit("security.person_expired", target=target(person))
        count += 1
    return count
