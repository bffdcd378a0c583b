"""The services ``usage`` and ``entitlements``: licensing as modules and lower layers see it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast
from uuid import UUID

from tenants.registry import TenantInfo
from tremplin.api import Decision
from tremplin.api.services import Failure, UsageHold
from tremplin.identity.seats import who_takes_one
from tremplin.kernel.current import tenant_required
from tremplin.licensing import consumption, entitlements, seats, snapshots


def _tenant() -> TenantInfo:
    return cast(TenantInfo, tenant_required())


class EntitledService:
    """Implements ``tremplin.api.services.Entitled``."""

    def check(self, feature: str, amount: int = 1, person: UUID | None = None) -> Decision:
        """Say whether ``amount`` of ``feature`` is allowed to the current tenant now."""
        return entitlements.for_tenant(_tenant()).check(feature, amount, person)

    def has_seat(self, module: str, person: UUID) -> bool:
        """Tell whether a person may use a module, whose seats may be given one by one.

        Only people whose roles take a place need a seat: the staff runs the module without.
        """
        held = snapshots.of(_tenant()).seated.get(module)
        if held is None or seats.is_seated(held, person):
            return True
        seated, invited = who_takes_one([person])
        return person not in seated | invited


class UsageService:
    """Implements ``tremplin.api.services.Usage``."""

    def check(self, feature: str, amount: int = 1, *, person: UUID | None = None) -> Decision:
        """Say whether ``amount`` of ``feature`` is allowed to the current tenant now."""
        return entitlements.for_tenant(_tenant()).check(feature, amount, person)

    def consume(
        self,
        feature: str,
        quantity: int = 1,
        *,
        person: UUID | None = None,
        key: UUID,
        reference: str = "",
    ) -> bool:
        """Count ``quantity`` units once per ``key``; False when they were counted before."""
        done = consumption.consume(
            _tenant(), feature, quantity, person=person, idem=key, ref=reference
        )
        return not done.is_repeat

    def reserve(
        self,
        feature: str,
        quantity: int,
        *,
        person: UUID | None = None,
        key: UUID,
        seconds: int = consumption.HOLD_SECONDS,
        reference: str = "",
    ) -> AbstractContextManager[UsageHold]:
        """Set units aside while long work runs; leaving without ``commit`` frees them."""
        return consumption.reserve(
            _tenant(), feature, quantity, person=person, idem=key, ttl=seconds, ref=reference
        )

    def give_back(
        self,
        feature: str,
        quantity: int = 1,
        *,
        person: UUID | None = None,
        key: UUID,
        failure: Failure,
        reference: str = "",
    ) -> bool:
        """Return units after a failure that was not the customer's; False when nothing goes back."""
        return consumption.give_back(
            _tenant(), feature, quantity, person=person, idem=key, failure=failure, ref=reference
        )
