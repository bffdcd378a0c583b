"""Whose account a sign-in through a provider leads to, or why to none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base.constants import AuthError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from tremplin.identity import identity_settings, memberships
from tremplin.identity.models import Invitation, SpaceOwner, User
from tremplin.identity.normalise import normalise_email
from tremplin.identity.roles import MFA_ROLES
from tremplin.identity.services import create_person
from tremplin.kernel import entitled
from tremplin.kernel.current import tenant_required
from tremplin.sso import claims, enforcement, role_mapping, selectors, services
from tremplin.sso.models import Connection
from tremplin.sso.oidc import platform, presets
from tremplin.sso.url_guard import UrlRefused


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is not let in: ``code`` for the log, ``message`` for the person."""

    code: str
    message: str


def refusal(
    request: HttpRequest, sociallogin: Any, connection: Connection | None
) -> Refusal | None:
    """Return why this sign-in stops here, None when it may go on."""
    if connection is None or not connection.is_active:
        return Refusal("switched_off", _("This way to sign in is switched off."))
    if connection.kind != Connection.Kind.PLATFORM and not entitled.includes(selectors.FEATURE):
        return Refusal(
            "not_in_plan",
            _("The plan of this space does not include this way to sign in. Use your password."),
        )
    person = sociallogin.user
    known = sociallogin.is_existing
    if not known and request.user.is_authenticated and _is_connecting(sociallogin):
        person, known = request.user, True
    if known and isinstance(person, User) and (closed := _closed(person)) is not None:
        return closed
    if (mandatory := enforcement.closes(connection, normalise_email(person.email or ""))) is None:
        return None
    return Refusal("other_mandatory", mandatory.message)


def _is_connecting(sociallogin: Any) -> bool:
    return (sociallogin.state or {}).get("process") == "connect"


def _closed(person: User) -> Refusal | None:
    if person.removed_at is not None:
        return Refusal("removed", _("This account was removed from this space."))
    if person.is_expired():
        return Refusal(
            "expired", _("Your account here is over. Ask the people who run this space.")
        )
    if not person.is_active:
        return Refusal(
            "suspended", _("Your account here is suspended. Ask the people who run this space.")
        )
    return None


def newcomer_refusal(sociallogin: Any, connection: Connection | None) -> Refusal | None:
    """Return why somebody without an account here gets none, None when one may be opened."""
    if connection is None:
        return Refusal("switched_off", _("This way to sign in is switched off."))
    address = normalise_email(sociallogin.user.email or "")
    if not address:
        return Refusal(
            "no_email",
            _("%(name)s did not tell us your e-mail address, and an account needs one.")
            % {"name": connection.label},
        )
    if User.objects.filter(email=address).exists():
        return Refusal(
            "email_taken",
            _(
                "An account with your e-mail address already exists here. Sign in to it as usual, "
                "then connect %(name)s from your profile."
            )
            % {"name": connection.label},
        )
    if connection.kind == Connection.Kind.PLATFORM:
        return None if _platform_newcomer(sociallogin, address) else _no_account(connection)
    return None if connection.creates_people else _no_account(connection)


def _no_account(connection: Connection) -> Refusal:
    return Refusal(
        "no_account",
        _("You have no account in this space yet. Ask the people who run it for an invitation."),
    )


def _platform_newcomer(sociallogin: Any, address: str) -> bool:
    policy = identity_settings.current()
    if policy.signup == "open":
        return True
    if memberships.exists(sociallogin.account.uid, tenant_required()):
        return True
    return (
        policy.signup == "domain"
        and is_verified(sociallogin, address)
        and address.partition("@")[2] in policy.signup_domains
    )


def is_verified(sociallogin: Any, address: str) -> bool:
    """Tell whether the provider says that ``address`` belongs to the person."""
    return any(
        row.verified and normalise_email(row.email) == address
        for row in sociallogin.email_addresses
    )


def may_link(connection: Connection, uid: str, email: str) -> bool:
    """Tell whether an address that the provider verified leads to the account that has it.

    Owners, people with a role of the platform or of a reseller, and accounts that have a platform
    account are never reached this way: they connect from their own profile.
    """
    address = normalise_email(email)
    person = User.objects.filter(email=address).first()
    if person is None or not connection.is_active:
        return False
    if SpaceOwner.objects.filter(person=person).exists() or person.role_codes() & MFA_ROLES:
        return False
    if SocialAccount.objects.filter(user=person, provider=platform.SLUG).exists():
        return False
    if connection.kind == Connection.Kind.PLATFORM:
        return _is_invited(person) or memberships.exists(uid, tenant_required())
    return address.partition("@")[2] in selectors.proven_domains()


