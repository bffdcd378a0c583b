"""What a directory told about a person, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from tremplin.api.manifest import Text
from tremplin.api.privacy import ExportFile, Processing

if TYPE_CHECKING:
    from tremplin.api.context import TenantContext


class DirectoryPersonalData:
    """The user document of each person that a directory manages."""

    def describe(self) -> Iterable[Processing]:
        """Return the line of the processing register."""
        yield Processing(
            "sso.directory",
            Text(en="Directory (SCIM)", fr="Annuaire (SCIM)"),
            Text(
                en="Keep accounts and cohorts in line with the directory of the organisation.",
                fr="Tenir les comptes et les cohortes à jour d’après l’annuaire de l’organisation.",
            ),
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield the document of the person as one JSON file."""
        from tremplin.sso.models import ScimRecord

        row = ScimRecord.objects.filter(user_id=person).first()
        if row is not None:
            yield ExportFile(
                "sso/directory.json",
                {
                    "id": str(row.pk),
                    "created": row.created_at.isoformat(),
                    "changed": row.updated_at.isoformat(),
                    "document": row.document,
                },
            )

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Delete the document and take the person out of the groups; twice equals once."""
        from tremplin.sso.models import ScimRecord
        from tremplin.sso.scim import groups

        with transaction.atomic():
            row = ScimRecord.objects.select_for_update().filter(user_id=person).first()
            if row is None:
                return 0
            groups.forget_member(row)
            row.delete()
        return 1

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Keep documents as long as the directory manages the person."""
        return 0
