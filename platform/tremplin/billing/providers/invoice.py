"""Bank transfer: the product opens at once, the money comes within the account's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tremplin.billing.money import amount_text
from tremplin.billing.providers.base import Done, EngineProvider, Instructions, NextAction

if TYPE_CHECKING:
    from tremplin.billing.models import Order


class InvoiceProvider(EngineProvider):
    """Needs no key and no network; the platform's staff marks invoices paid."""

    slug = "invoice"
    label = gettext_lazy("Bank transfer")  # type: ignore[assignment]

    def start_checkout(
        self, order: Order, *, success_url: str, cancel_url: str, idempotency_key: str
    ) -> NextAction:
        """Return the bank details and the reference to give with the transfer."""
        invoice = order.invoices.first()
        if invoice is None:
            return Done()
        rows = [
            (_("Amount"), amount_text(invoice.total_minor, invoice.currency)),
            (_("Reference"), invoice.number),
        ]
        for key, label in (("iban", "IBAN"), ("bic", "BIC")):
            if invoice.seller.get(key):
                rows.append((label, str(invoice.seller[key])))
        return Instructions(tuple(rows))
