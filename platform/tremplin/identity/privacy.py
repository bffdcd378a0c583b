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

        yield Processing(
            "identity.programs",
            Text(en="API keys and applications", fr="Clés d’API et applications"),
            Text(
                en="Let programs act for the person who made them.",
                fr="Permettre à des programmes d’agir pour la personne qui les a créés.",
            ),
        )
        yield Processing(
            "identity.visits",
            Text(en="Visits of support", fr="Visites de l’assistance"),
            Text(
                en="Help people in their own view of the space, and prove who looked and why.",
                fr="Aider dans la vue même de la personne, et établir qui a regardé et pourquoi.",
            ),
            retention_days=365,
        )
        yield Processing(
            "identity.bulk_actions",
            Text(en="Actions on several people", fr="Actions sur plusieurs personnes"),
            Text(
                en="Carry out what was confirmed, and show how it ended.",
                fr="Exécuter ce qui a été confirmé, et montrer comment cela s’est terminé.",
            ),
            retention_days=30,
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield the account as one JSON file, and what goes with it when there is something."""
        from allauth.account.models import EmailAddress
        from allauth.mfa.models import Authenticator
        from allauth.usersessions.models import UserSession

        from tremplin.identity.internal import personal_data
        from tremplin.identity.internal.personal_data import iso
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
                "joined": iso(user.date_joined),
                "last_login": iso(user.last_login),
                "expires": iso(user.expires_at),
                "roles": sorted(user.role_codes()),
                "cohorts": [
                    {"name": row.cohort.name, "joined": iso(row.joined_at)} for row in memberships
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
                    {"created": iso(row.created_at), "accepted": iso(row.accepted_at)}
                    for row in Invitation.objects.filter(person=user).order_by("created_at")
                ],
                "sessions": [
                    {
                        "address": row.ip,
                        "browser": row.user_agent,
                        "created": iso(row.created_at),
                        "last_seen": iso(row.last_seen_at),
                    }
                    for row in UserSession.objects.filter(user=user).order_by("created_at")
                ],
            },
        )
        for name, content in personal_data.documents(user):
            yield ExportFile(name, content)

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
        """Delete what is older than ``before``: invitations, sessions, visits, finished actions."""
        from allauth.usersessions.models import UserSession

        from tremplin.identity.models import BulkAction, Invitation, SupportAccess

        count = 0
        for rows in (
            Invitation.objects.filter(expires_at__lt=before),
            UserSession.objects.filter(last_seen_at__lt=before),
            SupportAccess.objects.filter(ended_at__lt=before),
            BulkAction.objects.filter(finished_at__lt=before),
        ):
            count += rows.count()
            rows.delete()
        return count