def _is_invited(person: User) -> bool:
    return any(
        invitation.is_open()
        for invitation in Invitation.objects.filter(
            person=person, accepted_at=None, revoked_at=None
        )
    )


def trusts_address(connection: Connection, address: str) -> bool:
    """Tell whether what the provider says of ``address`` needs no message to confirm it.

    A provider that belongs to the space speaks for the space's own domains only. Microsoft's
    ``email`` claim is what its administrator typed, so its word is never enough.
    """
    if connection.kind == Connection.Kind.PLATFORM or connection.preset in presets.VERIFIERS:
        return True
    return address.partition("@")[2] in selectors.proven_domains()


def _record(kind: str, account: SocialAccount) -> None:
    from tremplin.api import services as api

    api.audit().record(kind, target=f"person:{account.user_id}", data={"by": account.provider[:80]})


@transaction.atomic
def note_linked(account: SocialAccount) -> None:
    """Write down a new identity; one of the platform also enters its index of spaces."""
    _record("security.sso_linked", account)
    if account.provider == platform.SLUG:
        role = next(iter(sorted(account.user.role_codes())), "")
        memberships.record(account.uid, tenant_required(), role)


@transaction.atomic
def note_unlinked(account: SocialAccount) -> None:
    """Write down that an identity went; the platform forgets the space."""
    _record("security.sso_unlinked", account)
    if account.provider == platform.SLUG:
        memberships.forget(account.uid, tenant_required())


@transaction.atomic
def unlink(account: SocialAccount) -> None:
    """Delete one identity; the account it opened stays."""
    account.delete()
    note_unlinked(account)


@transaction.atomic
def create(request: HttpRequest, sociallogin: Any, connection: Connection) -> User:
    """Open the account of a newcomer and link it. Raises ``IdentityError``.

    Roles come from the connection only: through its table, else its default role; the platform
    gives what sign-up gives.
    """
    fields = sociallogin.user
    address = normalise_email(fields.email)
    if connection.kind == Connection.Kind.PLATFORM:
        roles = [identity_settings.current().signup_role]
        if tenant_required().kind == "reseller" or roles[0] not in role_mapping.grantable_roles():
            roles = [role_mapping.lowest_role()]
    else:
        roles = role_mapping.roles_from(connection, claims.attributes_of(sociallogin))
    person = create_person(
        email=address,
        first_name=fields.first_name,
        last_name=fields.last_name,
        roles=roles,
        locale=getattr(request, "LANGUAGE_CODE", ""),
        verified=is_verified(sociallogin, address) and trusts_address(connection, address),
    )
    sociallogin.user = person
    sociallogin.account.user = person
    sociallogin.account.save()
    note_linked(sociallogin.account)
    services.audit(
        "security.sso_person_created", connection, person=str(person.pk), roles=sorted(roles)
    )
    return person


@transaction.atomic
def refresh(person: User, sociallogin: Any, connection: Connection) -> None:
    """Copy the names that the provider gave at this sign-in, when the connection says so."""
    if not connection.updates_profile or connection.kind == Connection.Kind.PLATFORM:
        return
    found = claims.attributes_of(sociallogin)
    wanted = {
        "first_name": (found.get("given_name") or [""])[0].strip()[:100],
        "last_name": (found.get("family_name") or [""])[0].strip()[:100],
    }
    changed = [name for name, value in wanted.items() if value and getattr(person, name) != value]
    for name in changed:
        setattr(person, name, wanted[name])
    if changed:
        person.save(update_fields=changed)


def explain(error: Any, exception: BaseException | None) -> tuple[str, str]:
    """Return a stable code and words for a sign-in that failed at the provider."""
    if error == AuthError.CANCELLED:
        return "cancelled", _("You stopped the sign-in. You can start it again.")
    if isinstance(exception, UrlRefused):
        return exception.code, _(
            "The identity provider cannot be reached. Try again, or tell the people who run "
            "this space: %(reason)s"
        ) % {"reason": exception.message}
    text = str(exception or "")
    if text == "nonce mismatch":
        return "nonce", _(
            "The answer of the identity provider does not belong to your request. Start again."
        )
    if text == "subject mismatch":
        return "subject", _("The identity provider spoke of two different people. Start again.")
    if exception is None and error == AuthError.UNKNOWN:
        return "state", _(
            "This sign-in began too long ago, or in another browser. Start again from this space."
        )
    return "provider", _(
        "The identity provider refused the sign-in. Start again; if it happens every time, tell "
        "the people who run this space."
    )
