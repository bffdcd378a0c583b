"""Refusals of sales."""

from __future__ import annotations

from django.utils.translation import gettext as _

from tremplin.api import Problem


class BadItem(Problem):
    """The price or the currency makes no sense (422)."""

    def __init__(self) -> None:
        super().__init__(422, "bad_item", _("The price must be above zero."))


class NotFound(Problem):
    """No such thing here, or none that this person may see (404)."""

    def __init__(self) -> None:
        super().__init__(404, "not_found", _("There is no such purchase."))


class CannotSell(Problem):
    """The school has no account that may take payments (409)."""

    def __init__(self) -> None:
        super().__init__(
            409, "cannot_sell", _("This space cannot take payments yet. Nothing was ordered.")
        )


class PriceChanged(Problem):
    """The price is no longer the one that the page showed (409); ``extra["price"]`` is the new one."""

    def __init__(self, price: str) -> None:
        super().__init__(
            409,
            "price_changed",
            _("The price has changed since you opened this page: it is now %(price)s. Look again.")
            % {"price": price},
            {"price": price},
        )


class OrderClosed(Problem):
    """The order is canceled: nothing can be paid for it any more (409)."""

    def __init__(self) -> None:
        super().__init__(
            409, "order_closed", _("This order is cancelled: order again to buy. Nothing was paid.")
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
    """More than what was paid, or nothing (422); ``extra["max_minor"]`` is what is left."""

    def __init__(self, highest: int, text: str = "") -> None:
        detail = _("Enter an amount that was paid and not given back yet.")
        if text:
            detail = _("At most %(amount)s can still be given back.") % {"amount": text}
        super().__init__(422, "bad_amount", detail, {"max_minor": highest})


class ProviderSilent(Problem):
    """The payment provider refused or did not answer (502); nothing changed here."""

    def __init__(self) -> None:
        super().__init__(
            502,
            "provider_silent",
            _(
                "The payment provider did not accept the request. Nothing was paid: try again later."
            ),
        )
