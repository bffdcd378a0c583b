"""What single sign-on keeps about a person: linked identities, and what test sign-ins brought."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tremplin.api.manifest import Text
from tremplin.api.privacy import ExportFile, Processing

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tremplin.api.context import TenantContext
    from tremplin.sso.models import LoginTrace


def traces_of(person: UUID) -> QuerySet[LoginTrace]:
    """Return the test sign-ins that ``person`` ran, and those that brought her (``is_about``)."""
    from django.db.models import BooleanField, ExpressionWrapper, Q, TextField
    from django.db.models.functions import Cast

    from tremplin.identity.models import User
    from tremplin.sso.models import LoginTrace

    address = User.objects.filter(pk=person).values_list("email", flat=True).first()
    # Quoted: a longer address that ends with this one is somebody else's.
    about = Q(text__icontains=f'"{address}"') if address else Q(pk__in=())
    return (
        LoginTrace.objects.annotate(text=Cast("document", TextField()))
        .annotate(is_about=ExpressionWrapper(about, output_field=BooleanField()))
        .filter(Q(person_id=person) | Q(is_about=True))
    )


def erase(person: UUID) -> int:
    """Delete the identities and test sign-ins of ``person``; returns how many there were."""
    from allauth.socialaccount.models import SocialAccount

    from tremplin.sso.accounts import unlink
    from tremplin.sso.models import GivenRole, LoginTrace

    found = list(SocialAccount.objects.filter(user_id=person))
    for account in found:
        unlink(account)
    GivenRole.objects.filter(person_id=person).delete()
    traces = list(traces_of(person).values_list("pk", flat=True))
    LoginTrace.objects.filter(pk__in=traces).delete()
    return len(found) + len(traces)


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
        yield Processing(
            "sso.traces",
            Text(en="Test sign-ins", fr="Connexions de test"),
            Text(
                en="Show administrators what an identity provider sent, and repair a connection.",
                fr="Montrer ce qu’un fournisseur d’identité a envoyé, et réparer une connexion.",
            ),
            retention_days=7,
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield the linked identities and the test sign-ins, one JSON file each."""
        from allauth.socialaccount.models import SocialAccount

        from tremplin.sso.models import GivenRole

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
        given = [
            {
                "connection": row.connection.label,
                "role": row.role,
                "since": row.created_at.isoformat(),
            }
            for row in GivenRole.objects.filter(person_id=person)
            .select_related("connection")
            .order_by("created_at", "role")
        ]
        if given:
            yield ExportFile("sso/given-roles.json", given)
        tests = [
            {
                "connection": row.connection.label,
                "at": row.created_at.isoformat(),
                "ran_by_you": row.person_id == person,
                # Whoever runs a test may receive somebody else: that is not hers to take away.
                "received": row.document if row.is_about else None,
            }
            for row in traces_of(person).select_related("connection").order_by("created_at")
        ]
        if tests:
            yield ExportFile("sso/test-sign-ins.json", tests)

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Delete the linked identities and test sign-ins; twice equals once."""
        return erase(person)

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Delete what test sign-ins brought before ``before``."""
        from tremplin.sso.models import LoginTrace

        return int(LoginTrace.objects.filter(created_at__lt=before).delete()[0])
