"""What a ``User-Agent`` header says in plain words: browser, system, kind of device."""

from __future__ import annotations

import re
from dataclasses import dataclass

# In this order: most browsers also claim to be the ones below them.
_BROWSERS = (
    ("Edge", re.compile(r"Edg(?:e|A|iOS)?/(\d+)")),
    ("Opera", re.compile(r"(?:OPR|Opera)/(\d+)")),
    ("Samsung Internet", re.compile(r"SamsungBrowser/(\d+)")),
    ("Firefox", re.compile(r"(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"(?:Headless)?(?:Chrome|CriOS|Chromium)/(\d+)")),
    ("Safari", re.compile(r"Version/(\d+)[.\d]* .*Safari/")),
)
_SYSTEMS = (
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("macOS", re.compile(r"\bMac OS X\b|\bMacintosh\b")),
    ("Linux", re.compile(r"\bLinux\b|\bX11\b")),
)
_HAND_HELD = frozenset({"iPhone", "iPad", "Android"})


@dataclass(frozen=True, slots=True)
class Browser:
    """``name`` and ``system`` are empty when unknown; ``version`` is the major number."""

    name: str
    version: str
    system: str

    @property
    def is_hand_held(self) -> bool:
        """Tell whether the device is a phone or a tablet."""
        return self.system in _HAND_HELD


def read(user_agent: str) -> Browser:
    """Return what the header tells, reading at most its first 500 characters."""
    text = user_agent[:500]
    for name, pattern in _BROWSERS:
        if found := pattern.search(text):
            return Browser(name, found[1], _system(text))
    return Browser("", "", _system(text))


def _system(text: str) -> str:
    return next((name for name, pattern in _SYSTEMS if pattern.search(text)), "")


def shortened(user_agent: str) -> str:
    """Return what is worth keeping of the header: its first 200 characters."""
    return user_agent[:200]


def label(user_agent: str) -> str:
    """Return "Firefox 140, Windows" in the current language; "Unknown browser" when it is one."""
    from django.utils.translation import gettext as _

    found = read(user_agent)
    name = f"{found.name} {found.version}" if found.name else _("Unknown browser")
    return f"{name}, {found.system}" if found.system else name
