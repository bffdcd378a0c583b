"""Accounts: made and renamed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tremplin.identity import seats
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import Cohort, User
from tremplin.identity.normalise import clean_text, is_email, normalise_email
from tremplin.identity.services.cohorts import add_to_cohort
from tremplin.identity.services.roles import groups_named


def checked_email(email: str) -> str:
    """Return the address as it is stored. Raises ``IdentityError`` ``invalid_email``."""
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
    invited: bool = False,
) -> User:
    """Store a person with her e-mail record, roles and cohorts.

    Parameters: ``password`` in clear or ``password_hash`` already made by Django's hashers; with
    neither the person cannot sign in until she accepts an invitation or resets her password.
    ``verified`` says whether the e-mail address is known to be hers, ``invited`` whether an
    invitation follows. Raises ``IdentityError`` ``invalid_email``, ``email_taken``,
    ``unknown_role``, or ``NoPlace`` when the roles take a place and none is left.
    """
    address = checked_email(email)
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
    person.groups.set(groups_named(roles))
    for cohort in cohorts:
        add_to_cohort(person, cohort)
    if seats.counts(roles):
        seats.take([person.pk], invited=invited)
    return person


@transaction.atomic
def update_person(person: User, *, first_name: str, last_name: str, locale: str) -> None:
    """Change names and language."""
    person.first_name = clean_text(first_name)[:100]
    person.last_name = clean_text(last_name)[:100]
    person.locale = locale
    person.save(update_fields=["first_name", "last_name", "locale"])
