"""Accounts closed for good, and what is forgotten with them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity import seats, sharing
from tremplin.identity.errors import IdentityError
from tremplin.identity.internal import personal_data
from tremplin.identity.models import (
    CohortMembership,
    Invitation,
    PasswordResetToken,
    User,
)
from tremplin.identity.services.record import audit, target
from tremplin.identity.services.roles import is_owner, keep_an_admin
from tremplin.identity.services.sessions import end_sessions

_erasers: list[Callable[[UUID], None]] = []


def register_eraser(eraser: Callable[[UUID], None]) -> None:
    """Let ``eraser(person id)`` remove what another application keeps when a person is removed."""
    if eraser not in _erasers:
        _erasers.append(eraser)


@transaction.atomic
def remove(person: User) -> None:
    """Close the account for good and erase what the space keeps about the person.

    Every registered eraser runs first, then the account becomes anonymous. Raises
    ``IdentityError`` ``owner_protected`` or ``last_admin``.
    """
    if is_owner(person):
        raise IdentityError("owner_protected", _("The owner of the space cannot be removed."))
    if person.removed_at is not None:
        return
    keep_an_admin(person)
    for eraser in _erasers:
        eraser(person.pk)
    person.refresh_from_db()
    anonymise(person)


@transaction.atomic
def anonymise(person: User) -> None:
    """Forget who an account belongs to.

    Names, e-mail, rights, cohorts, invitations, second factor, sessions, keys and applications go
    (a running program stops); an anonymous row
    stays so that results keep their totals. Idempotent. Raises ``IdentityError``
    ``owner_protected``: the ownership is passed on first.
    """
    if person.removed_at is not None:
        return
    if is_owner(person):
        raise IdentityError("owner_protected", _("The owner of the space cannot be removed."))
    keep_an_admin(person)
    seats.release([person.pk])
    end_sessions(person)
    Authenticator.objects.filter(user=person).delete()
    EmailAddress.objects.filter(user=person).delete()
    Invitation.objects.filter(person=person).delete()
    PasswordResetToken.objects.filter(person=person).delete()
    CohortMembership.objects.filter(person=person).delete()
    personal_data.forget(person)
    person.groups.clear()
    person.user_permissions.clear()
    sharing.forget_person(person)
    person.email = f"erased-{person.pk}@erased.invalid"
    person.first_name = person.last_name = person.suspended_reason = person.locale = ""
    person.is_active = False
    person.set_unusable_password()
    person.removed_at = timezone.now()
    person.save()
    person.forget_rights()
    audit("security.person_removed", target=target(person))
