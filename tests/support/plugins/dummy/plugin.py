"""Implements every hook with an answer that a test asserts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from tests.support.plugins.dummy.events import Happened
from tests.support.plugins.dummy.subscribers import on_happened
from tremplin.api import (
    ApiRouter,
    Evidence,
    Feature,
    Manifest,
    NavItem,
    NextAction,
    NoPersonalData,
    NotificationType,
    Permission,
    PersonalData,
    PersonRef,
    Role,
    Section,
    TenantContext,
    Text,
    Topic,
    Widget,
    hookimpl,
)


class DummySettings(BaseModel):
    """One setting of each kind the form builder knows."""

    greeting: str = Field(default="Hello", max_length=20, title="Greeting")
    limit: int = Field(default=10, ge=1, le=100, title="Limit")
    loud: bool = False
    colour: Literal["blue", "red"] = "blue"
    words: tuple[str, ...] = ()
    token: SecretStr = SecretStr("")


class Plugin:
    manifest = Manifest(
        slug="dummy",
        name=Text(en="Dummy", fr="Factice"),
        summary=Text(en="Uses every extension point.", fr="Utilise chaque point d’extension."),
        version="1.2.3",
        api=">=1.0,<2",
        django_app="tests.support.plugins.dummy",
        settings=DummySettings,
        permissions=(
            Permission(
                code="use",
                label=Text(en="Use the dummy", fr="Utiliser le factice"),
                default_roles=("learner", "admin"),
            ),
        ),
        roles=(Role(code="dummy_guest", label=Text(en="Guest", fr="Invité·e")),),
        features=(
            Feature(
                code="things",
                kind="metered",
                label=Text(en="Things", fr="Choses"),
                default=2,
            ),
            Feature(code="gold", kind="switch", label=Text(en="Gold", fr="Or"), default=False),
        ),
        notification_types=(NotificationType(key="news", label=Text(en="News", fr="Nouvelles")),),
        events_published=(Happened,),
        subscribers=(on_happened,),
        topics=(
            Topic(pattern="dummy.room.{room}", policy="tests.support.plugins.dummy.views.may_read"),
        ),
        public_prefixes=("dummy-public",),
        data_use=Text(en="Keeps nothing.", fr="Ne conserve rien."),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def api_routers(self) -> Iterable[ApiRouter]:
        from tests.support.plugins.dummy.api import public_router, router

        return [ApiRouter("", router), ApiRouter("open", public_router, anonymous=True)]

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("keeps nothing about people")]

    @hookimpl
    def navigation(self, ctx: TenantContext) -> Iterable[NavItem]:
        yield NavItem("Second", "dummy:home", "puzzle", order=20)
        yield NavItem("First", "dummy:home", "puzzle", order=10)

    @hookimpl
    def dashboard_widgets(self, ctx: TenantContext) -> Iterable[Widget]:
        return [Widget("hello", f"Hello {ctx.tenant.slug}", "/app/dummy/widget/")]

    @hookimpl
    def profile_sections(self, ctx: TenantContext, person: PersonRef) -> Iterable[Section]:
        return [Section("about", person.display_name, "/app/dummy/widget/")]

    @hookimpl
    def next_actions(self) -> Iterable[NextAction]:
        return [NextAction("Try it", "/app/dummy/", weight=5)]

    @hookimpl
    def skill_evidence(self, ctx: TenantContext, person: PersonRef) -> Iterable[Evidence]:
        return [Evidence("testing", "dummy", "A test", 1.0, datetime(2026, 1, 2, tzinfo=UTC))]

    @hookimpl
    def activated(self, ctx: TenantContext, first_time: bool) -> None:
        CALLS.append(("activated", ctx.tenant.slug, first_time))

    @hookimpl
    def seed_demo(self, ctx: TenantContext, seed: int) -> None:
        CALLS.append(("seed_demo", ctx.tenant.slug, seed))


# What the life-cycle hooks were called with; tests clear it.
CALLS: list[tuple[str, str, object]] = []

plugin = Plugin()
