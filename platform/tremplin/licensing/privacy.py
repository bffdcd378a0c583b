"""What licensing keeps about people: their seats and what they used, by their id alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from tremplin.api import services
from tremplin.api.manifest import Text
from tremplin.api.privacy import ExportFile, Processing
from tremplin.kernel.current import tenant_required

if TYPE_CHECKING:
    from tremplin.api.context import TenantContext


class UsagePersonalData:
    """Seats and counters of a person in the public tables, always of the current space."""

    def describe(self) -> Iterable[Processing]:
        """Return the line of the processing register."""
        yield Processing(
            "licensing.usage",
            Text(en="Seats and usage", fr="Places et consommation"),
            Text(
                en="Count seats and what each person uses of the plan, to bill and to share it.",
                fr="Compter les places et ce que chaque personne consomme de la formule, pour la "
                "facturer et la partager.",
            ),
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        """Yield the seats and the counted units of the person as one JSON file."""
        from tremplin.licensing.models import SeatAssignment, UsageEvent

        tenant = tenant_required()
        seats = [
            {"module": row.license.module, "state": row.state, "since": row.assigned_at.isoformat()}
            for row in SeatAssignment.objects.select_related("license")
            .filter(license__tenant_id=tenant.pk, member=person)
            .order_by("id")
        ]
        usage = [
            {
                "feature": row.feature,
                "quantity": row.quantity,
                "reference": row.reference,
                "at": row.at.isoformat(),
            }
            for row in UsageEvent.objects.filter(tenant_id=tenant.pk, subject=str(person)).order_by(
                "id"
            )
        ]
        if seats or usage:
            yield ExportFile("licensing/usage.json", {"seats": seats, "usage": usage})

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        """Free the seats and forget the counters; the space's totals keep nameless units.

        The ledger is what was billed: its rows stay without saying whose they were.
        """
        from tremplin.licensing import seats
        from tremplin.licensing.models import UsageBucket, UsageEvent, UsageHold

        tenant = tenant_required()
        with transaction.atomic(), services.tenancy().public_write("erasure"):
            found = seats.release(tenant, [person])  # type: ignore[arg-type]
            rows = {"tenant_id": tenant.pk, "subject": str(person)}
            found += UsageBucket.objects.filter(**rows).delete()[0]
            found += UsageHold.objects.filter(**rows).delete()[0]
            found += UsageEvent.objects.filter(**rows).update(subject="", reference="")
        return found

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        """Forget whose the units counted before ``before`` were; the totals stay."""
        from tremplin.licensing.models import UsageBucket, UsageEvent

        tenant = tenant_required()
        with transaction.atomic(), services.tenancy().public_write("retention"):
            old = UsageEvent.objects.filter(tenant_id=tenant.pk, at__lt=before).exclude(subject="")
            found = old.update(subject="", reference="")
            found += (
                UsageBucket.objects.filter(tenant_id=tenant.pk, period_start__lt=before)
                .exclude(subject="")
                .exclude(period_start__year=1970)
                .delete()[0]
            )
        return found
