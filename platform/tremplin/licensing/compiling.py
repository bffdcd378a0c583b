"""From licences and grants to one table of what a tenant may use: a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tremplin.licensing.features import Feature
from tremplin.licensing.states import Mode


@dataclass(frozen=True, slots=True)
class Source:
    """One value of one feature: from a version of a plan (``priority`` 0) or from a grant."""

    feature: str
    value: Any
    priority: int = 0
    reset: str = "none"
    scope: str = "tenant"
    overage: str = "deny"
    overage_percent: int = 0
    overage_unit_minor: int | None = None
    overage_cap_minor: int | None = None
    anchor: datetime | None = None
    is_top_up: bool = False


@dataclass(frozen=True, slots=True)
class Meter:
    """How much of a metered feature may be used per period, by the space or by each person.

    ``maximum`` and ``stop`` are None when unlimited: ``maximum`` is what the plan says, ``stop``
    where consumption is refused, overage included. ``top_up`` is used after the period's units.
    """

    scope: str
    reset: str
    maximum: int | None
    stop: int | None
    anchor: datetime | None = None
    top_up: int = 0
    # What a unit beyond ``maximum`` costs and the most of it per period; None: not billed.
    unit_minor: int | None = None
    cap_minor: int | None = None

    @property
    def is_billed(self) -> bool:
        """Return whether units beyond the plan are counted to be paid."""
        return bool(self.unit_minor and self.cap_minor)


@dataclass(frozen=True, slots=True)
class Entitlement:
    """The combined value of one feature; ``meters`` is empty unless it is metered."""

    feature: str
    kind: str
    value: Any
    meters: tuple[Meter, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a tenant is entitled to until ``valid_until``; ``modules`` gives their mode."""

    version: int
    entitlements: Mapping[str, Entitlement]
    modules: Mapping[str, Mode]
    valid_until: datetime | None
    is_unlimited: bool = False
    is_writable: bool = True
    # Modules whose seats are given one by one, with the licence that holds them.
    seated: Mapping[str, UUID] = field(default_factory=dict)


def combine(feature: Feature, sources: Iterable[Source]) -> Entitlement:
    """Combine the values of one feature by the rule of its kind; None stands for unlimited."""
    found = list(sources)
    if feature.kind == "metered":
        return Entitlement(feature.key, feature.kind, None, _meters(feature, found))
    if not found:
        return Entitlement(feature.key, feature.kind, feature.default)
    values = [source.value for source in found]
    if feature.kind == "switch":
        return Entitlement(feature.key, feature.kind, any(values))
    if feature.kind == "config":
        best = max(found, key=lambda source: source.priority)
        return Entitlement(feature.key, feature.kind, best.value)
    if any(value is None for value in values):
        return Entitlement(feature.key, feature.kind, None)
    total = max(values) if feature.kind == "limit" else sum(values)
    return Entitlement(feature.key, feature.kind, total)


def _meters(feature: Feature, sources: list[Source]) -> tuple[Meter, ...]:
    """Return one meter per scope, the space before the person: they are counted in this order."""
    base = [source for source in sources if not source.is_top_up]
    top_up = sum(source.value or 0 for source in sources if source.is_top_up)
    if not base:
        if not top_up and not feature.default:
            return ()
        default = Source(feature.key, feature.default or 0, reset="month")
        return (_meter("tenant", [default], top_up),)
    scopes = [
        scope for scope in ("tenant", "user") if any(source.scope == scope for source in base)
    ]
    return tuple(
        _meter(
            scope,
            [source for source in base if source.scope == scope],
            top_up if scope == scopes[0] else 0,
        )
        for scope in scopes
    )


def _meter(scope: str, sources: list[Source], top_up: int) -> Meter:
    lead = max(sources, key=lambda source: source.priority)
    if any(source.value is None for source in sources):
        return Meter(scope, lead.reset, None, None, lead.anchor)
    maximum = sum(source.value for source in sources)
    # The cap is the space's: what each person uses on her own is never billed.
    billed = lead.overage == "bill" and scope == "tenant"
    return Meter(
        scope,
        lead.reset,
        maximum,
        maximum if lead.overage == "bill" and not billed else _stop(maximum, lead),
        lead.anchor,
        top_up,
        lead.overage_unit_minor if billed else None,
        lead.overage_cap_minor if billed else None,
    )


def _stop(maximum: int, source: Source) -> int | None:
    """Return where consumption is refused, overage included."""
    if source.overage == "allow":
        return None
    if source.overage == "grace":
        return maximum + maximum * source.overage_percent // 100
    if source.overage == "bill" and source.overage_unit_minor and source.overage_cap_minor:
        # The customer sets the cap in money; units beyond it are refused.
        return maximum + source.overage_cap_minor // source.overage_unit_minor
    return maximum
