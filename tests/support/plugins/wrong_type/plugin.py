"""Returns a dict where a value of the contract is due."""

from __future__ import annotations

from collections.abc import Iterable

from tremplin.api import (
    Manifest,
    NavItem,
    NoPersonalData,
    PersonalData,
    TenantContext,
    Text,
    hookimpl,
)


class Plugin:
    manifest = Manifest(
        slug="wrong_type",
        name=Text(en="Wrong type", fr="Mauvais type"),
        summary=Text(en="Wrong type.", fr="Mauvais type."),
        version="1.0.0",
        api=">=1.0,<2",
        django_app="tests.support.plugins.wrong_type",
        data_use=Text(en="Keeps nothing.", fr="Ne conserve rien."),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("keeps nothing about people")]

    @hookimpl
    def navigation(self, ctx: TenantContext) -> Iterable[NavItem]:
        return [{"label": "not a NavItem"}]  # type: ignore[list-item]


plugin = Plugin()
