"""Writes of the profiles."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from django.db import transaction

from tremplin.api.services import Accommodation
from tremplin.kernel import audit, clock
from tremplin.profiles.models import AccommodationPassport


def set_accommodation(person: UUID, accommodation: Accommodation) -> bool:
    """Store what a person needs and return whether anything changed (setting twice does not)."""
    values = asdict(accommodation)
    with transaction.atomic():
        passport = (
            AccommodationPassport.objects.select_for_update().filter(person_id=person).first()
        )
        if passport is not None and all(
            getattr(passport, name) == value for name, value in values.items()
        ):
            return False
        AccommodationPassport.objects.update_or_create(
            person_id=person, defaults={**values, "updated_at": clock.now()}
        )
        audit.record("profiles.accommodation_set", target=str(person))
    return True
