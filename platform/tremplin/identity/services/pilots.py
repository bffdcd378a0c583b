"""Temporary accounts for a pilot: made together, with an end date and a sheet of passwords."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.identity import seats
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import Cohort, User
from tremplin.identity.normalise import is_reachable, slugify
from tremplin.identity.services.people import checked_email, create_person
from tremplin.identity.services.record import audit, target
from tremplin.identity.services.sessions import end_sessions
from tremplin.identity.services.suspension import EXPIRED, close_expired

MAX_ACCOUNTS = 20
LONGEST = timedelta(days=366)
# Without the characters that people confuse on paper (0 O 1 l I 5 S).
_LETTERS = "abcdefghijkmnpqrstuvwxyz2346789"
_GROUPS = (4, 4, 4, 4)


@dataclass(frozen=True, slots=True)
class Account:
    """One line of the sheet: the only place where the password stands in clear."""

    person: User
    password: str


def new_password() -> str:
    """Return a password that is easy to type: 16 characters of 31, that is 79 bits."""
    return "-".join(
        "".join(secrets.choice(_LETTERS) for _position in range(size)) for size in _GROUPS
    )


def _checked_end(expires_at: datetime) -> datetime:
    now = timezone.now()
    if expires_at <= now:
        raise IdentityError("end_in_the_past", _("Choose an end date in the future."))
    if expires_at > now + LONGEST:
        raise IdentityError("end_too_far", _("A temporary account lasts a year at most."))
    return expires_at


def _addresses(prefix: str, count: int, domain: str) -> list[str]:
    """Return free addresses ``<prefix>-01@<domain>``; ``.invalid`` never receives mail."""
    stem = slugify(prefix, limit=30)
    if not stem:
        raise IdentityError("prefix_required", _("Give a prefix with letters or digits."))
    taken = set(
        User.objects.filter(email__startswith=f"{stem}-", email__endswith=f"@{domain}").values_list(
            "email", flat=True
        )
    )
    found: list[str] = []
    number = 0
    while len(found) < count:
        number += 1
        address = f"{stem}-{number:02}@{domain}"
        if address not in taken:
            found.append(address)
    return found


@transaction.atomic
def create_pilots(
    *,
    prefix: str,
    count: int,
    role: str,
    cohort: Cohort | None,
    expires_at: datetime,
    locale: str,
    domain: str,
    emails: Sequence[str] = (),
) -> list[Account]:
    """Create temporary accounts, all or none, and return them with their passwords.

    With ``emails`` there is one account per address; otherwise ``count`` (1 to 20) addresses of
    ``domain`` are made from ``prefix``. ``expires_at`` is aware and at most a year away. Raises
    ``IdentityError`` ``count_out_of_range``, ``end_in_the_past``, ``end_too_far``,
    ``prefix_required``, ``invalid_email``, ``email_taken`` or ``unknown_role``, ``NoPlace``.
    """
    ends = _checked_end(expires_at)
    wanted = len(emails) if emails else count
    if not 1 <= wanted <= MAX_ACCOUNTS:
        raise IdentityError("count_out_of_range", _("Create 1 to 20 accounts at a time."))
    addresses = list(emails) or _addresses(prefix, count, domain)
    accounts = []
    for number, email in enumerate(addresses, start=1):
        password = new_password()
        person = create_person(
            email=email,
            first_name="" if emails else prefix,
            last_name="" if emails else _numbered(email, number),
            roles=[role],
            locale=locale,
            password=password,
            cohorts=[cohort] if cohort is not None else [],
        )
        person.expires_at = ends
        person.save(update_fields=["expires_at"])
        _plan_end(person)
        audit("security.pilot_created", target=target(person), data={"ends": ends, "role": role})
        accounts.append(Account(person, password))
    return accounts


def _numbered(email: str, number: int) -> str:
    return email.partition("@")[0].rpartition("-")[2] or f"{number:02}"


def _plan_end(person: User) -> None:
    """Close open pages when the account ends; every request is refused from that instant anyway."""
    from tremplin.api.tasks import forget, remind
    from tremplin.identity import tasks

    key = f"identity.expiry.{person.pk}"
    if person.expires_at is None or person.expires_at <= timezone.now():
        forget(key)
    else:
        remind(key, tasks.close_expired_accounts, due_at=person.expires_at)


def _checked_pilot(person: User) -> None:
    if person.expires_at is None or person.removed_at is not None:
        raise IdentityError("not_temporary", _("This account has no end date."))


@transaction.atomic
def extend_pilot(person: User, expires_at: datetime) -> None:
    """Move the end of a temporary account; one that had ended is open again.

    Raises ``IdentityError`` ``not_temporary``, ``end_in_the_past`` or ``end_too_far``.
    """
    _checked_pilot(person)
    person.expires_at = _checked_end(expires_at)
    _reopen(person)
    person.save(update_fields=["expires_at", "is_active", "suspended_reason"])
    seats.follow([person.pk])
    _plan_end(person)
    audit("security.pilot_extended", target=target(person), data={"ends": person.expires_at})


def _reopen(person: User) -> None:
    # Someone suspended by a manager stays so: only what the end date closed opens again.
    if not person.is_active and person.suspended_reason == EXPIRED:
        person.is_active, person.suspended_reason = True, ""


@transaction.atomic
def end_pilot(person: User) -> bool:
    """End a temporary account at once, with its sessions; return whether it was still running.

    Raises ``IdentityError`` ``not_temporary``.
    """
    _checked_pilot(person)
    if person.is_expired():
        return False
    person.expires_at = timezone.now()
    person.save(update_fields=["expires_at"])
    _plan_end(person)
    close_expired(person)
    return True


@transaction.atomic
def keep_pilot(person: User, *, email: str = "") -> None:
    """Turn a temporary account into a lasting one, with its results.

    An account made without an address needs ``email``: her sign-in name from now on, to confirm by
    mail, and every session ends. Raises ``IdentityError`` ``not_temporary``, ``address_required``,
    ``invalid_email`` or ``email_taken``.
    """
    _checked_pilot(person)
    if not email and not is_reachable(person.email):
        raise IdentityError(
            "address_required", _("This account was made without an address: give the person's.")
        )
    if email:
        _readdress(person, checked_email(email))
    person.expires_at = None
    _reopen(person)
    person.save(update_fields=["expires_at", "is_active", "suspended_reason"])
    seats.follow([person.pk])
    _plan_end(person)
    audit("security.pilot_kept", target=target(person), data={"readdressed": bool(email)})


def _readdress(person: User, email: str) -> None:
    if email == person.email:
        return
    if User.objects.filter(email=email).exclude(pk=person.pk).exists():
        raise IdentityError(
            "email_taken", _("%(email)s already has an account in this space.") % {"email": email}
        )
    if not is_reachable(email):
        raise IdentityError(
            "address_required", _("This account was made without an address: give the person's.")
        )
    person.email = email
    person.save(update_fields=["email"])
    EmailAddress.objects.filter(user=person).delete()
    EmailAddress.objects.create(user=person, email=email, primary=True, verified=False)
    end_sessions(person)
