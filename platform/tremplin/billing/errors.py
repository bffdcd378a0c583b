"""Refusals of billing, as problems that pages and the API show."""

from __future__ import annotations

from django.utils.translation import gettext as _

from tremplin.api import Problem


class NotFound(Problem):
    """No such row in this space (404)."""

    def __init__(self) -> None:
        super().__init__(404, "not_found", _("Not found."))


class NotSold(Problem):
    """The version, the rhythm or the currency is not offered to this space (422)."""

    def __init__(self, reason: str = "not_sold") -> None:
        super().__init__(422, reason, _("This is not offered to your space: choose another plan."))


class BadSeats(Problem):
    """The number of seats makes no sense for the plan (422)."""

    def __init__(self, lowest: int, highest: int) -> None:
        super().__init__(
            422,
            "bad_seats",
            _("Choose between %(lowest)s and %(highest)s seats.")
            % {"lowest": lowest, "highest": highest},
            {"lowest": lowest, "highest": highest},
        )


class AlreadySubscribed(Problem):
    """The space pays for this already: change the subscription instead (409)."""

    def __init__(self, subscription: str) -> None:
        super().__init__(
            409,
            "already_subscribed",
            _("Your space has this already: change the subscription instead."),
            {"subscription": subscription},
        )


class QuoteExpired(Problem):
    """The prices of the quote are no longer honoured (409)."""

    def __init__(self) -> None:
        super().__init__(
            409, "quote_expired", _("This quote is older than 15 minutes: ask for a new one.")
        )


class QuoteStale(Problem):
    """The subscription changed since the quote was made (409)."""

    def __init__(self) -> None:
        super().__init__(
            409, "quote_stale", _("Your subscription changed since then: ask for a new quote.")
        )


class KeyReused(Problem):
    """The idempotency key was used for something else (409)."""

    def __init__(self) -> None:
        super().__init__(
            409, "idempotency_key_reused", _("This request key was used for another purchase.")
        )


class BadCoupon(Problem):
    """The code does not exist, is over, used up or for another plan (422)."""

    def __init__(self, reason: str = "unknown") -> None:
        text = {
            "unknown": _("This code does not exist."),
            "expired": _("This code is no longer valid."),
            "used_up": _("This code was used as often as allowed."),
            "other_plan": _("This code is for another plan."),
            "other_currency": _("This code is for another currency."),
        }[reason]
        super().__init__(422, f"coupon_{reason}", text, {"reason": reason})


class PriceOutOfRange(Problem):
    """The reseller's price is outside what the platform allows (422)."""

    def __init__(self, lowest: int | None, highest: int | None, currency: str) -> None:
        from tremplin.billing.money import amount_text

        low = amount_text(lowest, currency) if lowest is not None else "0"
        if highest is None:
            text = _("The price must be at least %(low)s.") % {"low": low}
        else:
            text = _("The price must be between %(low)s and %(high)s.") % {
                "low": low,
                "high": amount_text(highest, currency),
            }
        super().__init__(
            422,
            "price_out_of_range",
            text,
            {"min_minor": lowest, "max_minor": highest, "currency": currency},
        )


class BadAmount(Problem):
    """An amount that is negative, zero, or more than what is possible (422)."""

    def __init__(self, highest: int | None = None) -> None:
        super().__init__(
            422, "bad_amount", _("Enter an amount above zero."), {"max_minor": highest}
        )


class PaymentRefused(Problem):
    """The means of payment was refused: nothing changed (402)."""

    def __init__(self, failure: str = "") -> None:
        super().__init__(
            402,
            "payment_refused",
            _("The payment was refused: nothing changed. Try another means of payment."),
            {"failure": failure},
        )


class PaymentLate(Problem):
    """An invoice of the subscription is late: pay it first (409)."""

    def __init__(self) -> None:
        super().__init__(409, "payment_late", _("Pay the open invoice first."))


class NotChangeable(Problem):
    """The subscription is over or cancelled (409)."""

    def __init__(self) -> None:
        super().__init__(
            409, "not_changeable", _("This subscription has ended or will end: nothing can change.")
        )


class ProviderMissing(Problem):
    """The provider is unknown or not set up (409)."""

    def __init__(self, slug: str) -> None:
        super().__init__(
            409,
            "provider_missing",
            _("This means of payment is not available."),
            {"provider": slug},
        )
