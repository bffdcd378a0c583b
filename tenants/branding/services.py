"""Drafts, versions and rollback of a space's brand."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from tenants.branding import themes, tokens
from tenants.branding.logo import LogoFiles
from tenants.context import public_write
from tenants.models import Branding, Tenant
from tenants.registry import bump_epoch
from tremplin.kernel import clock

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

PACKS = ("vega", "nova", "lyra", "sera")
DEFAULT_PRIMARY, DEFAULT_ACCENT = "#4f46e5", "#0f766e"


class ContrastRefused(ValueError):  # noqa: N818  reads as the answer it carries
    """The primary colour is too light for white text; ``proposal`` holds the one to use."""

    def __init__(self, proposal: tokens.Proposal) -> None:
        super().__init__(proposal.proposed)
        self.proposal = proposal


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything an administrator chooses for the look of a space."""

    primary: str = DEFAULT_PRIMARY
    accent: str = DEFAULT_ACCENT
    short_name: str = ""
    theme: str = themes.BASE
    pack: str = "vega"
    sidebar: tokens.Sidebar = "light"
    radius: int = 12
    font_body: str = "inter"
    font_heading: str = "bricolage"

    def brand(self) -> tokens.Brand:
        return tokens.Brand(
            self.primary,
            self.accent,
            radius=self.radius,
            sidebar=self.sidebar,
            font_body=self.font_body,
            font_heading=self.font_heading,
        )


def inputs_of(branding: Branding | None) -> Inputs:
    """Return the choices of a version, defaults where it says nothing."""
    known = set(Inputs.__dataclass_fields__)
    stored = branding.inputs if branding else {}
    return Inputs(**{key: value for key, value in stored.items() if key in known})


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


def _fill(branding: Branding, inputs: Inputs, logo: LogoFiles | None) -> None:
    css = tokens.stylesheet(inputs.brand())
    light = tokens.palette(inputs.brand(), dark=False)
    branding.inputs = asdict(inputs)
    branding.tokens_css = css
    branding.css_hash = hashlib.sha256(css.encode()).hexdigest()[:12]
    if logo is not None:
        _attach(branding, logo)
    branding.derived = {
        "short_name": inputs.short_name,
        "primary": light["primary"],
        "primary_foreground": light["primary-foreground"],
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


def file_url(path: str) -> str:
    """Return the address of a stored brand file, empty when there is none."""
    return f"/brand/{path.rsplit('/', 1)[-1]}" if path else ""


def save_draft(
    tenant: TenantInfo, inputs: Inputs, *, author: UUID | None, logo: LogoFiles | None = None
) -> Branding:
    """Create or replace the draft of a space, keeping the logo when none is given."""
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
        _fill(branding, inputs, logo)
        branding.save()
    return branding


def publish(
    tenant: TenantInfo, inputs: Inputs, *, author: UUID | None, logo: LogoFiles | None = None
) -> Branding:
    """Publish a new version. Raises ``ContrastRefused`` when white text would be unreadable."""
    verdict = tokens.guard(inputs.primary)
    if not verdict.accepted:
        raise ContrastRefused(verdict)
    with transaction.atomic(), public_write("branding publication"):
        branding = save_draft(tenant, inputs, author=author, logo=logo)
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
    return publish(tenant, inputs_of(former), author=author, logo=logo_files(former))


def stylesheet_text(tenant: TenantInfo, css_hash: str) -> str | None:
    """Return the CSS of one of this space's versions; ``None`` for any other hash."""
    return (
        Branding.objects.filter(tenant_id=tenant.pk, css_hash=css_hash)
        .exclude(state="draft")
        .values_list("tokens_css", flat=True)
        .first()
    )
