"""Themes on disk: a chain of folders, each with defaults and partial template overrides."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

THEMES_FOLDER = Path(__file__).resolve().parents[2] / "themes"
BASE = "base"


@dataclass(frozen=True, slots=True)
class Theme:
    """One theme: its folder, the theme it extends, and the look it starts from."""

    name: str
    folder: Path
    extends: str
    label: str
    pack: str
    sidebar: str
    radius: int
    font_body: str
    font_heading: str

    @property
    def templates(self) -> Path:
        return self.folder / "templates"


def _read(name: str) -> Theme:
    folder = THEMES_FOLDER / name
    with (folder / "theme.toml").open("rb") as source:
        data = tomllib.load(source)
    defaults = data.get("defaults", {})
    return Theme(
        name=name,
        folder=folder,
        extends="" if name == BASE else str(data.get("extends", BASE)),
        label=str(data.get("name", name)),
        pack=str(data.get("pack", "vega")),
        sidebar=str(defaults.get("sidebar", "light")),
        radius=int(defaults.get("radius", 12)),
        font_body=str(defaults.get("font_body", "inter")),
        font_heading=str(defaults.get("font_heading", "bricolage")),
    )


@lru_cache(maxsize=1)
def installed() -> dict[str, Theme]:
    """Return every theme of the ``themes`` folder by name."""
    return {
        path.parent.name: _read(path.parent.name)
        for path in sorted(THEMES_FOLDER.glob("*/theme.toml"))
    }


def chain(name: str) -> list[Theme]:
    """Return the theme, its parents, and ``base`` last; an unknown name gives ``base`` alone.

    Raises ``ValueError`` when themes extend each other in a circle.
    """
    themes, found = installed(), list[Theme]()
    while name in themes:
        if themes[name] in found:
            raise ValueError(f"the theme {name!r} extends itself")
        found.append(themes[name])
        name = themes[name].extends
    if not found and BASE in themes:
        found.append(themes[BASE])
    return found
