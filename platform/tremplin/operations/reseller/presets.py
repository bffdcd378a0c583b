"""The brand preset of a reseller: what it may say, who follows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext

from tenants.branding import look, presets, texts
from tenants.branding.logo import LogoFiles
from tenants.branding.presets import PresetValues
from tenants.models import Branding
from tremplin.kernel import audit
from tremplin.kernel.state.models import SettingValue
from tremplin.operations.reseller import clients
from tremplin.sso import selectors as sso

if TYPE_CHECKING:
    from tenants.models import BrandPreset
    from tenants.registry import TenantInfo


class SenderNotProven(ValueError):  # noqa: N818  reads as the fact it reports
    """The domain of the sender is not proven to be the reseller's; ``domain`` names it."""

    def __init__(self, domain: str) -> None:
        super().__init__(domain)
        self.domain = domain


@dataclass(frozen=True, slots=True)
class Followers:
    """How many clients show the preset's value of a field, of how many."""

    name: str
    label: str
    count: int
    total: int
    locked: bool


def field_label(name: str) -> str:
    """Return the name of a field of the preset in the reader's language."""
    return {
        "primary": gettext("Primary colour"),
        "accent": gettext("Second colour"),
        look.LOGO: gettext("Logo"),
        texts.FOOTER: gettext("Legal line"),
        texts.SUPPORT: gettext("Support address"),
    }.get(name, name)


def publish(
    reseller: TenantInfo,
    values: PresetValues,
    locks: frozenset[str],
    *,
    author: UUID,
    logo: LogoFiles | None = None,
) -> BrandPreset:
    """Publish a version and tell the log of the reseller (names of fields only).

    Raises ``SenderNotProven`` unless the reseller proved that the sender's mail domain is its own:
    nobody writes in the name of another organisation. Also raises what
    ``tenants.branding.presets.publish`` raises.
    """
    domain = values.sender.rpartition("@")[2]
    if values.sender and domain not in sso.proven_domains():
        raise SenderNotProven(domain)
    with transaction.atomic():
        preset = presets.publish(reseller, values, locks, author=author, logo=logo)
        _record("reseller.preset_published", preset)
    return preset


def restore(reseller: TenantInfo, number: int, *, author: UUID) -> BrandPreset | None:
    """Publish a former version again; ``None`` when it does not exist. Raises ``SenderNotProven``."""
    former = next((row for row in presets.versions(reseller) if row.number == number), None)
    if former is None:
        return None
    return publish(
        reseller,
        presets.values_of(former),
        frozenset(former.locks),
        author=author,
        logo=presets.logo_of(former),
    )


def _record(kind: str, preset: BrandPreset) -> None:
    data: dict[str, Any] = {"version": preset.number, "locks": preset.locks}
    audit.record(kind, target=str(preset.number), data=data)


def followers(reseller: TenantInfo, preset: BrandPreset) -> list[Followers]:
    """Return, for each field that the preset sets, how many clients show it (3 queries)."""
    keys = [client.pk for client in clients.of(reseller)]
    own = dict.fromkeys(presets.LOCKABLE, 0)
    rows = Branding.objects.filter(tenant_id__in=keys, state=Branding.State.PUBLISHED)
    for inputs, logo in rows.values_list("inputs", "logo_file"):
        for name in look.COLOURS:
            own[name] += name in inputs
        own[look.LOGO] += bool(logo)
    said = SettingValue.objects.filter(level="tenant", owner__in=keys, module=texts.MODULE)
    for key in said.values_list("key", flat=True):
        if key in own:
            own[key] += 1
    given = {name for name, value in preset.values.items() if value}
    given |= {look.LOGO} if preset.logo_file else set()
    return [
        Followers(
            name,
            field_label(name),
            len(keys) if name in preset.locks else len(keys) - own[name],
            len(keys),
            name in preset.locks,
        )
        for name in presets.LOCKABLE
        if name in given
    ]
