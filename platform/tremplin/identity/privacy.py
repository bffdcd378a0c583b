"""What identity keeps about a person, and how it is exported, erased and expired."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tremplin.api.manifest import Text
from tremplin.api.privacy import ExportFile, Processing

if TYPE_CHECKING:
    from tremplin.api.context import TenantContext


def _iso(value: datetime | None) -> str | None:
    return value.isoformat() if value is not None else None


class IdentityPersonalData:
    """Accounts, roles, cohorts, invitations and sessions."""

    def describe(self) -> Iterable[Processing]:
        """Return the lines of the processing register."""
        yield Processing(
            "identity.account",
            Text(en="Accounts, roles and cohorts", fr="Comptes, rôles et cohortes"),
            Text(
                en="Give people access to the space and to what their role allows.",
                fr="Donner aux personnes l’accès à l’espace et à ce que leur rôle permet.",
            ),
        )
        yield Processing(
            "identity.sessions",
            Text(en="Sign-in sessions", fr="Sessions de connexion"),
            Text(
                en="Keep people signed in and let them see and end their sessions.",
                fr="Garder les personnes connectées et leur montrer leurs sessions, pour les fermer.",
            ),
            retention_days=14,
        )
        yield Processing(
            "identity.invitations",
            Text(en="Invitations", fr="Invitations"),
            Text(
                en="Let invited people open their account.",
                fr="Permettre aux personnes invitées d’ouvrir leur compte.",
            ),
            retention_days=365,
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield the account as one JSON file."""
        from allauth.account.models import EmailAddress
        from allauth.mfa.models import Authenticator
        from allauth.usersessions.models import UserSession

        from tremplin.identity.models import Invitation, User

        user = User.objects.filter(pk=person).first()
        if user is None:
            return
        memberships: Any = user.cohort_memberships.select_related("cohort")
        yield ExportFile(
            "identity/account.json",
            {
                "id": str(user.pk),
                "email": user.email,
                "first_name": user.first_name,
                "last_name": user.last_name,
                "locale": user.locale,
                "scheme": user.scheme,
                "active": user.is_active,
                "suspended_reason": user.suspended_reason,
                "joined": _iso(user.date_joined),
                "last_login": _iso(user.last_login),
                "expires": _iso(user.expires_at),
                "roles": sorted(user.role_codes()),
                "cohorts": [
                    {"name": row.cohort.name, "joined": _iso(row.joined_at)} for row in memberships
                ],
                "emails": [
                    {"email": row.email, "verified": row.verified, "primary": row.primary}
                    for row in EmailAddress.objects.filter(user=user).order_by("email")
                ],
                "second_factor": sorted(
                    str(kind)
                    for kind in Authenticator.objects.filter(user=user).values_list(
                        "type", flat=True
                    )
                ),
                "invitations": [
                    {"created": _iso(row.created_at), "accepted": _iso(row.accepted_at)}
                    for row in Invitation.objects.filter(person=user).order_by("created_at")
                ],
                "sessions": [
                    {
                        "address": row.ip,
                        "browser": row.user_agent,
                        "created": _iso(row.created_at),
                        "last_seen": _iso(row.last_seen_at),
                    }
                    for row in UserSession.objects.filter(user=user).order_by("created_at")
                ],
            },
        )

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Make the account anonymous; twice equals once. Returns the number of accounts changed."""
        from tremplin.identity.models import User
        from tremplin.identity.services import anonymise

        user = User.objects.filter(pk=person, removed_at=None).first()
        if user is None:
            return 0
        anonymise(user)
        return 1

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Delete closed invitations and forgotten session records older than ``before``."""
        from allauth.usersessions.models import UserSession

        from tremplin.identity.models import Invitation

        closed = Invitation.objects.filter(expires_at__lt=before)
        forgotten = UserSession.objects.filter(last_seen_at__lt=before)
        count = closed.count() + forgotten.count()
        closed.delete()
        forgotten.delete()
        return int(count)
