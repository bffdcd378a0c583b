"""Every change to people, roles, cohorts and invitations. Each function is one transaction."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity import identity_settings
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import (
    Cohort,
    CohortMembership,
    Invitation,
    PasswordResetToken,
    SpaceOwner,
    TenantMembership,
    User,
)
from tremplin.identity.normalise import clean_text, is_email, normalise_email, slugify
from tremplin.identity.reset_tokens import token_hash


def _audit(kind: str, *, target: str = "", data: dict[str, object] | None = None) -> None:
    from tremplin.api import services

    services.audit().record(kind, target=target, data=data)


def _target(person: User) -> str:
    return f"person:{person.pk}"


def _groups(codes: Iterable[str]) -> list[Group]:
    wanted = sorted(set(codes))
    found = list(Group.objects.filter(name__in=wanted))
    unknown = sorted(set(wanted) - {group.name for group in found})
    if unknown:
        raise IdentityError(
            "unknown_role", _("This space has no role “%(role)s”.") % {"role": ", ".join(unknown)}
        )
    return found


def _checked_email(email: str) -> str:
    address = normalise_email(email)
    if not is_email(address):
        raise IdentityError(
            "invalid_email",
            _("“%(email)s” is not an e-mail address.") % {"email": clean_text(email)[:254]},
        )
    return address


@transaction.atomic
def create_person(
    *,
    email: str,
    first_name: str = "",
    last_name: str = "",
    roles: Sequence[str] = ("learner",),
    locale: str = "",
    password: str | None = None,
    password_hash: str | None = None,
    cohorts: Iterable[Cohort] = (),
    verified: bool = True,
) -> User:
    """Store a person with her e-mail record, roles and cohorts.

    Parameters: ``password`` in clear or ``password_hash`` already made by Django's hashers; with
    neither the person cannot sign in until she accepts an invitation or resets her password.
    ``verified`` says whether the e-mail address is known to be hers. Raises ``IdentityError``
    ``invalid_email``, ``email_taken`` or ``unknown_role``.
    """
    address = _checked_email(email)
    person = User(
        email=address,
        first_name=clean_text(first_name)[:100],
        last_name=clean_text(last_name)[:100],
        locale=locale,
    )
    if password_hash:
        person.password = password_hash
    else:
        person.set_password(password)
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError as error:
        raise IdentityError(
            "email_taken", _("%(email)s already has an account in this space.") % {"email": address}
        ) from error
    EmailAddress.objects.create(user=person, email=address, primary=True, verified=verified)
    person.groups.set(_groups(roles))
    for cohort in cohorts:
        add_to_cohort(person, cohort)
    return person


@transaction.atomic
def update_person(person: User, *, first_name: str, last_name: str, locale: str) -> None:
    """Change names and language."""
    person.first_name = clean_text(first_name)[:100]
    person.last_name = clean_text(last_name)[:100]
    person.locale = locale
    person.save(update_fields=["first_name", "last_name", "locale"])


@transaction.atomic
def set_roles(person: User, roles: Iterable[str]) -> bool:
    """Give ``person`` exactly these roles and return whether anything changed.

    Raises ``IdentityError`` ``unknown_role`` or ``owner_keeps_admin``.
    """
    groups = _groups(roles)
    wanted = {group.name for group in groups}
    if "admin" not in wanted and is_owner(person):
        raise IdentityError(
            "owner_keeps_admin",
            _("The owner of the space stays an administrator. Pass the ownership on first."),
        )
    before = set(person.groups.values_list("name", flat=True))
    if before == wanted:
        return False
    if "admin" in before - wanted:
        _keep_an_admin(person)
    person.groups.set(groups)
    person.forget_rights()
    close_streams(person)
    _audit(
        "security.roles_changed",
        target=_target(person),
        data={"added": sorted(wanted - before), "removed": sorted(before - wanted)},
    )
    return True


def _keep_an_admin(person: User) -> None:
    others = (
        User.objects.present().filter(is_active=True, groups__name="admin").exclude(pk=person.pk)
    )
    if "admin" in set(person.groups.values_list("name", flat=True)) and not others.exists():
        raise IdentityError(
            "last_admin",
            _("This is the last administrator. Make someone else an administrator first."),
        )


def is_owner(person: User) -> bool:
    """Tell whether ``person`` owns the space."""
    return SpaceOwner.objects.filter(person=person).exists()


@transaction.atomic
def set_owner(person: User) -> None:
    """Make ``person`` the owner; she also becomes an administrator."""
    person.groups.add(*_groups(["admin"]))
    person.forget_rights()
    SpaceOwner.objects.update_or_create(id=1, defaults={"person": person})
    _audit("security.owner_changed", target=_target(person))


def close_streams(person: User) -> None:
    """Make the person's open pages reconnect, so that they notice their changed rights."""
    from tremplin.kernel.realtime.publishing import kick

    kick(person.pk)


def end_sessions(person: User) -> int:
    """End every session of ``person`` and return how many were recorded."""
    keys = list(UserSession.objects.filter(user=person).values_list("session_key", flat=True))
    person.session_stamp = uuid.uuid4()
    User.objects.filter(pk=person.pk).update(session_stamp=person.session_stamp)
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user=person).delete()
    close_streams(person)
    return len(keys)


@transaction.atomic
def revoke_sessions(person: User) -> int:
    """Sign ``person`` out everywhere, on a manager's order, and return the number of sessions."""
    ended = end_sessions(person)
    _audit("security.sessions_revoked", target=_target(person), data={"sessions": ended})
    return ended


