"""The fact the dummy publishes."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from tremplin.api import Event


class Happened(Event):
    event_name: ClassVar[str] = "tremplin.dummy.something_happened.v1"

    thing: UUID
