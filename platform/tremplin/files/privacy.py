"""Personal data in stored files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from tremplin.api import ExportFile, Problem, Processing, TenantContext, Text
from tremplin.files.models import StoredFileRecord
from tremplin.files.service import FilesService

PERSONAL_PREFIX = "person."


class FilesPersonalData:
    """Exports and erases what a person has uploaded.

    A file whose purpose starts with ``person.`` is hers and is deleted; other files (a question's
    picture) are material of the space and stay, without her id.
    """

    def describe(self) -> Iterable[Processing]:
        """Return the line of the register."""
        return (
            Processing(
                "files.uploads",
                Text(en="Uploaded files", fr="Fichiers déposés"),
                Text(
                    en="Keep the files that people add to the space",
                    fr="Conserver les fichiers que les personnes déposent dans l’espace",
                ),
            ),
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield each file of the person, and the list of them."""
        del ctx
        records = list(StoredFileRecord.objects.filter(owner=person).order_by("created_at"))
        yield ExportFile(
            "files/files.json",
            data=[
                {
                    "id": str(record.pk),
                    "name": record.name,
                    "type": record.mime,
                    "size": record.size,
                    "sha256": record.sha256,
                    "purpose": record.purpose,
                    "created_at": record.created_at.isoformat(),
                }
                for record in records
            ],
        )
        service = FilesService()
        for record in records:
            try:
                content = service.read(record.pk)
            except Problem:
                continue
            yield ExportFile(f"files/{record.pk}/{record.name}", content=content)

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Delete the person's own files, forget her on the others; return how many rows."""
        del ctx
        with transaction.atomic():
            mine = StoredFileRecord.objects.filter(owner=person)
            own = list(mine.filter(purpose__startswith=PERSONAL_PREFIX))
            service = FilesService()
            for record in own:
                service.delete(record.pk)
            kept = StoredFileRecord.objects.filter(owner=person).update(owner=None)
        return len(own) + kept

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Remove nothing: each file follows the retention of what it belongs to."""
        del ctx, before
        return 0
