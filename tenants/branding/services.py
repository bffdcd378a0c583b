"""Drafts, versions and rollback of a space's brand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from tenants.branding import look, tokens
from tenants.branding.errors import ContrastRefused, LockedByReseller
from tenants.branding.logo import LogoFiles
from tenants.branding.look import DEFAULT_ACCENT, DEFAULT_PRIMARY, Inputs, file_url
from tenants.context import public_write
from tenants.models import Branding, BrandPreset, Tenant
from tenants.registry import bump_epoch
from tremplin.kernel import clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

__all__ = [
    "DEFAULT_ACCENT",
    "DEFAULT_PRIMARY",
    "PACKS",
    "ContrastRefused",
    "Inputs",
    "LockedByReseller",
    "copy_look",
    "draft",
    "file_url",
    "inputs_of",
    "logo_files",
    "publish",
    "published",
    "restore",
    "save_draft",
    "shown_inputs",
    "stylesheet_text",
    "versions",
]

PACKS = ("vega", "nova", "lyra", "sera")
# Pages that are open while a preset changes still ask for the look they were made with.
RECENT = 3


def inputs_of(branding: Branding | None) -> Inputs:
    """Return the space's own choices in a version, defaults where it says nothing."""
    return look.inputs_from(branding.inputs if branding else {})


def shown_inputs(tenant: TenantInfo, branding: Branding | None) -> Inputs:
    """Return what a version looks like under the preset of the reseller in force."""
    return look.merged(branding.inputs if branding else {}, look.preset_for(tenant))


def published(tenant: TenantInfo) -> Branding | None:
    """Return the version in force."""
    return Branding.objects.filter(tenant_id=tenant.pk, state="published").first()


def versions(tenant: TenantInfo) -> list[Branding]:
    """Return the published and former versions, newest first."""
    return list(
        Branding.objects.filter(tenant_id=tenant.pk).exclude(state="draft").order_by("-number")
    )


def draft(tenant: TenantInfo) -> Branding | None:
    """Return the draft being prepared, if any."""
    return Branding.objects.filter(tenant_id=tenant.pk, state="draft").first()


def _fill(
    branding: Branding, own: Mapping[str, Any], preset: BrandPreset | None, logo: LogoFiles | None
) -> None:
    inputs = look.merged(own, preset)
    derived = look.tokens_of(inputs.brand())
    branding.inputs = dict(own)
    branding.tokens_css = derived.css
    branding.css_hash = derived.css_hash
    if logo is not None:
        _attach(branding, logo)
    branding.derived = {
        "short_name": inputs.short_name,
        "primary": derived.primary,
        "primary_foreground": derived.primary_foreground,
        "logo_url": file_url(branding.logo_file),
        "mail_logo_path": branding.mail_logo_file,
        "pack": inputs.pack,
        "sidebar": inputs.sidebar,
    }


def _attach(branding: Branding, logo: LogoFiles) -> None:
    branding.logo_file = logo.logo
    branding.mail_logo_file = logo.mail_logo
    branding.icon_file = logo.icon


def logo_files(branding: Branding) -> LogoFiles:
    """Return the paths of a version's logo, empty where there is none."""
    return LogoFiles(branding.logo_file, branding.mail_logo_file, branding.icon_file)


def _own(
    tenant: TenantInfo, inputs: Inputs, preset: BrandPreset | None, logo: LogoFiles | None
) -> dict[str, Any]:
    """Return what the space chooses itself. Raises ``LockedByReseller``.

    A locked colour keeps the choice that the space made before: it is back once unlocked.
    """
    chosen = asdict(inputs)
    if preset is None:
        return chosen
    locked = [name for name in look.COLOURS if name in preset.locks]
    refused = [name for name in locked if chosen[name] != preset.values[name]]
    if logo is not None and look.LOGO in preset.locks:
        refused.append(look.LOGO)
    if refused:
        raise LockedByReseller(refused)
    former = draft(tenant) or published(tenant)
    kept = former.inputs if former is not None else {}
    own = look.own_values(chosen, preset)
    for name in locked:
        own.pop(name, None)
        if name in kept:
            own[name] = kept[name]
    return own


