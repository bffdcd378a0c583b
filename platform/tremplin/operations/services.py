"""Self-service creation of spaces, and what the operator does with them."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from tenants import provisioning, registry
from tenants.branding.mail import Action, Letter, compose
from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api import services
from tremplin.identity.models import User
from tremplin.kernel import audit
from tremplin.kernel.current import tenant_required
from tremplin.operations.models import HandOver, PendingSpace

PENDING_LIFE = timedelta(hours=24)
HAND_OVER_LIFE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class SpaceRequest:
    """What the sign-up page asks; the password is in clear and is stored hashed only."""

    name: str
    slug: str
    kind: str
    email: str
    password: str
    locale: str


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def request_space(wanted: SpaceRequest) -> PendingSpace:
    """Store the request in the operator's space and mail the confirmation link."""
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    with transaction.atomic():
        pending = PendingSpace.objects.create(
            name=wanted.name,
            slug=wanted.slug,
            kind=wanted.kind,
            email=wanted.email,
            password_hash=make_password(wanted.password),
            locale=wanted.locale,
            token_hash=_digest(token),
            created_at=now,
            expires_at=now + PENDING_LIFE,
        )
        audit.record("operations.space_requested", target=pending.slug)
    send_confirmation(pending, token)
    return pending


def send_confirmation(pending: PendingSpace, token: str) -> None:
    """Mail the link that creates the space; the token is in the mail only."""
    link = services.tenancy().absolute_url(tenant_required(), f"/start/confirm/{token}/")
    letter = Letter(
        gettext("Confirm your e-mail to open %(name)s") % {"name": pending.name},
        [
            gettext("Your space is ready to be created. The link works for 24 hours."),
            gettext("If you did not ask for it, ignore this message: nothing happens."),
        ],
        Action(gettext("Create my space"), link),
    )
    compose(pending.email, letter).send()


def find_pending(token: str) -> PendingSpace | None:
    """Return the request that ``token`` confirms, if it is still valid."""
    return PendingSpace.objects.filter(
        token_hash=_digest(token), expires_at__gt=timezone.now()
    ).first()


def create_requested(pending: PendingSpace) -> tuple[TenantInfo, str]:
    """Create the space of a confirmed request; return it with the hand-over token of its owner.

    Raises ``tenants.errors.TenancyError`` when the address was taken meanwhile or the creation
    failed; the request then stays, so that the link can be opened again.
    """
    tenant = provisioning.create(
        provisioning.NewTenant(
            name=pending.name,
            slug=pending.slug,
            kind=pending.kind,
            email=pending.email,
            locale=pending.locale,
            options={
                "owner": {
                    "email": pending.email,
                    "password_hash": pending.password_hash,
                    "first_name": "",
                    "last_name": "",
                }
            },
        )
    )
    slug = pending.slug
    pending.delete()
    audit.record("operations.space_created", target=str(tenant.uuid), data={"slug": slug})
    return tenant, hand_over(tenant, pending.email)


def hand_over(tenant: TenantInfo, email: str) -> str:
    """Return a token that opens one session of ``email`` in ``tenant`` within two minutes."""
    token = secrets.token_urlsafe(32)
    with use(tenant), transaction.atomic():
        HandOver.objects.create(
            person=User.objects.get(email=email),
            token_hash=_digest(token),
            expires_at=timezone.now() + HAND_OVER_LIFE,
        )
    return token


def redeem(token: str) -> User | None:
    """Return the person whose session the token opens, once; ``None`` when it no longer works."""
    with transaction.atomic():
        row = (
            HandOver.objects.select_for_update(of=("self",))
            .select_related("person")
            .filter(token_hash=_digest(token), used_at=None, expires_at__gt=timezone.now())
            .first()
        )
        if row is None or not row.person.is_active:
            return None
        row.used_at = timezone.now()
        row.save(update_fields=["used_at"])
    return row.person


def suspend_space(tenant: TenantInfo, reason: str) -> None:
    """Close a space for everyone but its export; told to its own log and the operator's."""
    audit.record(
        "operations.space_suspended",
        target=str(tenant.uuid),
        data={"slug": tenant.slug, "reason": reason},
    )
    with use(tenant):
        audit.record("security.space_suspended")
    from tenants import lifecycle

    lifecycle.suspend(tenant, reason)


def resume_space(tenant: TenantInfo) -> None:
    """Open a suspended space again."""
    from tenants import lifecycle

    lifecycle.resume(tenant)
    audit.record("operations.space_resumed", target=str(tenant.uuid), data={"slug": tenant.slug})
    fresh = registry.by_pk(tenant.pk)
    if fresh is not None:
        with use(fresh):
            audit.record("security.space_resumed")
