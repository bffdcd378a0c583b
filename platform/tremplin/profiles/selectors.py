"""Reads of the profiles, and the service ``profiles``."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from tremplin.api import Evidence, hookspecs, services
from tremplin.api.services import Accommodation
from tremplin.kernel.dispatch import dispatcher
from tremplin.profiles.models import AccommodationPassport


def _value(passport: AccommodationPassport) -> Accommodation:
    return Accommodation(
        extra_time_numerator=passport.extra_time_numerator,
        extra_time_denominator=passport.extra_time_denominator,
        no_audio=passport.no_audio,
        larger_text=passport.larger_text,
        reduced_motion=passport.reduced_motion,
    )


class ProfilesService:
    """Implements ``tremplin.api.services.Profiles``."""

    def accommodation(self, person: UUID) -> Accommodation:
        """Return what a person needs (nothing special by default)."""
        passport = AccommodationPassport.objects.filter(person_id=person).first()
        return _value(passport) if passport else Accommodation()

    def accommodations(self, persons: Iterable[UUID]) -> dict[UUID, Accommodation]:
        """Return the needs of the persons that have any."""
        rows = AccommodationPassport.objects.filter(person_id__in=list(persons))
        return {row.person_id: _value(row) for row in rows}

    def evidence(self, person: UUID) -> list[Evidence]:
        """Return the evidence of a person's skills from every enabled module, newest first."""
        who = services.people().get(person)
        if who is None:
            return []
        ctx = services.contexts().for_person(person)
        answers = dispatcher.collect(hookspecs.skill_evidence, ctx.enabled, ctx=ctx, person=who)
        return sorted((a.value for a in answers), key=lambda item: item.occurred_at, reverse=True)
