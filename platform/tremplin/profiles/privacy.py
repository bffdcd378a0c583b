"""Personal data kept by the profiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from tremplin.api import ExportFile, Processing, TenantContext, Text, services
from tremplin.profiles.models import AccommodationPassport


class ProfilesPersonalData:
    """Accommodations follow the account."""

    def describe(self) -> Iterable[Processing]:
        yield Processing(
            "accommodation",
            Text(en="Accommodations", fr="Aménagements"),
            Text(
                en="Give extra time and comfort in every module; the reason is never stored",
                fr="Accorder du temps et du confort dans chaque module ; le motif n’est jamais conservé",
            ),
        )

    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]:
        yield ExportFile(
            "profile/accommodation.json", asdict(services.profiles().accommodation(person))
        )

    def erase(self, ctx: TenantContext, person: UUID) -> int:
        return AccommodationPassport.objects.filter(person_id=person).delete()[0]

    def retain(self, ctx: TenantContext, before: datetime) -> int:
        return 0
