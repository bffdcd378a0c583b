"""What the plan pages refuse, as problems with a sentence that says what to do."""

from __future__ import annotations

from django.utils.translation import gettext as _

from tremplin.api import Problem


class WindowOverlaps(Problem):
    """Two versions of a plan would be sold at the same time (422)."""

    def __init__(self, number: int) -> None:
        super().__init__(
            422,
            "window_overlaps",
            _("Version %(number)s is sold at that time: choose other dates.") % {"number": number},
            {"version": number},
        )


class WindowBackwards(Problem):
    """The sale would end before it begins (422)."""

    def __init__(self) -> None:
        super().__init__(
            422, "window_backwards", _("The sale must end after it begins: choose a later date.")
        )


class SaleStarted(Problem):
    """The first day of sale of a version that was sold cannot move (409)."""

    def __init__(self) -> None:
        super().__init__(
            409,
            "sale_started",
            _("This version was sold already: its first day of sale stays. Set its last day."),
        )


class TooManyDecimals(Problem):
    """The currency has fewer decimals than the amount (422)."""

    def __init__(self, currency: str, digits: int) -> None:
        text = (
            _("%(currency)s has no decimals: enter a whole amount.")
            if digits == 0
            else _("%(currency)s has %(digits)s decimals at most: round the amount.")
        )
        super().__init__(422, "too_many_decimals", text % {"currency": currency, "digits": digits})


class PlanExists(Problem):
    """Another plan has this key (409)."""

    def __init__(self) -> None:
        super().__init__(
            409, "plan_exists", _("Another plan has this key: choose a different one.")
        )


class CouponExists(Problem):
    """Another coupon has this code (409)."""

    def __init__(self) -> None:
        super().__init__(409, "coupon_exists", _("This code exists already: choose another one."))
