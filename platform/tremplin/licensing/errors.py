"""Refusals of licensing, as problems that pages and the API show."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from tremplin.api import Problem

UPGRADE_PATH = "/console/billing/"


class NotEntitled(Problem):
    """No plan or grant of the tenant holds the feature, or its licence is suspended (402)."""

    def __init__(self, feature: str, reason: str = "not_entitled") -> None:
        super().__init__(
            402,
            reason,
            _("Your plan does not include this."),
            {"feature": feature, "upgrade_url": UPGRADE_PATH},
        )


class QuotaExceeded(Problem):
    """The units of the period are used up (402)."""

    def __init__(self, feature: str, *, limit: int, used: int, resets_at: datetime | None) -> None:
        super().__init__(
            402,
            "quota_exceeded",
            _("%(used)s of %(limit)s used: nothing is left until the next period.")
            % {"used": used, "limit": limit},
            {
                "feature": feature,
                "limit": limit,
                "used": used,
                "resets_at": resets_at.isoformat() if resets_at else None,
                "upgrade_url": UPGRADE_PATH,
            },
        )


class SeatsFull(Problem):
    """Every seat is taken: nobody is created or invited beyond (402)."""

    def __init__(self, *, used: int, total: int, wanted: int = 1) -> None:
        super().__init__(
            402,
            "seats_full",
            _("%(used)s/%(total)s seats are taken. Take more seats, or release some first.")
            % {"used": used, "total": total},
            {"used": used, "total": total, "wanted": wanted},
        )


class TrialUsed(Problem):
    """This tenant has tried the module before (409)."""

    def __init__(self, module: str) -> None:
        super().__init__(
            409,
            "trial_used",
            _("The trial of this module was used already: choose a plan."),
            {"module": module},
        )


class VersionFrozen(Problem):
    """A sold version of a plan never changes (409)."""

    def __init__(self) -> None:
        super().__init__(
            409,
            "version_frozen",
            _("This version was sold: make a new one instead of changing it."),
        )
