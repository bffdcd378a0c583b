"""What a space looks like: its own choices, the preset of its reseller (locks win), the defaults.

Nothing here reads the registry, which is built from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tenants.branding import themes, tokens
from tenants.models import BrandPreset

DEFAULT_PRIMARY, DEFAULT_ACCENT = "#4f46e5", "#0f766e"
COLOURS = ("primary", "accent")
LOGO = "logo"


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


@dataclass(frozen=True, slots=True)
class Tokens:
    """The stylesheet of a brand, its name, and the two colours that mails and PDFs need."""

    css: str
    css_hash: str
    primary: str
    primary_foreground: str


def inputs_from(stored: Mapping[str, Any]) -> Inputs:
    """Return stored choices, defaults where they say nothing."""
    known = set(Inputs.__dataclass_fields__)
    return Inputs(**{key: value for key, value in stored.items() if key in known})


def merged(own: Mapping[str, Any], preset: BrandPreset | None) -> Inputs:
    """Return what applies: a locked colour of the preset, else the space's own, else the preset's."""
    if preset is None:
        return inputs_from(own)
    given = {name: preset.values[name] for name in COLOURS if preset.values.get(name)}
    locked = {name: value for name, value in given.items() if name in preset.locks}
    return inputs_from({**given, **own, **locked})


def own_values(inputs: Mapping[str, Any], preset: BrandPreset | None) -> dict[str, Any]:
    """Return ``inputs`` without the colours that equal the preset's: those follow it from now on."""
    if preset is None:
        return dict(inputs)
    return {
        name: value
        for name, value in inputs.items()
        if name not in COLOURS or value != preset.values.get(name)
    }


def takes_logo(own_logo: str, preset: BrandPreset | None) -> bool:
    """Tell whether the preset's logo is shown rather than the space's own."""
    return bool(preset and preset.logo_file and (LOGO in preset.locks or not own_logo))


@lru_cache(maxsize=2_048)
def tokens_of(brand: tokens.Brand) -> Tokens:
    """Return what is derived from a brand; the clients of a preset share most of them."""
    css = tokens.stylesheet(brand)
    light = tokens.palette(brand, dark=False)
    name = hashlib.sha256(css.encode()).hexdigest()[:12]
    return Tokens(css, name, light["primary"], light["primary-foreground"])


def presets_of(resellers: Iterable[int]) -> dict[int, BrandPreset]:
    """Return the preset in force of each reseller that has one (1 query, none without reseller)."""
    keys = set(resellers)
    if not keys:
        return {}
    rows = BrandPreset.objects.filter(tenant__in=keys, state=BrandPreset.State.PUBLISHED)
    return {row.tenant_id: row for row in rows}


def preset_for(tenant: Any) -> BrandPreset | None:
    """Return the preset that applies to a space, None without reseller or preset."""
    reseller = getattr(tenant, "reseller_pk", None)
    return presets_of([reseller]).get(reseller) if reseller is not None else None


def file_url(path: str) -> str:
    """Return the address of a stored brand file, empty when there is none."""
    return f"/brand/{path.rsplit('/', 1)[-1]}" if path else ""
