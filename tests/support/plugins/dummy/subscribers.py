"""What the dummy does when the fact is delivered."""

from __future__ import annotations

from tremplin.api import Delivery, TenantContext, subscribe

RECEIVED: list[tuple[str, str]] = []


@subscribe("tremplin.dummy.something_happened.v1")
def on_happened(ctx: TenantContext, delivery: Delivery) -> None:
    RECEIVED.append((ctx.tenant.slug, str(delivery.payload["thing"])))
