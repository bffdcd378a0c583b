"""Refusals of single sign-on."""

from __future__ import annotations


class SsoError(ValueError):
    """Raised when a change is not possible; ``code`` is stable, ``message`` is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
