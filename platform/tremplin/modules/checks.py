"""System checks: unsigned modules never run in production, and are named elsewhere."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks


def register_checks() -> None:
    """Register every check once (``ModulesConfig.ready``)."""
    checks.register(check_unsigned, checks.Tags.security)


def check_unsigned(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Refuse unsigned modules in production (E020), warn of them elsewhere (W020)."""
    if not settings.PLUGIN_TRUST.unsigned:
        return []
    if settings.PLUGIN_TRUST.production:
        return [
            checks.Error(
                "TREMPLIN_ALLOW_UNSIGNED is set in production, where it has no effect",
                hint="Remove it and lock the module: manage.py plugin lock <wheel>.",
                id="tremplin.E020",
            )
        ]
    return [
        checks.Warning(
            "modules that nobody signed may run here (TREMPLIN_ALLOW_UNSIGNED)",
            hint="Use it to develop a module, on a machine without real people.",
            id="tremplin.W020",
        )
    ]
