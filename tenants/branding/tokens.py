"""Derive every colour of the interface from one or two brand colours, with WCAG contrast held.

All colour arithmetic is in OKLCH. Contrast is the WCAG 2.1 ratio (success criteria 1.4.3 and
1.4.11): 4.5:1 for text, 3:1 for the parts of controls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from coloraide import Color

Sidebar = Literal["light", "dark", "brand"]
HEX = re.compile(r"^#[0-9a-f]{6}$")
WHITE, INK = "#ffffff", "#0b0f19"
TEXT_CONTRAST, CONTROL_CONTRAST = 4.5, 3.0
FONT_STACKS = {
    "inter": '"Inter Variable", system-ui, sans-serif',
    "manrope": '"Manrope Variable", system-ui, sans-serif',
    "bricolage": '"Bricolage Grotesque Variable", system-ui, sans-serif',
    "source-serif": '"Source Serif 4 Variable", Georgia, serif',
}
STATUS = {
    "light": {
        "destructive": "#c11216",
        "success": "#00712f",
        "warning": "#a34400",
        "info": "#1d4ed8",
    },
    "dark": {
        "destructive": "#f87171",
        "success": "#4ade80",
        "warning": "#fbbf24",
        "info": "#93c5fd",
    },
}


@dataclass(frozen=True, slots=True)
class Brand:
    """What an administrator chooses; everything else is derived.

    ``brand`` and ``accent`` are ``#rrggbb``; ``radius`` is in pixels; ``tint`` is the OKLCH chroma
    given to the neutral colours.
    """

    brand: str
    accent: str = ""
    radius: int = 12
    sidebar: Sidebar = "light"
    tint: float = 0.012
    font_body: str = "inter"
    font_heading: str = "bricolage"

    def __post_init__(self) -> None:
        for value in (self.brand, self.accent or self.brand):
            if not HEX.match(value):
                raise ValueError(f"{value!r} is not a colour such as #1e40af")


@dataclass(frozen=True, slots=True)
class Pair:
    """One contrast that must hold: a colour on its background, and the ratio it needs."""

    foreground: str
    background: str
    needed: float


@dataclass(frozen=True, slots=True)
class AuditRow:
    """The measured contrast of a pair in one scheme."""

    scheme: str
    pair: Pair
    foreground: str
    background: str
    ratio: float

    @property
    def holds(self) -> bool:
        return self.ratio >= self.pair.needed


_ON_SURFACES = [
    Pair(text, surface, TEXT_CONTRAST)
    for text in (
        "foreground",
        "muted-foreground",
        "link",
        "destructive",
        "success",
        "warning",
        "info",
    )
    for surface in ("background", "card", "muted")
]
PAIRS: tuple[Pair, ...] = (
    *_ON_SURFACES,
    Pair("card-foreground", "card", TEXT_CONTRAST),
    Pair("popover-foreground", "popover", TEXT_CONTRAST),
    Pair("primary-foreground", "primary", TEXT_CONTRAST),
    Pair("highlight-foreground", "highlight", TEXT_CONTRAST),
    Pair("secondary-foreground", "secondary", TEXT_CONTRAST),
    Pair("accent-foreground", "accent", TEXT_CONTRAST),
    Pair("sidebar-foreground", "sidebar", TEXT_CONTRAST),
    Pair("sidebar-accent-foreground", "sidebar-accent", TEXT_CONTRAST),
    Pair("sidebar-primary-foreground", "sidebar-primary", TEXT_CONTRAST),
    Pair("sidebar-primary", "sidebar", CONTROL_CONTRAST),
    Pair("primary", "card", CONTROL_CONTRAST),
    Pair("primary", "background", CONTROL_CONTRAST),
    Pair("ring", "background", CONTROL_CONTRAST),
    Pair("input", "card", CONTROL_CONTRAST),
    *(Pair(f"chart-{number}", "card", CONTROL_CONTRAST) for number in range(1, 6)),
)


@dataclass(frozen=True, slots=True)
class _Lch:
    lightness: float
    chroma: float
    hue: float


def _hex(lch: _Lch) -> str:
    colour = Color("oklch", [min(1.0, max(0.0, lch.lightness)), lch.chroma, lch.hue])
    return colour.convert("srgb").fit("srgb", method="oklch-chroma").to_string(hex=True)


@lru_cache(maxsize=65_536)
def _luminance(value: str) -> float:
    return float(Color(value).luminance())


def contrast(one: str, other: str) -> float:
    """Return the WCAG 2.1 contrast ratio of two ``#rrggbb`` colours (1 to 21)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable_on(background: str) -> str:
    """Return white or ink, whichever contrasts more with ``background``."""
    return max((WHITE, INK), key=lambda ink: contrast(ink, background))