@transaction.atomic
def suspend(person: User, reason: str) -> bool:
    """Close the account at once, keeping its data. Returns whether it was open.

    Raises ``IdentityError`` ``owner_protected`` or ``reason_required``.
    """
    if is_owner(person):
        raise IdentityError("owner_protected", _("The owner of the space cannot be suspended."))
    _keep_an_admin(person)
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
        _audit("security.person_suspended", target=_target(person), data={"sessions": ended})
    return was_open


@transaction.atomic
def resume(person: User) -> bool:
    """Open a suspended account again. Returns whether it was suspended."""
    if person.is_active or person.removed_at is not None:
        return False
    person.is_active = True
    person.suspended_reason = ""
    person.save(update_fields=["is_active", "suspended_reason"])
    _audit("security.person_resumed", target=_target(person))
    return True


_erasers: list[Callable[[UUID], None]] = []


def register_eraser(eraser: Callable[[UUID], None]) -> None:
    """Let ``eraser(person id)`` remove what another application keeps when a person is removed."""
    if eraser not in _erasers:
        _erasers.append(eraser)


@transaction.atomic
def remove(person: User) -> None:
    """Close the account for good and erase what the space keeps about the person.

    Every registered eraser runs first, then the account becomes anonymous. Raises
    ``IdentityError`` ``owner_protected``.
    """
    if is_owner(person):
        raise IdentityError("owner_protected", _("The owner of the space cannot be removed."))
    if person.removed_at is not None:
        return
    for eraser in _erasers:
        eraser(person.pk)
    person.refresh_from_db()
    anonymise(person)


@transaction.atomic
def anonymise(person: User) -> None:
    """Forget who an account belongs to.

    Names, e-mail, rights, cohorts, invitations, second factor and sessions go; an anonymous row
    stays so that results keep their totals. Idempotent. Raises ``IdentityError``
    ``owner_protected``: the ownership is passed on first.
    """
    if person.removed_at is not None:
        return
    if is_owner(person):
        raise IdentityError("owner_protected", _("The owner of the space cannot be removed."))
    end_sessions(person)
    Authenticator.objects.filter(user=person).delete()
    EmailAddress.objects.filter(user=person).delete()
    Invitation.objects.filter(person=person).delete()
    PasswordResetToken.objects.filter(person=person).delete()
    CohortMembership.objects.filter(person=person).delete()
    TenantMembership.objects.filter(account=person).delete()
    person.groups.clear()
    person.user_permissions.clear()
    person.email = f"erased-{person.pk}@erased.invalid"
    person.first_name = person.last_name = person.suspended_reason = person.locale = ""
    person.is_active = False
    person.set_unusable_password()
    person.removed_at = timezone.now()
    person.save()
    person.forget_rights()
    _audit("security.person_removed", target=_target(person))


@transaction.atomic
def ensure_cohort(name: str) -> Cohort:
    """Return the cohort with this name (accents and case ignored), made when there is none.

    Raises ``IdentityError`` ``cohort_name_required``.
    """
    title = clean_text(name)[:120]
    slug = slugify(title)
    if not slug:
        raise IdentityError(
            "cohort_name_required", _("Give the cohort a name with letters or digits.")
        )
    existing = Cohort.objects.filter(slug=slug).first()
    if existing is not None:
        return existing
    return Cohort.objects.create(name=title, slug=slug)


@transaction.atomic
def rename_cohort(cohort: Cohort, name: str) -> None:
    """Change the name of a cohort and its address. Raises ``IdentityError`` when it is taken."""
    title = clean_text(name)[:120]
    slug = slugify(title)
    if not slug:
        raise IdentityError(
            "cohort_name_required", _("Give the cohort a name with letters or digits.")
        )
    if Cohort.objects.filter(slug=slug).exclude(pk=cohort.pk).exists():
        raise IdentityError("cohort_taken", _("Another cohort already has this name."))
    cohort.name, cohort.slug = title, slug
    cohort.save(update_fields=["name", "slug"])


@transaction.atomic
def delete_cohort(cohort: Cohort) -> None:
    """Delete a cohort; its members stay in the space."""
    _audit("people.cohort_deleted", target=f"cohort:{cohort.pk}")
    cohort.delete()


@transaction.atomic
def add_to_cohort(person: User, cohort: Cohort) -> bool:
    """Put ``person`` in ``cohort`` and return whether she was not there yet."""
    return CohortMembership.objects.get_or_create(person=person, cohort=cohort)[1]


@transaction.atomic
def remove_from_cohort(person: User, cohort: Cohort) -> bool:
    """Take ``person`` out of ``cohort`` and return whether she was in it."""
    return bool(CohortMembership.objects.filter(person=person, cohort=cohort).delete()[0])


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
    Raises ``IdentityError`` ``invalid_email``, ``email_taken`` or ``unknown_role``.
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
    )
    invitation = open_invitation(person, roles, chosen, invited_by=invited_by)
    _audit("people.invited", target=_target(person), data={"roles": sorted(roles)})
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
    _audit("security.invitation_accepted", target=_target(person))
    return person


def expire_accounts() -> int:
    """End the sessions of temporary accounts that are over; returns how many were closed."""
    count = 0
    for person in User.objects.filter(expires_at__lte=timezone.now(), is_active=True):
        with transaction.atomic():
            person.is_active = False
            person.suspended_reason = "expired"
            person.save(update_fields=["is_active", "suspended_reason"])
            end_sessions(person)
            _audit("security.person_expired", target=_target(person))
        count += 1
    return count
