"""``manage.py plugin list`` shows what is off and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command

from tremplin.kernel import checks, registry


def test_plugin_list_names_each_module_with_its_reason(
    db: None, support: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    support("dummy", "raises")
    registry.quarantine("raises", "fails at start")
    call_command("plugin", "list")
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert lines["dummy"] == ["dummy", "1.2.3", "ok"]
    assert lines["raises"] == ["raises", "1.0.0", "quarantined", "fails", "at", "start"]


def test_a_module_that_is_off_is_a_warning_of_the_system_checks(
    support: Callable[..., Any],
) -> None:
    support("dummy")
    before = {message.msg for message in checks.check_plugins()}
    registry.quarantine("dummy", "fails at start")
    (message,) = [item for item in checks.check_plugins() if item.msg not in before]
    assert (message.id, message.msg) == (
        "tremplin.W001",
        "module dummy is quarantined: fails at start",
    )


def test_production_refuses_a_missing_secret_and_a_local_cache(settings: Any) -> None:
    assert checks.check_production() == []
    settings.MODE = "production"
    settings.SECRET_KEY = "short"
    assert [item.id for item in checks.check_production()] == ["tremplin.E010", "tremplin.E011"]
    settings.SECRET_KEY = "x" * 32
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://x",
        }
    }
    assert checks.check_production() == []


def test_async_views_are_found(settings: Any) -> None:
    import sys
    from types import ModuleType

    from django.urls import path

    async def view(request: Any) -> None:
        return None

    module = ModuleType("kernel_async_urls")
    module.urlpatterns = [path("x/", view)]  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    try:
        assert checks.check_async_views() == []
        settings.ROOT_URLCONF = module.__name__
        assert [item.id for item in checks.check_async_views()] == ["tremplin.E002"]
    finally:
        del sys.modules[module.__name__]
