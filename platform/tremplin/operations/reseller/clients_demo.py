"""The preset that the demo's reseller gives to its clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from tenants.branding import presets
from tenants.context import use
from tremplin.kernel import clock
from tremplin.sso.models import EmailDomain

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

FOOTER = "Passerelle Conseil SARL · 3 quai Rambaud, 69002 Lyon · SIREN 908 765 431"


def publish_preset(reseller: TenantInfo, world: dict[str, Any]) -> None:
    """Publish the look of the file's first client as the preset, with the locks of the file.

    The client then shows the colours of its block by inheritance. Loading again changes nothing.
    """
    block = world["reseller"]
    mine = [space for space in world["tenants"] if space.get("reseller") == block["key"]]
    if not mine or presets.current(reseller) is not None:
        return
    brand, sender = mine[0]["brand"], block["brand"]["sender"]
    domain = sender.rpartition("@")[2]
    with use(reseller), transaction.atomic():
        EmailDomain.objects.get_or_create(domain=domain, defaults={"verified_at": clock.now()})
        presets.publish(
            reseller,
            presets.PresetValues(
                primary=brand["primary"],
                accent=brand["accent"],
                legal_footer=FOOTER,
                support_email=f"aide@{domain}",
                sender=sender,
            ),
            frozenset(block["locked_settings"]),
            author=None,
        )
