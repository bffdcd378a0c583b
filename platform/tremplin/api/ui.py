"""Values that plugins contribute to pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the sidebar. ``label`` is already translated (or lazily translatable)."""

    label: str
    url_name: str
    icon: str
    section: Literal["learn", "manage"] = "learn"
    order: int = 100
    badge: str = ""
    permission: str = ""


@dataclass(frozen=True, slots=True)
class Widget:
    """A dashboard card whose content loads as an HTML fragment from ``fragment_url``.

    ``page`` is the dashboard it belongs to: ``app`` (one's own work) or ``console`` (the staff's).
    """

    key: str
    title: str
    fragment_url: str
    page: Literal["app", "console"] = "app"
    size: Literal["kpi", "third", "half", "two_thirds", "full"] = "third"
    order: int = 100
    permission: str = ""


@dataclass(frozen=True, slots=True)
class NextAction:
    """Something the person should do now; the heaviest ``weight`` is shown first."""

    label: str
    url: str
    detail: str = ""
    weight: int = 0
    due: datetime | None = None
    icon: str = "arrow-right"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a person's profile page, loaded as an HTML fragment."""

    key: str
    title: str
    fragment_url: str
    order: int = 100
    permission: str = ""