def _read(value: str) -> _Lch:
    lightness, chroma, hue = Color(value).convert("oklch").coords(nans=False)
    return _Lch(lightness, chroma, 0.0 if chroma < 1e-4 else hue)


def _adjust(start: _Lch, against: str, target: float) -> str:
    step = -0.01 if _luminance(against) > 0.18 else 0.01
    value = _hex(start)
    shown = _read(value)
    for index in range(1, 101):
        if contrast(value, against) >= target:
            break
        value = _hex(_Lch(shown.lightness + index * step, shown.chroma, shown.hue))
    return value


def _nearest(start: _Lch, need: float, surfaces: tuple[str, ...]) -> str:
    for index in range(201):
        distance = (index + 1) // 2 * 0.01 * (1 if index % 2 else -1)
        value = _hex(_Lch(start.lightness + distance, start.chroma, start.hue))
        on_surfaces = min(contrast(value, surface) for surface in surfaces)
        if on_surfaces >= need and contrast(value, readable_on(value)) >= TEXT_CONTRAST:
            return value
    return value


def _over(value: str, share: float, card: str) -> str:
    mixed = Color(card).mix(Color(value), share, space="oklab")
    return mixed.convert("srgb").fit("srgb", method="oklch-chroma").to_string(hex=True)


def _text_safe(value: str, card: str, muted: str) -> str:
    start = _read(value)
    step = -0.01 if _luminance(card) > 0.18 else 0.01
    candidate = value
    for index in range(1, 101):
        tints = (_over(candidate, 0.1, card), _over(candidate, 0.2, card))
        if min(contrast(candidate, under) for under in (muted, *tints)) >= TEXT_CONTRAST:
            break
        candidate = _hex(_Lch(start.lightness + index * step, start.chroma, start.hue))
    return candidate


def _surfaces(dark: bool, hue: float, tint: float) -> dict[str, str]:
    def neutral(lightness: float, factor: float) -> str:
        return _hex(_Lch(lightness, tint * factor, hue))

    if dark:
        return {
            "background": neutral(0.16, 1.4),
            "foreground": neutral(0.97, 0.3),
            "card": neutral(0.205, 1.5),
            "muted": neutral(0.26, 1.6),
            "border": neutral(0.32, 1.6),
        }
    return {
        "background": neutral(0.985, 0.35),
        "foreground": neutral(0.21, 1.6),
        "card": WHITE,
        "muted": neutral(0.962, 0.8),
        "border": neutral(0.905, 1.0),
    }


def _sidebar(
    choice: Sidebar, tokens: dict[str, str], hue: float, chroma: float, tint: float
) -> None:
    if choice == "light":
        base = tokens["card"]
        accent, border = tokens["accent"], tokens["border"]
    else:
        lch = (
            _Lch(0.20, 1.5 * tint, hue) if choice == "dark" else _Lch(0.27, min(chroma, 0.075), hue)
        )
        base = _hex(lch)
        shift = -0.05 if _luminance(base) >= 0.4 else 0.085
        accent = border = _hex(_Lch(lch.lightness + shift, lch.chroma, lch.hue))
    foreground = _adjust(_read(readable_on(base)), base, 7.0)
    primary = _nearest(_read(tokens["primary"]), CONTROL_CONTRAST, (base,))
    tokens |= {
        "sidebar": base,
        "sidebar-foreground": foreground,
        "sidebar-primary": primary,
        "sidebar-primary-foreground": readable_on(primary),
        "sidebar-accent": accent,
        "sidebar-accent-foreground": _adjust(_read(foreground), accent, TEXT_CONTRAST),
        "sidebar-border": border,
        "sidebar-ring": primary,
    }


