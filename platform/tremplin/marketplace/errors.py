"""Refusals of the marketplace, as problems that pages and the API show."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from tremplin.api import Problem


class NotOnSale(Problem):
    """The module is not published: running licences stay, new sales do not happen (409)."""

    def __init__(self, module: str) -> None:
        super().__init__(
            409, "module_not_on_sale", _("This module is not on sale."), {"module": module}
        )


class Stopped(Problem):
    """The operator stopped the module for security (409)."""

    def __init__(self, module: str) -> None:
        super().__init__(
            409,
            "module_stopped",
            _("The operator stopped this module for security: it is off everywhere."),
            {"module": module},
        )


class NotCompatible(Problem):
    """A check before purchase failed (409); ``reasons`` are sentences."""

    def __init__(self, module: str, reasons: Sequence[str]) -> None:
        super().__init__(409, "module_not_compatible", " ".join(reasons), {"module": module})


class RatingRefused(Problem):
    """Only a space that holds a licence may rate a module (403)."""

    def __init__(self, module: str) -> None:
        super().__init__(
            403,
            "rating_refused",
            _("Only a space that has this module may rate it."),
            {"module": module},
        )


class StepRefused(Problem):
    """The review does not go from this state to that one (409)."""

    def __init__(self, former: str, wanted: str) -> None:
        super().__init__(
            409,
            "review_step_refused",
            _("This step is not possible in the present state of the listing."),
            {"former": former, "wanted": wanted},
        )


class ChecksMissing(Problem):
    """The contract suite has not passed for the installed version (409)."""

    def __init__(self) -> None:
        super().__init__(
            409,
            "checks_missing",
            _("The contract suite has not passed for this version: run the checks first."),
        )
