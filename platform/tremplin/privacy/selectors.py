"""Reads of privacy: what is kept, and a person's open request."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tremplin.identity.models import SpaceOwner
from tremplin.kernel import registry
from tremplin.privacy import sources
from tremplin.privacy.models import ErasureRequest


@dataclass(frozen=True, slots=True)
class RegisterLine:
    """One processing in the reader's language."""

    module: str
    label: str
    purpose: str
    retention_days: int | None


def register(language: str) -> list[RegisterLine]:
    """Return the processing register, built from what each keeper declares."""
    lines = []
    for source in sources.every():
        entry = registry.get(source.module)
        name = entry.manifest.name.in_language(language) if entry else ""
        lines += [
            RegisterLine(
                name,
                line.label.in_language(language),
                line.purpose.in_language(language),
                line.retention_days,
            )
            for line in source.keeper.describe()
        ]
    return lines


def open_request(person: UUID) -> ErasureRequest | None:
    """Return the erasure that a person asked for and that is not done."""
    return ErasureRequest.objects.filter(person_id=person, cancelled_at=None, done_at=None).first()


def owner_id() -> UUID | None:
    """Return the owner of the space, who cannot be erased before handing it over."""
    return SpaceOwner.objects.values_list("person_id", flat=True).first()
