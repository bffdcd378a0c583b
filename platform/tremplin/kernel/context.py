"""Builds the one context that plugins receive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse
from pydantic import BaseModel

from tremplin.api import services
from tremplin.api.context import Decision, Entitlements, PersonRef, TenantContext, TenantRef
from tremplin.kernel import clock, gate, settings_store
from tremplin.kernel.current import tenant_required

M = TypeVar("M", bound=BaseModel)
Permissions = Callable[[], frozenset[str]]
PersonLoader = Callable[[UUID], "tuple[PersonRef, Permissions] | None"]

_person_loader: PersonLoader | None = None


@dataclass(frozen=True, slots=True)
class ContextEntitlements:
    """``ctx.entitlements``: the plans of the current tenant, asked for one person."""

    person: UUID | None

    def check(self, feature: str, amount: int = 1) -> Decision:
        """Say whether ``amount`` of ``feature`` is allowed now; it decides nothing."""
        return services.entitlements().check(feature, amount, self.person)


@dataclass(frozen=True)
class Context:
    """``TenantContext`` for one request or job; enabled modules and rights are read once."""

    tenant: TenantRef
    person: PersonRef | None
    _info: Any = field(repr=False)
    _permissions: Permissions = field(repr=False)

    @cached_property
    def enabled(self) -> frozenset[str]:
        return gate.enabled(self._info)

    @property
    def entitlements(self) -> Entitlements:
        return ContextEntitlements(self.person.id if self.person is not None else None)

    @cached_property
    def permissions(self) -> frozenset[str]:
        """Return every ``<slug>.<code>`` the person holds (empty without a person)."""
        return frozenset() if self.person is None else self._permissions()

    def can(self, permission: str) -> bool:
        return permission in self.permissions

    def settings(self, model: type[M]) -> M:
        return settings_store.effective(model, self._info)

    def url(self, name: str, **kwargs: object) -> str:
        return reverse(name, kwargs=kwargs)

    def absolute_url(self, name: str, **kwargs: object) -> str:
        return services.tenancy().absolute_url(self._info, self.url(name, **kwargs))

    def now(self) -> datetime:
        return clock.now().astimezone(ZoneInfo(self.tenant.timezone))


def build(tenant: Any, person: PersonRef | None, permissions: Permissions) -> TenantContext:
    """Return the context of ``person`` (None: anonymous or background) in ``tenant``.

    ``permissions`` is called at most once, when a right is first asked.
    """
    reference = TenantRef(
        id=tenant.uuid,
        slug=tenant.slug,
        name=tenant.name,
        schema=tenant.schema_name,
        kind=tenant.kind,
        locale=tenant.locale,
        timezone=tenant.timezone,
    )
    return Context(reference, person, tenant, permissions)


def set_person_loader(loader: PersonLoader) -> None:
    """Say how a person's id becomes a reference and her rights (``identity``, in ``ready()``)."""
    global _person_loader
    _person_loader = loader


class ContextService:
    """The service ``contexts``: contexts for background work in the current tenant."""

    def current(self) -> TenantContext:
        """Return a context without a person."""
        return build(tenant_required(), None, frozenset)

    def for_person(self, person: UUID) -> TenantContext:
        """Return the context of one person; raise ``LookupError`` when she is not of this tenant."""
        found = _person_loader(person) if _person_loader is not None else None
        if found is None:
            raise LookupError(f"no person {person} in this tenant")
        reference, permissions = found
        return build(tenant_required(), reference, permissions)
