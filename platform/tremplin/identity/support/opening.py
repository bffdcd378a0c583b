"""Starting a visit: asked in the visitor's space, opened once in the space that is viewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api.context import PersonRef
from tremplin.identity import identity_settings, roles
from tremplin.identity.errors import IdentityError
from tremplin.identity.models import SpaceOwner, SupportAccess, User
from tremplin.identity.normalise import clean_text, normalise_email
from tremplin.identity.reset_tokens import token_hash
from tremplin.identity.services import new_token
from tremplin.identity.support import viewers
from tremplin.identity.support.ending import both_logs
from tremplin.identity.support.running import cause_of_end
from tremplin.kernel import audit

TOKEN_LIFE = timedelta(seconds=60)
VISIT_LIFE = timedelta(minutes=30)
SHORTEST_REASON, LONGEST_REASON = 5, 300
# Roles as which nobody is ever viewed: platform accounts, and the officer who watches over data.
NEVER = roles.MFA_ROLES | {"dpo"}


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom a visitor wants to see the space as, and why."""

    role: str
    email: str
    reason: str


def is_allowed(target: TenantInfo) -> bool:
    """Tell whether ``target`` consents to visits."""
    with use(target):
        return identity_settings.current().support_access


def roles_to_view(target: TenantInfo) -> list[roles.Role]:
    """Return the roles as which ``target`` may be viewed, administrators first."""
    with use(target):
        held = set(
            User.groups.through.objects.filter(user__is_active=True, user__removed_at=None)
            .values_list("group__name", flat=True)
            .distinct()
        )
    return [role for role in roles.roles_for(target.kind) if role.code in held - NEVER]


def start(space: TenantInfo, viewer: PersonRef, target: TenantInfo, wish: Wish) -> tuple[UUID, str]:
    """Store a visit that ``viewer`` of ``space`` opens within a minute; return its id and token.

    The caller has checked that ``viewer`` may visit (``viewers.may_view``). Raises
    ``IdentityError`` ``support_not_allowed``, ``reason_length``, ``person_unknown`` or
    ``person_not_viewable``.
    """
    if not viewers.may_visit(space, target):
        raise IdentityError("support_not_allowed", _("This space cannot be viewed."))
    reason = clean_text(wish.reason)
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise IdentityError("reason_length", _("Write a reason of 5 to 300 characters."))
    token, digest = new_token()
    with use(target), transaction.atomic():
        if not identity_settings.current().support_access:
            raise IdentityError(
                "support_not_allowed", _("This space does not allow support access.")
            )
        now = timezone.now()
        visit = SupportAccess.objects.create(
            person=_person(wish),
            viewer_tenant=space.uuid,
            viewer_account=viewer.id,
            viewer_name=viewers.name_of(viewer),
            viewer_space=space.name,
            reason=reason,
            token_hash=digest,
            created_at=now,
            expires_at=now + TOKEN_LIFE,
        )
    return visit.pk, token


def _person(wish: Wish) -> User:
    """Return the person to be seen as: the one named, else the first of the role (owner first)."""
    now = timezone.now()
    people = User.objects.present().filter(
        Q(expires_at=None) | Q(expires_at__gt=now), is_active=True
    )
    if wish.email:
        person = people.filter(email=normalise_email(wish.email)).first()
        if person is None:
            raise IdentityError(
                "person_unknown", _("Nobody active in this space has this e-mail address.")
            )
        if not _is_viewable(person):
            raise IdentityError(
                "person_not_viewable",
                _("Platform accounts and data protection officers are never viewed."),
            )
        return person
    owner = SpaceOwner.objects.values_list("person_id", flat=True).first()
    holders = [
        person
        for person in people.filter(groups__name=wish.role).order_by("date_joined", "id")[:50]
        if _is_viewable(person)
    ]
    if wish.role in NEVER or not holders:
        raise IdentityError("person_unknown", _("Nobody in this space can be viewed in this role."))
    return next((person for person in holders if person.pk == owner), holders[0])


def _is_viewable(person: User) -> bool:
    held = person.role_codes()
    return not held & roles.MFA_ROLES and bool(held - NEVER)


def redeem(token: str, address: str) -> SupportAccess | None:
    """Open the visit of ``token`` in the current space, once, for thirty minutes.

    ``address`` is that of the visitor, for the logs.

    Returns None when the token is unknown here, used, older than a minute, or when something that
    the visit needs has ended since.
    """
    with transaction.atomic():
        visit = (
            SupportAccess.objects.select_for_update(of=("self",))
            .select_related("person")
            .filter(token_hash=token_hash(token), opened_at=None, ended_at=None)
            .first()
        )
        now = timezone.now()
        if visit is None or visit.expires_at <= now or cause_of_end(visit):
            return None
        visit.opened_at, visit.expires_at = now, now + VISIT_LIFE
        visit.save(update_fields=["opened_at", "expires_at"])
        with audit.actor(visit.viewer_account, "support", address):
            both_logs("security.support_started", visit)
    return visit
