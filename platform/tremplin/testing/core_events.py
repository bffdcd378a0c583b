"""The events that core publishes, for golden files and for subscribers to be checked against."""

from __future__ import annotations

from tremplin.api.events import Event
from tremplin.api.learning import ContentAssigned

CORE_EVENTS: tuple[type[Event], ...] = (ContentAssigned,)
