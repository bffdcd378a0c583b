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


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something is allowed now, and how much is left.

    ``reason`` is ``ok``, ``unlimited`` (nothing is counted here), ``not_entitled`` (no plan of the
    space includes it), ``limit``, ``quota_exceeded``, ``suspended`` or ``unknown_feature``.
    ``limit`` and ``remaining`` are None without a limit; ``is_soft`` asks for a warning: 80 % or
    more are used. ``upgrade_url`` is the path of the space's plans.
    """

    allowed: bool
    reason: str
    limit: int | None = None
    used: int = 0
    remaining: int | None = None
    resets_at: datetime | None = None
    is_soft: bool = False
    upgrade_url: str = "/console/billing/"


class Entitlements(Protocol):
    """What the plans of the tenant include, for menus and buttons: reading decides nothing."""

    def check(self, feature: str, amount: int = 1) -> Decision:
        """Say whether ``amount`` of ``feature`` (``<slug>.<code>``) is allowed to the person now.

        Reads no table, except for a metered feature: its counters, in one query. Counting is done
        by ``tremplin.api.services.usage()``.
        """
        ...


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

    @property
    def entitlements(self) -> Entitlements:
        """What the plans of the tenant include."""
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
