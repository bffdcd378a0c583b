"""What identity refuses, with a stable code and a sentence for the person."""

from __future__ import annotations


class IdentityError(Exception):
    """A refused change. ``code`` is stable; ``message`` is translated and says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = str(message)
