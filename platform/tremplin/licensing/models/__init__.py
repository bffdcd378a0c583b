"""Rows of licensing, in the public schema: it holds no people, only their ids."""

from __future__ import annotations

from tremplin.licensing.models.licences import (
    EntitlementSnapshot,
    Grant,
    License,
    SeatAssignment,
    Trial,
)
from tremplin.licensing.models.plans import Plan, PlanEntitlement, PlanItem, PlanVersion
from tremplin.licensing.models.usage import OverageCap, UsageBucket, UsageEvent, UsageHold

__all__ = [
    "EntitlementSnapshot",
    "Grant",
    "License",
    "OverageCap",
    "Plan",
    "PlanEntitlement",
    "PlanItem",
    "PlanVersion",
    "SeatAssignment",
    "Trial",
    "UsageBucket",
    "UsageEvent",
    "UsageHold",
]