def save_draft(
    tenant: TenantInfo, inputs: Inputs, *, author: UUID | None, logo: LogoFiles | None = None
) -> Branding:
    """Create or replace the draft of a space, keeping the logo when none is given.

    Raises ``LockedByReseller`` when a choice is the reseller's.
    """
    preset = look.preset_for(tenant)
    return _save_draft(tenant, _own(tenant, inputs, preset, logo), preset, author, logo)


def _save_draft(
    tenant: TenantInfo,
    own: Mapping[str, Any],
    preset: BrandPreset | None,
    author: UUID | None,
    logo: LogoFiles | None,
) -> Branding:
    with transaction.atomic(), public_write("branding draft"):
        branding = (
            Branding.objects.select_for_update().filter(tenant_id=tenant.pk, state="draft").first()
        )
        if branding is None:
            last = Branding.objects.filter(tenant_id=tenant.pk).aggregate(last=Max("number"))[
                "last"
            ]
            branding = Branding(tenant_id=tenant.pk, number=(last or 0) + 1, state="draft")
            current = published(tenant)
            if current is not None:
                _attach(branding, logo_files(current))
        branding.author = author
        _fill(branding, own, preset, logo)
        branding.save()
    return branding


def publish(
    tenant: TenantInfo, inputs: Inputs, *, author: UUID | None, logo: LogoFiles | None = None
) -> Branding:
    """Publish a new version.

    Raises ``ContrastRefused`` when white text would be unreadable and ``LockedByReseller`` when a
    choice is the reseller's.
    """
    preset = look.preset_for(tenant)
    return _publish(tenant, _own(tenant, inputs, preset, logo), preset, author, logo)


def _publish(
    tenant: TenantInfo,
    own: Mapping[str, Any],
    preset: BrandPreset | None,
    author: UUID | None,
    logo: LogoFiles | None,
) -> Branding:
    inputs = look.merged(own, preset)
    verdict = tokens.guard(inputs.primary)
    if not verdict.accepted:
        raise ContrastRefused(verdict)
    with transaction.atomic(), public_write("branding publication"):
        branding = _save_draft(tenant, own, preset, author, logo)
        Branding.objects.filter(tenant_id=tenant.pk, state="published").update(state="archived")
        branding.state = "published"
        branding.published_at = clock.now()
        branding.save()
        Tenant.objects.filter(pk=tenant.pk).update(theme=inputs.theme)
        bump_epoch()
    return branding


def restore(tenant: TenantInfo, number: int, *, author: UUID | None) -> Branding | None:
    """Publish a former version again, as a new version; ``None`` when it does not exist."""
    former = (
        Branding.objects.filter(tenant_id=tenant.pk, number=number).exclude(state="draft").first()
    )
    if former is None:
        return None
    preset = look.preset_for(tenant)
    return _publish(tenant, former.inputs, preset, author, logo_files(former))


def copy_look(tenant: TenantInfo, own: Mapping[str, Any]) -> Branding:
    """Publish the choices of another space as the first version of a new one, without its logo.

    Colours that the reseller's preset gives stay the preset's.
    """
    preset = look.preset_for(tenant)
    known = {name: own[name] for name in own if name in Inputs.__dataclass_fields__}
    return _publish(tenant, look.own_values(known, preset), preset, None, None)


def stylesheet_text(tenant: TenantInfo, css_hash: str) -> str | None:
    """Return the CSS of one of this space's versions; ``None`` for any other hash."""
    rows = Branding.objects.filter(tenant_id=tenant.pk).exclude(state="draft")
    found = rows.filter(css_hash=css_hash).values_list("tokens_css", flat=True).first()
    if found is not None or tenant.reseller_pk is None:
        return found
    recent = rows.order_by("-number").values_list("inputs", flat=True)[:RECENT]
    presets = BrandPreset.objects.filter(tenant_id=tenant.reseller_pk).order_by("-number")[:RECENT]
    for preset in presets:
        for own in [*recent, {}]:
            derived = look.tokens_of(look.merged(own, preset).brand())
            if derived.css_hash == css_hash:
                return derived.css
    return None
