"""Refusals of sales."""

from __future__ import annotations

from django.utils.translation import gettext as _

from tremplin.api import Problem


class BadItem(Problem):
    """The price or the currency makes no sense (422)."""

    def __init__(self) -> None:
        super().__init__(422, "bad_item", _("The price must be above zero."))


class CannotSell(Problem):
    """The school has no account that may take payments (409)."""

    def __init__(self) -> None:
        super().__init__(
            409, "cannot_sell", _("This space cannot take payments yet: connect Stripe first.")
        )


class KeyUsed(Problem):
    """The idempotency key was used for another purchase (409)."""

    def __init__(self) -> None:
        super().__init__(
            409, "idempotency_key_reused", _("This request key was used for another purchase.")
        )


class UnknownCard(Problem):
    """Not one of the test cards (422)."""

    def __init__(self) -> None:
        super().__init__(422, "unknown_card", _("Use one of the test card numbers."))


class BadRefund(Problem):
    """More than what was paid, or nothing (422)."""

    def __init__(self, highest: int) -> None:
        super().__init__(
            422, "bad_amount", _("Enter an amount that was paid."), {"max_minor": highest}
        )
