"""Keys, checks, the mirror's migrations and the setup: what must be right before anybody pays."""

from __future__ import annotations

import socket
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest

from tests.support.stripe_world import TEST_KEY, World

GOOD_LIVE = "sk_live_" + "0123456789abcdefghijklmn"


def test_no_call_leaves_without_a_key(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tremplin.billing.errors import ProviderMissing
    from tremplin.billing.providers import get
    from tremplin.billing.stripe import client, tasks

    def refuse(*args: Any, **kwargs: Any) -> None:
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    settings.STRIPE_TEST_SECRET_KEY = ""
    with pytest.raises(ProviderMissing):
        client.api()
    assert get("stripe").is_configured().ok is False
    assert tasks.pull.run() is None


@pytest.mark.parametrize(
    ("key", "live", "found"),
    [
        ("", False, []),
        (TEST_KEY, False, []),
        ("pk_test_0123456789abcdefghijklmn", False, ["E101"]),
        ("sk_test_short", False, ["E101"]),
        (GOOD_LIVE, True, ["E103"]),
        (GOOD_LIVE, False, ["E102", "E103"]),
        (TEST_KEY, True, ["E102", "E103"]),
    ],
)
def test_a_wrong_key_is_found_at_start(
    settings: Any, key: str, live: bool, found: list[str]
) -> None:
    from tremplin.billing.stripe.checks import check_key
    from tremplin.billing.stripe.client import problems

    settings.STRIPE_LIVE_MODE = live
    settings.STRIPE_TEST_SECRET_KEY = "" if live else key
    settings.STRIPE_LIVE_SECRET_KEY = key if live else ""
    assert [str(item.id).rpartition(".")[2] for item in check_key()] == found
    assert bool(problems()) is (bool(found) or not key)


def test_a_live_key_is_right_in_production(settings: Any) -> None:
    from tremplin.billing.stripe.checks import check_key

    settings.DEMO, settings.STRIPE_LIVE_MODE = False, True
    settings.STRIPE_LIVE_SECRET_KEY = GOOD_LIVE
    assert check_key() == []


def test_the_squashed_migration_names_the_installed_version() -> None:
    module = import_module("tremplin.billing.djstripe_migrations.0001_initial")
    assert module.__doc__ is not None
    assert module.__doc__.split(":")[0] == f"dj-stripe {version('dj-stripe')}"


def test_the_squashed_migration_equals_the_stock_ones(settings: Any) -> None:
    """Both histories end in the same tables: names, columns, indexes and constraints."""
    ours = _final(settings, {"djstripe": "tremplin.billing.djstripe_migrations"})
    stock = _final(settings, {})
    assert len(ours) == 59
    assert sorted(ours) == sorted(stock)
    for name in ours:
        assert (name, ours[name]) == (name, stock[name])


def _final(settings: Any, modules: dict[str, str]) -> dict[str, Any]:
    from django.db.migrations.loader import MigrationLoader

    settings.MIGRATION_MODULES = modules
    loader = MigrationLoader(None)
    state = loader.project_state(loader.graph.leaf_nodes("djstripe"))
    return {name: _table(model) for (app, name), model in state.models.items() if app == "djstripe"}


def _table(model: Any) -> dict[str, Any]:
    columns = {}
    for name, field in model.fields.items():
        _name, path, args, kwargs = field.deconstruct()
        kept = {key: value for key, value in kwargs.items() if key not in field.non_db_attrs}
        kept.pop("default", None)  # a default of Python is no default of a column
        columns[name] = (path, args, str(sorted(kept.items(), key=str)))
    options = {
        key: str(model.options.get(key))
        for key in ("db_table", "unique_together", "indexes", "constraints")
        if model.options.get(key)
    }
    return {"columns": columns, "options": options}


def test_the_setup_twice_makes_everything_once(world: World) -> None:
    from djstripe.models import WebhookEndpoint

    from tremplin.api import Problem
    from tremplin.billing.stripe import setup

    price = world.plan("pro", 19_000)
    origin = f"http://{world.hq.primary_host}:{world.port}"
    first = setup.run(origin, lambda text: None)
    second = setup.run(origin, lambda text: None)
    assert (first.made, second.made) == (0, 0)  # the world made both endpoints
    assert first.endpoint != first.connect_endpoint
    assert WebhookEndpoint.objects.count() == 2
    price.refresh_from_db()
    assert list(price.provider_refs) == ["stripe:test:19000"]
    found = world.api.prices.list({"lookup_keys": [f"{price.pk}-19000"]}).data
    assert [row.id for row in found] == list(price.provider_refs.values())
    with pytest.raises(Problem):
        setup.run(f"http://{world.tenant.primary_host}:{world.port}", lambda text: None)
