"""Accounts closed for a time: suspended by a manager, or expired."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity import seats
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import PasswordResetToken, User
from tremplin.identity.normalise import clean_text
from tremplin.identity.services.record import audit, target
from tremplin.identity.services.roles import is_owner, keep_an_admin
from tremplin.identity.services.sessions import end_sessions

EXPIRED = "expired"  # stands in ``suspended_reason`` when the end date closed the account
# Whether the person is told by mail: not at all, without the reason, or with it.
NOTICES = ("", "plain", "reason")


@transaction.atomic
def suspend(person: User, reason: str, *, notify: str = "") -> bool:
    """Close the account at once, keeping its data. Returns whether it was open.

    Sessions, open pages, tokens and reset links die with it. ``notify`` is one of ``NOTICES``.
    Raises ``IdentityError`` ``owner_protected``, ``last_admin`` or ``reason_required``.
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
    seats.release([person.pk])
    ended = end_sessions(person)
    PasswordResetToken.objects.filter(person=person).delete()
    if was_open:
        audit(
            "security.person_suspended",
            target=target(person),
            data={"sessions": ended, "mailed": bool(notify)},
        )
        if notify:
            _tell(person, "suspended", with_reason=notify == "reason")
    return was_open


@transaction.atomic
def resume(person: User, *, notify: str = "") -> bool:
    """Open a suspended account again. Returns whether it was suspended. Raises ``NoPlace``."""
    if person.is_active or person.removed_at is not None:
        return False
    person.is_active = True
    person.suspended_reason = ""
    person.save(update_fields=["is_active", "suspended_reason"])
    seats.follow([person.pk])
    audit("security.person_resumed", target=target(person))
    if notify:
        _tell(person, "resumed")
    return True


def _tell(person: User, what: str, *, with_reason: bool = False) -> None:
    from tremplin.api.tasks import enqueue
    from tremplin.identity import tasks

    enqueue(tasks.send_notice, person=str(person.pk), what=what, with_reason=with_reason)


@transaction.atomic
def close_expired(person: User) -> None:
    """Write down that the end date of a temporary account is past, and end its sessions."""
    person.is_active = False
    person.suspended_reason = EXPIRED
    person.save(update_fields=["is_active", "suspended_reason"])
    seats.release([person.pk])
    end_sessions(person)
    audit("security.person_expired", target=target(person))


def expire_accounts() -> int:
    """Close the temporary accounts that are over; returns how many were closed."""
    over = list(User.objects.filter(expires_at__lte=timezone.now(), is_active=True))
    for person in over:
        close_expired(person)
    return len(over)
