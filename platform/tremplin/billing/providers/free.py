"""What costs nothing: active at once, no invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

from tremplin.billing.providers.base import Done, EngineProvider, NextAction

if TYPE_CHECKING:
    from tremplin.billing.models import Order


class FreeProvider(EngineProvider):
    """Collects nothing."""

    slug = "free"
    label = gettext_lazy("Free")  # type: ignore[assignment]

    def start_checkout(
        self, order: Order, *, success_url: str, cancel_url: str, idempotency_key: str
    ) -> NextAction:
        return Done()
