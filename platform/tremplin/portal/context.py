"""Template context shared by every page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tremplin.portal import shell as shells


def shell(request: HttpRequest) -> dict[str, Any]:
    """Add ``shell``, built only when a template reads it (fragments do not)."""
    return {"shell": SimpleLazyObject(lambda: shells.build(request))}
