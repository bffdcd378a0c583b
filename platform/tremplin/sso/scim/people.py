"""The person behind a user resource: found or made, kept up to date, closed and opened again."""

from __future__ import annotations

from uuid import UUID

from allauth.account.models import EmailAddress, EmailConfirmation
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from scim2_models import ForbiddenException, UniquenessException

from tremplin.api import services as platform_services
from tremplin.identity import identity_settings, roles, services
from tremplin.identity.errors import IdentityError, NoPlace
from tremplin.identity.models import PasswordResetToken, User
from tremplin.sso.models import ScimRecord
from tremplin.sso.scim.mapping import Identity

# Kept as the reason of the suspension: only what the directory closed may it open again.
CLOSED_BY_DIRECTORY = "directory"
PROTECTED_ROLES = frozenset({"admin"}) | roles.MFA_ROLES


def record(kind: str, *, target: str, data: dict[str, object] | None = None) -> None:
    """Write one line of the audit log: ids and codes only."""
    platform_services.audit().record(kind, target=target, data=data)


def target(person: User | UUID) -> str:
    """Return how the audit log names a person."""
    return f"person:{person.pk if isinstance(person, User) else person}"


def attach(resource: ScimRecord, identity: Identity, user_name_email: str) -> User | None:
    """Link ``resource`` to the person it describes and return her; None without any address.

    Someone who has the address (or the user name, where it is an address) already is adopted with
    what she has; otherwise an account without password is made. Raises ``UniquenessException`` when
    another resource stands for the person, and ``ForbiddenException``.
    """
    if not identity.email:
        return None
    person = _existing(identity.email) or (_existing(user_name_email) if user_name_email else None)
    if person is None:
        person = _create(identity)
        is_new = True
    else:
        if ScimRecord.objects.filter(user=person).exclude(pk=resource.pk).exists():
            raise UniquenessException(
                detail=_("Another user of the directory already has this e-mail address.")
            )
        is_new = False
    resource.user = person
    resource.save(update_fields=["user"])
    if is_new:
        _set_active(person, identity.is_active)
    else:
        apply(person, identity)
    record(
        "security.directory_user_created" if is_new else "security.directory_user_linked",
        target=target(person),
        data={"resource": str(resource.pk)},
    )
    return person


def _existing(email: str) -> User | None:
    return User.objects.present().select_for_update().filter(email=email).first()


def _create(identity: Identity) -> User:
    role = identity_settings.current().signup_role
    try:
        return services.create_person(
            email=identity.email,
            first_name=identity.first_name,
            last_name=identity.last_name,
            locale=identity.locale,
            roles=[role],
            verified=True,
        )
    except NoPlace as error:
        raise ForbiddenException(detail=error.message) from error
    except IdentityError as error:
        raise UniquenessException(detail=error.message) from error


def apply(person: User, identity: Identity) -> None:
    """Bring the account in line with what the directory says now.

    Raises ``ForbiddenException`` where the directory may not decide, ``UniquenessException`` for
    an address that someone else has.
    """
    if identity.email and identity.email != person.email:
        _change_email(person, identity.email)
    names = (identity.first_name, identity.last_name)
    if any(names) and names != (person.first_name, person.last_name):
        services.update_person(
            person, first_name=names[0], last_name=names[1], locale=person.locale
        )
    _set_active(person, identity.is_active)


def _change_email(person: User, email: str) -> None:
    if _is_protected(person):
        raise ForbiddenException(
            detail=_(
                "The directory cannot change the e-mail address of an administrator or of the "
                "owner: change it in the space first."
            )
        )
    taken = UniquenessException(
        detail=_("%(email)s already has an account in this space.") % {"email": email}
    )
    person.email = email
    try:
        with transaction.atomic():
            person.save(update_fields=["email"])
            EmailConfirmation.objects.filter(email_address__user=person).delete()
            EmailAddress.objects.filter(user=person).delete()
            EmailAddress.objects.create(user=person, email=email, primary=True, verified=True)
    except IntegrityError as error:
        raise taken from error
    # A link sent to the former address must not open the account any more.
    PasswordResetToken.objects.filter(person=person).delete()
    record("security.email_changed", target=target(person))


def _is_protected(person: User) -> bool:
    from tremplin.sso.scim.groups import sensitive_roles

    codes = set(person.groups.values_list("name", flat=True))
    return bool(codes & (PROTECTED_ROLES | sensitive_roles())) or services.is_owner(person)


def _set_active(person: User, is_active: bool) -> None:
    if not is_active and person.is_active:
        close(person)
    elif is_active and not person.is_active:
        # Someone whom the space itself suspended, or whose account ended, stays out.
        if person.suspended_reason == CLOSED_BY_DIRECTORY:
            try:
                services.resume(person)
            except NoPlace as error:
                raise ForbiddenException(detail=error.message) from error


def close(person: User) -> None:
    """Suspend the account: sessions and tokens end, data stays.

    Raises ``ForbiddenException`` for the owner and the last administrator.
    """
    if not person.is_active:
        return
    try:
        services.suspend(person, CLOSED_BY_DIRECTORY)
    except IdentityError as error:
        raise ForbiddenException(detail=error.message) from error
