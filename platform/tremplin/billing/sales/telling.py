"""Messages about a purchase: to its buyer, and to those who deliver it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from tremplin.api import services
from tremplin.billing.money import amount_text
from tremplin.billing.sales.models import Order


def _in_languages(text: Callable[[], str]) -> dict[str, str]:
    found = {}
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            found[code] = text()
    return found


def _to_buyer(order: Order, key: str, title: Callable[[], str], body: Callable[[], str]) -> None:
    if order.person is None:
        return
    services.notify().send(
        [order.person],
        key,
        title=_in_languages(title),
        body=_in_languages(body),
        url=reverse("sales:order", kwargs={"purchase": order.pk}),
        action=_in_languages(lambda: _("See the purchase")),
    )


def paid(order: Order) -> None:
    """Tell the buyer that the money arrived, and the staff that something is to be delivered."""
    _to_buyer(
        order,
        "sales.paid",
        lambda: _("Your payment has arrived: %(title)s") % {"title": order.title},
        lambda: (
            _("Thank you. The invoice %(number)s is ready to download.")
            % {"number": order.invoice_number}
        ),
    )
    staff = [person.id for person in services.people().with_permission("sales.manage")]
    services.notify().send(
        staff,
        "sales.sold",
        title=_in_languages(lambda: _("Sold: %(title)s") % {"title": order.title}),
        body=_in_languages(
            lambda: (
                _("%(amount)s were paid. Say on its page when the service is done.")
                % {"amount": amount_text(order.total_minor, order.currency)}
            )
        ),
        url=reverse("sales:sale", kwargs={"purchase": order.pk}),
        action=_in_languages(lambda: _("See the order")),
    )


def refunded(order: Order, amount_minor: int) -> None:
    """Tell the buyer that money goes back."""
    _to_buyer(
        order,
        "sales.refunded",
        lambda: _("Refund: %(title)s") % {"title": order.title},
        lambda: (
            _("%(amount)s were given back to you. The credit note is ready to download.")
            % {"amount": amount_text(amount_minor, order.currency)}
        ),
    )


def delivered(order: Order) -> None:
    """Tell the buyer that the service is done."""
    _to_buyer(
        order,
        "sales.delivered",
        lambda: _("It is ready: %(title)s") % {"title": order.title},
        lambda: _("Your school has finished what you bought."),
    )
