"""Cache keys of every alias start with the tenant they belong to."""

from __future__ import annotations

from tremplin.kernel.current import tenant_key


def make_key(key: str, key_prefix: str, version: int) -> str:
    """Return ``<tenant uuid or public>:prefix:version:key``."""
    return f"{tenant_key()}:{key_prefix}:{version}:{key}"


def reverse_key(key: str) -> str:
    """Return the key as the program wrote it."""
    return key.split(":", 3)[3]
