"""Registration: what is refused, and that a refusal touches nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.support.plugins.dummy.plugin import Plugin as Dummy
from tremplin.api import ApiRouter, NavItem, NoPersonalData, PersonalData, TenantContext, hookimpl
from tremplin.kernel import registry
from tremplin.kernel.discovery import Found

Add = Callable[[object], Any]


class Base:
    manifest = Dummy.manifest.model_copy(
        update={"slug": "kr", "django_app": "tests.support.plugins.raises", "topics": ()}
    )

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("nothing")]


class Asynchronous(Base):
    @hookimpl
    async def navigation(self, ctx: TenantContext) -> Iterable[NavItem]:
        return []


class WithDefault(Base):
    @hookimpl
    def navigation(self, ctx: TenantContext, limit: int = 3) -> Iterable[NavItem]:
        return []


class WithStar(Base):
    @hookimpl
    def navigation(self, **arguments: Any) -> Iterable[NavItem]:
        return []


class KeywordOnly(Base):
    @hookimpl
    def navigation(self, *, ctx: TenantContext) -> Iterable[NavItem]:
        return []


class ExtraArgument(Base):
    @hookimpl
    def navigation(self, ctx: TenantContext, request: object) -> Iterable[NavItem]:
        return []


class Misspelt(Base):
    @hookimpl
    def navigaton(self, ctx: TenantContext) -> Iterable[NavItem]:
        return []


class Silent:
    manifest = Base.manifest


class WrongRouter(Base):
    @hookimpl
    def api_routers(self) -> Iterable[ApiRouter]:
        return ["not a router"]


class FailsAtStart(Base):
    @hookimpl
    def api_routers(self) -> Iterable[ApiRouter]:
        raise ConnectionError("no broker")


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (Asynchronous, "TypeError: navigation is async; hooks are plain functions"),
        (WithDefault, "TypeError: navigation gives 'limit' a default value"),
        (WithStar, "TypeError: navigation may not use '*', '**' or keyword-only arguments"),
        (KeywordOnly, "TypeError: navigation may not use '*', '**' or keyword-only arguments"),
        (Misspelt, "implements unknown hooks: navigaton"),
        (Silent, "ValueError: answers nothing to personal_data, which is mandatory"),
        (WrongRouter, "TypeError: api_routers answered str, not ApiRouter"),
        (FailsAtStart, "ConnectionError: no broker"),
    ],
)
def test_a_refused_plugin_is_quarantined_with_its_reason(
    register_temporarily: Add, plugin: type, reason: str
) -> None:
    before = {entry.slug: entry.status for entry in registry.plugins()}
    entry = register_temporarily(plugin())
    assert (entry.status, entry.problem) == ("quarantined", reason)
    assert registry.manifest_of("kr") is None
    assert registry.personal_data("kr") == ()
    assert {e.slug: e.status for e in registry.plugins()} == {**before, "kr": "quarantined"}


def test_an_argument_of_no_specification_is_refused(register_temporarily: Add) -> None:
    entry = register_temporarily(ExtraArgument())
    assert entry.status == "quarantined"
    assert entry.problem.startswith("PluginValidationError:")
    assert "{'request'}" in entry.problem


def test_fewer_arguments_than_the_specification_are_accepted(support: Callable[..., Any]) -> None:
    (entry,) = support("dummy")
    assert (entry.status, entry.problem) == ("ok", "")
    assert [len(registry.api_routers()["dummy"]), len(registry.personal_data("dummy"))] == [2, 1]
    mounted = registry.mounted_urls()["dummy"]
    assert (len(mounted.app), len(mounted.console), len(mounted.public)) == (4, 1, 1)


def test_the_hash_changes_with_the_set_of_plugins(support: Callable[..., Any]) -> None:
    alone = registry.registry_hash()
    assert len(alone) == 64
    support("dummy")
    with_dummy = registry.registry_hash()
    assert with_dummy != alone
    registry.quarantine("dummy", "test")
    assert registry.registry_hash() not in {alone, with_dummy}


def test_a_slug_is_registered_once(support: Callable[..., Any]) -> None:
    support("dummy")
    with pytest.raises(ValueError, match="'dummy' is already registered"):
        registry.register(Found("dummy", Dummy.manifest, Dummy(), "again"))


def test_quarantine_at_run_time_removes_every_answer(support: Callable[..., Any]) -> None:
    support("dummy")
    registry.quarantine("dummy", "the operator said so")
    entry = registry.get("dummy")
    assert entry is not None
    assert (entry.status, entry.problem) == ("quarantined", "the operator said so")
    assert "dummy" not in registry.mounted_urls()
    assert "dummy" not in registry.api_routers()
    assert not registry.manager().is_registered(entry.plugin)
