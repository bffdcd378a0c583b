"""The only context a plugin receives: which tenant, which person, which clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class TenantRef:
    """A space as plugins see it; ``id`` is the public UUID, never the internal key."""

    id: UUID
    slug: str
    name: str
    schema: str
    kind: str
    locale: str
    timezone: str


@dataclass(frozen=True, slots=True)
class PersonRef:
    """A person of the current tenant as a value."""

    id: UUID
    display_name: str
    email: str
    locale: str
    roles: frozenset[str]


class TenantContext(Protocol):
    """Frozen, built by core. ``person`` is ``None`` for anonymous requests and background work."""

    @property
    def tenant(self) -> TenantRef: ...
    @property
    def person(self) -> PersonRef | None: ...
    @property
    def enabled(self) -> frozenset[str]:
        """Slugs of the modules that are on or read-only for this tenant."""
        ...

    def can(self, permission: str) -> bool:
        """Tell whether the person holds ``<slug>.<code>`` (always False without a person)."""
        ...

    def settings(self, model: type[M]) -> M:
        """Return the effective settings: platform, then reseller, then tenant, with locks."""
        ...

    def url(self, name: str, **kwargs: object) -> str:
        """Return the path of a named URL."""
        ...

    def absolute_url(self, name: str, **kwargs: object) -> str:
        """Return the full address on the tenant's primary domain, for mails and exports."""
        ...

    def now(self) -> datetime:
        """Return the business time, aware, in the tenant's time zone."""
        ...
