"""Personal data in the audit log: ids and addresses, kept twelve months, never edited."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q

from tremplin.api import ExportFile, Processing, TenantContext, Text
from tremplin.kernel import audit
from tremplin.kernel.models import AuditEvent

RETENTION_DAYS = 365


class AuditPersonalData:
    """Answers for the audit log like any keeper of personal data.

    Erasing a person leaves her rows: they hold an id that names nobody once the account is gone,
    and removing one would break the chain that proves the log. Retention ends them.
    """

    def describe(self) -> Iterable[Processing]:
        """Return the line of the register."""
        return (
            Processing(
                "kernel.audit",
                Text(en="Security and audit log", fr="Journal de sécurité et d’audit"),
                Text(
                    en="Prove who did what, find and stop misuse",
                    fr="Établir qui a fait quoi, déceler et arrêter les abus",
                ),
                RETENTION_DAYS,
            ),
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield what the person did and what was done to her account, oldest first."""
        del ctx
        rows = AuditEvent.objects.filter(Q(actor=person) | Q(target=f"person:{person}"))
        yield ExportFile(
            "audit/events.json",
            data=[
                {
                    "at": row.at.astimezone(UTC).isoformat(),
                    "kind": row.kind,
                    "by_you": row.actor == person,
                    "target": row.target,
                    # Somebody else's address is not hers to receive.
                    "address": row.address if row.actor == person else "",
                }
                for row in rows.order_by("id")
            ],
        )

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Change nothing and return 0: see the class."""
        del ctx, person
        return 0

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Remove the rows older than ``before``, as a whole prefix of the chain."""
        del ctx
        return audit.apply_retention(before)
