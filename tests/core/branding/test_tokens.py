"""The token engine: published vectors, contrast on many brands, the guard on a brand colour."""

from __future__ import annotations

import random

import pytest

from tenants.branding import tokens

VECTORS = [
    (
        tokens.Brand("#4f46e5", "#0f766e"),
        False,
        "f9fafd 686b77 93949d 4f46e5 ffffff 4f46e5 0f766e ffffff 6971e3",
    ),
    (
        tokens.Brand("#4f46e5", "#0f766e"),
        True,
        "0b0d14 9c9ea6 61636f 7d87ff 0b0f19 7d87ff 52aaa0 15161f 8b97ff",
    ),
    (
        tokens.Brand("#1e40af", "#b45309"),
        False,
        "f9fafd 666b77 91959d 1e40af ffffff 1e40af b45309 ffffff 4f79e4",
    ),
    (
        tokens.Brand("#1e40af", "#b45309"),
        True,
        "0a0d15 9b9ea6 606672 6291ff 0b0f19 6291ff de793d 131720 729fff",
    ),
    (
        tokens.Brand("#ea6a0a", "#1e40af", sidebar="dark", tint=0.006),
        False,
        "fbfaf9 706a67 989492 ea6a0a 0b0f19 ac3d00 1e40af 1a1513 cd5800",
    ),
    (
        tokens.Brand("#ea6a0a", "#1e40af", sidebar="dark", tint=0.006),
        True,
        "100c0a a29d9b 6b6561 ee6d13 0b0f19 f2701a 6291ff 1a1513 f77e36",
    ),
]
NAMES = (
    "background muted-foreground input primary primary-foreground link highlight sidebar chart-1"
)


@pytest.mark.parametrize(("brand", "dark", "expected"), VECTORS)
def test_published_vectors(brand: tokens.Brand, dark: bool, expected: str) -> None:
    palette = tokens.palette(brand, dark=dark)
    assert [palette[name] for name in NAMES.split()] == [f"#{value}" for value in expected.split()]


def test_every_pair_holds_for_many_brands() -> None:
    source = random.Random(20261120)
    colours = [
        "#ff0000",
        "#00ff00",
        "#0000ff",
        "#ffff00",
        "#000000",
        "#ffffff",
        "#808080",
        "#ffd54f",
    ]
    colours += [f"#{source.randrange(1 << 24):06x}" for _ in range(24)]
    failing = [
        (colour, sidebar, row)
        for colour in colours
        for sidebar in ("light", "dark", "brand")
        for row in tokens.audit(tokens.Brand(colour, sidebar=sidebar))
        if not row.holds
    ]
    assert failing == []


def test_a_palette_has_exactly_the_documented_tokens() -> None:
    assert len(tokens.palette(tokens.Brand("#1e40af"), dark=False)) == 37


def test_guard_proposes_the_nearest_readable_colour() -> None:
    verdict = tokens.guard("#ffd54f")
    assert not verdict.accepted
    assert round(verdict.ratio, 2) == 1.41
    assert verdict.proposed == "#937100"
    assert round(verdict.proposed_ratio, 2) == 4.56
    assert tokens.guard("#1e40af").accepted


def test_a_bad_colour_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a colour"):
        tokens.Brand("red; }")
