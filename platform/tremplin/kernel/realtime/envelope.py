"""What travels on the bus: one JSON envelope per message, and its server-sent-event frame."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass

CHANNEL = "tremplin_rt"
KICK = "~kick"
EVERYONE = "*"
LIMIT = 7900  # bytes of one envelope; PostgreSQL refuses a payload of 8,000
TOPIC = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_LINES = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Message:
    """One message: ``id`` is ``<unix ms in hex>-<8 hex>``, ``data`` an HTML fragment."""

    id: str
    schema: str
    topic: str
    data: str


def is_topic(text: str) -> bool:
    """Tell whether ``text`` follows the grammar of topics."""
    return TOPIC.fullmatch(text) is not None


def new_id() -> str:
    """Return a message id that sorts by time."""
    return f"{time.time_ns() // 1_000_000:x}-{secrets.token_hex(4)}"


def milliseconds(identifier: str) -> int:
    """Return the Unix time in milliseconds written in a message id (0 when it is not one)."""
    try:
        return int(identifier.partition("-")[0], 16)
    except ValueError:
        return 0


def encode(message: Message) -> str:
    """Return the envelope of ``message``."""
    return json.dumps(
        {"i": message.id, "s": message.schema, "t": message.topic, "d": message.data},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def decode(payload: str) -> Message | None:
    """Return the message of an envelope, or None when it is not one."""
    try:
        found = json.loads(payload)
        message = Message(found["i"], found["s"], found["t"], found["d"])
    except (ValueError, KeyError, TypeError):
        return None
    fields = (message.id, message.schema, message.topic, message.data)
    return message if all(isinstance(field, str) for field in fields) else None


def frame(event: str, data: str, identifier: str = "") -> bytes:
    """Return one server-sent event; browsers drop an event whose data is empty."""
    lines = [f"id: {identifier}"] if identifier else []
    lines.append(f"event: {event}")
    lines.extend(f"data: {line}" for line in _LINES.split(data or "1"))
    return ("\n".join(lines) + "\n\n").encode()
