"""Raises in every question it is asked."""

from __future__ import annotations

from collections.abc import Iterable

from tremplin.api import (
    Manifest,
    NavItem,
    NoPersonalData,
    PersonalData,
    TenantContext,
    Text,
    Widget,
    hookimpl,
)


class Plugin:
    manifest = Manifest(
        slug="raises",
        name=Text(en="Raises", fr="Lève une erreur"),
        summary=Text(en="Raises.", fr="Lève une erreur."),
        version="1.0.0",
        api=">=1.0,<2",
        django_app="tests.support.plugins.raises",
        data_use=Text(en="Keeps nothing.", fr="Ne conserve rien."),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("keeps nothing about people")]

    @hookimpl
    def navigation(self, ctx: TenantContext) -> Iterable[NavItem]:
        raise RuntimeError("navigation is broken")

    @hookimpl
    def dashboard_widgets(self, ctx: TenantContext) -> Iterable[Widget]:
        raise RuntimeError("widgets are broken")


plugin = Plugin()