def palette(brand: Brand, *, dark: bool) -> dict[str, str]:
    """Return the colour tokens of one scheme (37 names to ``#rrggbb``)."""
    main, second = _read(brand.brand), _read(brand.accent or brand.brand)
    hue, chroma, tint = main.hue, main.chroma, brand.tint
    tokens = _surfaces(dark, hue, tint)
    card, muted, background = tokens["card"], tokens["muted"], tokens["background"]
    floor, need = (0.68, 4.5) if dark else (0.0, 3.05)

    def strong(colour: _Lch) -> str:
        start = _Lch(max(colour.lightness, floor), colour.chroma, colour.hue)
        return _nearest(start, need, (card, background))

    input_start = _Lch(0.38, 1.6 * tint, hue) if dark else _Lch(0.86, tint, hue)
    muted_start = _Lch(0.70, tint, hue) if dark else _Lch(0.56, 1.6 * tint, hue)
    primary, highlight = strong(main), strong(second)
    hover = (
        (_Lch(0.30, min(chroma, 0.05), hue),) * 2
        if dark
        else (
            _Lch(0.945, min(chroma, 0.04), hue),
            _Lch(0.955, min(chroma, 0.03), hue),
        )
    )
    foreground = tokens["foreground"]
    tokens |= {
        "card-foreground": foreground,
        "popover": card,
        "popover-foreground": foreground,
        "primary": primary,
        "primary-foreground": readable_on(primary),
        "secondary": _hex(hover[0]),
        "secondary-foreground": foreground,
        "muted-foreground": _adjust(muted_start, muted, 4.6),
        "accent": _hex(hover[1]),
        "accent-foreground": foreground,
        **STATUS["dark" if dark else "light"],
        "link": _text_safe(primary, card, muted),
        "highlight": highlight,
        "highlight-foreground": readable_on(highlight),
        "input": _adjust(input_start, card, CONTROL_CONTRAST),
        "ring": primary,
    }
    for number, turn in enumerate((0, 38, 160, 220, 300), start=1):
        start = _Lch(0.72 if dark else 0.60, min(max(chroma, 0.11), 0.17), (hue + turn) % 360)
        tokens[f"chart-{number}"] = _adjust(start, card, CONTROL_CONTRAST)
    _sidebar(brand.sidebar, tokens, hue, chroma, tint)
    return tokens


def audit(brand: Brand) -> list[AuditRow]:
    """Measure every pair of ``PAIRS`` in both schemes."""
    rows = []
    for scheme in ("light", "dark"):
        tokens = palette(brand, dark=scheme == "dark")
        for pair in PAIRS:
            front, back = tokens[pair.foreground], tokens[pair.background]
            rows.append(AuditRow(scheme, pair, front, back, contrast(front, back)))
    return rows


def stylesheet(brand: Brand) -> str:
    """Return the CSS text of the tokens for ``:root`` and ``.dark``."""

    def block(selector: str, names: dict[str, str]) -> str:
        lines = "".join(f"--{name}:{value};" for name, value in names.items())
        return f"{selector}{{{lines}}}\n"

    light = {
        "radius": f"{brand.radius / 16:g}rem",
        "brand-font-body": FONT_STACKS[brand.font_body],
        "brand-font-heading": FONT_STACKS[brand.font_heading],
        **palette(brand, dark=False),
    }
    return block(":root", light) + block(".dark", palette(brand, dark=True))


@dataclass(frozen=True, slots=True)
class Proposal:
    """The verdict on a brand colour used for text on white, and the colour to use instead."""

    ratio: float
    needed: float
    accepted: bool
    proposed: str
    proposed_ratio: float


def guard(colour: str) -> Proposal:
    """Check a stored brand colour against white (4.5:1) and propose the nearest darker one."""
    ratio = contrast(colour, WHITE)
    proposed = colour if ratio >= TEXT_CONTRAST else _adjust(_read(colour), WHITE, TEXT_CONTRAST)
    return Proposal(
        ratio, TEXT_CONTRAST, ratio >= TEXT_CONTRAST, proposed, contrast(proposed, WHITE)
    )
