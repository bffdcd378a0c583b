"""Typed settings of core apps and modules: platform, then reseller, then tenant, with locks.

A settings model is a pydantic class. A plugin's is found by its manifest; a core app's class names
its module in the class attribute ``tremplin_module: ClassVar[str]``.
"""

from __future__ import annotations

from tremplin.kernel.settings_store.store import (
    InvalidSettings,
    LockedSetting,
    Source,
    cache_of_settings,
    effective,
    erase,
    explain,
    field_is_secret,
    forget_cache,
    is_ciphertext,
    missing_settings,
    module_of,
    write,
)

__all__ = [
    "InvalidSettings",
    "LockedSetting",
    "Source",
    "cache_of_settings",
    "effective",
    "erase",
    "explain",
    "field_is_secret",
    "forget_cache",
    "is_ciphertext",
    "missing_settings",
    "module_of",
    "write",
]
