"""Invitations: accounts that wait for their person."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity import identity_settings, seats
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import Cohort, Invitation, User
from tremplin.identity.normalise import clean_text
from tremplin.identity.reset_tokens import token_hash
from tremplin.identity.services.people import create_person
from tremplin.identity.services.record import audit, target


def new_token() -> tuple[str, str]:
    """Return a fresh secret token and the hash to store."""
    token = secrets.token_urlsafe(32)
    return token, token_hash(token)


@transaction.atomic
def invite(
    email: str,
    roles: Sequence[str] = ("learner",),
    cohorts: Iterable[Cohort] = (),
    *,
    first_name: str = "",
    last_name: str = "",
    locale: str = "",
    invited_by: User | None = None,
) -> Invitation:
    """Create the account of ``email`` without password and mail a link that opens it.

    The mail leaves after commit, in a task that makes the token: it is stored nowhere in clear.
    Raises ``IdentityError`` as ``create_person`` does: an invitation takes its place when sent.
    """
    chosen = list(cohorts)
    person = create_person(
        email=email,
        first_name=first_name,
        last_name=last_name,
        roles=roles,
        locale=locale,
        cohorts=chosen,
        verified=False,
        invited=True,
    )
    invitation = open_invitation(person, roles, chosen, invited_by=invited_by)
    audit("people.invited", target=target(person), data={"roles": sorted(roles)})
    queue_invitations([invitation.pk])
    return invitation


def open_invitation(
    person: User, roles: Sequence[str], cohorts: Sequence[Cohort], *, invited_by: User | None
) -> Invitation:
    """Store an invitation for an existing person; earlier ones stop working."""
    now = timezone.now()
    Invitation.objects.filter(person=person, accepted_at=None, revoked_at=None).update(
        revoked_at=now
    )
    invitation = Invitation.objects.create(
        person=person,
        email=person.email,
        token_hash=new_token()[1],
        roles=list(roles),
        invited_by=invited_by,
        created_at=now,
        expires_at=now + timedelta(days=identity_settings.current().invitation_days),
    )
    invitation.cohorts.set(cohorts)
    # An invitation that was over had given its place back.
    seats.follow([person.pk])
    return invitation


def queue_invitations(invitations: Sequence[UUID]) -> None:
    """Mail these invitations after commit."""
    from tremplin.api.tasks import enqueue
    from tremplin.identity import tasks

    for start in range(0, len(invitations), 100):
        enqueue(
            tasks.send_invitations,
            invitations=[str(pk) for pk in invitations[start : start + 100]],
        )


@transaction.atomic
def resend_invitation(person: User, *, invited_by: User | None = None) -> Invitation:
    """Invite again someone who never opened her account. Raises ``IdentityError`` ``already_active``."""
    if person.has_usable_password() or not person.is_active:
        raise IdentityError(
            "already_active", _("This account is already open: no invitation is needed.")
        )
    cohorts = list(Cohort.objects.filter(memberships__person=person))
    invitation = open_invitation(
        person, sorted(person.role_codes()), cohorts, invited_by=invited_by
    )
    queue_invitations([invitation.pk])
    return invitation


def find_invitation(token: str) -> Invitation | None:
    """Return the invitation of this space that ``token`` opens, whatever its state."""
    return Invitation.objects.select_related("person").filter(token_hash=token_hash(token)).first()


@transaction.atomic
def accept_invitation(
    invitation: Invitation, *, password: str, first_name: str, last_name: str, locale: str
) -> User:
    """Open the account with the chosen password; the link stops working.

    Raises ``IdentityError`` ``invitation_closed`` when it was used, revoked or too old meanwhile.
    """
    locked = Invitation.objects.select_for_update().select_related(None).get(pk=invitation.pk)
    person = User.objects.select_for_update().get(pk=locked.person_id)
    # An account that has a password was opened by a reset: the link must not replace it, nor skip
    # a second factor set up since.
    if not locked.is_open() or not person.is_active or person.has_usable_password():
        raise IdentityError("invitation_closed", _("This invitation no longer works."))
    person.set_password(password)
    person.first_name = clean_text(first_name)[:100]
    person.last_name = clean_text(last_name)[:100]
    person.locale = locale
    person.save()
    locked.accepted_at = timezone.now()
    locked.save(update_fields=["accepted_at"])
    EmailAddress.objects.update_or_create(
        user=person, email=person.email, defaults={"primary": True, "verified": True}
    )
    seats.follow([person.pk])
    audit("security.invitation_accepted", target=target(person))
    return person
