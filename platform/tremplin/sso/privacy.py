"""What single sign-on keeps about a person: the identities linked to her account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tremplin.api.manifest import Text
from tremplin.api.privacy import ExportFile, Processing

if TYPE_CHECKING:
    from tremplin.api.context import TenantContext


def erase(person: UUID) -> int:
    """Delete the identities of ``person`` and return how many there were."""
    from allauth.socialaccount.models import SocialAccount

    from tremplin.sso.accounts import unlink

    found = list(SocialAccount.objects.filter(user_id=person))
    for account in found:
        unlink(account)
    return len(found)


class SsoPersonalData:
    """Linked identities: who somebody is at another provider, and what that provider said."""

    def describe(self) -> Iterable[Processing]:
        """Return the lines of the processing register."""
        yield Processing(
            "sso.identities",
            Text(en="Accounts linked from elsewhere", fr="Comptes reliés d’ailleurs"),
            Text(
                en="Let people sign in with an account they already have.",
                fr="Permettre de se connecter avec un compte que l’on a déjà.",
            ),
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield the linked identities as one JSON file."""
        from allauth.socialaccount.models import SocialAccount

        rows = SocialAccount.objects.filter(user_id=person).order_by("date_joined")
        content = [
            {
                "provider": row.provider,
                "identifier": row.uid,
                "linked": row.date_joined.isoformat(),
                "last_login": row.last_login.isoformat(),
                "told": row.extra_data,
            }
            for row in rows
        ]
        if content:
            yield ExportFile("sso/identities.json", content)

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Delete the linked identities; twice equals once."""
        return erase(person)

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Delete what test sign-ins brought before ``before``."""
        from tremplin.sso.models import LoginTrace

        return int(LoginTrace.objects.filter(created_at__lt=before).delete()[0])
