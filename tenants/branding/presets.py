"""The look that a reseller gives to all its clients: published in versions, field by field locked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from tenants.branding import look, texts, tokens
from tenants.branding.errors import ContrastRefused, LockWithoutValue
from tenants.branding.logo import LogoFiles
from tenants.context import public_write
from tenants.models import BrandPreset, Tenant
from tenants.registry import bump_epoch
from tremplin.kernel import clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

LOCKABLE = (*look.COLOURS, look.LOGO, texts.FOOTER, texts.SUPPORT)


@dataclass(frozen=True, slots=True)
class PresetValues:
    """What a preset sets; an empty field is left to each client."""

    primary: str = ""
    accent: str = ""
    legal_footer: str = ""
    support_email: str = ""
    sender: str = ""


def current(reseller: TenantInfo) -> BrandPreset | None:
    """Return the version in force."""
    return look.presets_of([reseller.pk]).get(reseller.pk)


def versions(reseller: TenantInfo) -> list[BrandPreset]:
    """Return every version, newest first."""
    return list(BrandPreset.objects.filter(tenant_id=reseller.pk).order_by("-number"))


def values_of(preset: BrandPreset | None) -> PresetValues:
    """Return what a version sets (nothing without one)."""
    known = {field.name for field in fields(PresetValues)}
    stored: Mapping[str, str] = preset.values if preset else {}
    return PresetValues(**{name: value for name, value in stored.items() if name in known})


def logo_of(preset: BrandPreset | None) -> LogoFiles:
    """Return the paths of a version's logo, empty where there is none."""
    if preset is None:
        return LogoFiles("", "", "")
    return LogoFiles(preset.logo_file, preset.mail_logo_file, preset.icon_file)


def publish(
    reseller: TenantInfo,
    values: PresetValues,
    locks: frozenset[str],
    *,
    author: UUID | None,
    logo: LogoFiles | None = None,
) -> BrandPreset:
    """Publish a version: every client without a value of its own follows at once.

    ``logo`` None keeps the logo in force. Raises ``ContrastRefused`` when white text on the main
    colour would be unreadable, ``LockWithoutValue`` for a lock on an empty field, ``ValueError``
    for an unknown lock, and ``InvalidSettings`` for a text that does not fit.
    """
    if unknown := locks - set(LOCKABLE):
        raise ValueError(f"no such fields to lock: {sorted(unknown)}")
    if values.primary:
        verdict = tokens.guard(values.primary)
        if not verdict.accepted:
            raise ContrastRefused(verdict)
    with transaction.atomic(), public_write("brand preset"):
        Tenant.objects.select_for_update().get(pk=reseller.pk)
        files = logo or logo_of(current(reseller))
        empty = {name for name, value in asdict(values).items() if not value}
        empty |= set() if files.logo else {look.LOGO}
        if bare := sorted(locks & empty):
            raise LockWithoutValue(bare)
        rows = BrandPreset.objects.filter(tenant_id=reseller.pk)
        last = rows.aggregate(last=Max("number"))["last"] or 0
        rows.filter(state=BrandPreset.State.PUBLISHED).update(state=BrandPreset.State.ARCHIVED)
        preset = BrandPreset.objects.create(
            tenant_id=reseller.pk,
            number=last + 1,
            values=asdict(values),
            locks=sorted(locks),
            logo_file=files.logo,
            mail_logo_file=files.mail_logo,
            icon_file=files.icon,
            author=author,
            published_at=clock.now(),
        )
        texts.write_preset(reseller.pk, asdict(values), locks)
        bump_epoch()
    return preset


def restore(reseller: TenantInfo, number: int, *, author: UUID | None) -> BrandPreset | None:
    """Publish a former version again, as a new version; ``None`` when it does not exist."""
    former = BrandPreset.objects.filter(tenant_id=reseller.pk, number=number).first()
    if former is None:
        return None
    return publish(
        reseller,
        values_of(former),
        frozenset(former.locks),
        author=author,
        logo=logo_of(former),
    )
