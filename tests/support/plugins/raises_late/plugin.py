"""Answers once, then fails halfway through its generator."""

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
        slug="raises_late",
        name=Text(en="Raises late", fr="Échoue à mi-chemin"),
        summary=Text(en="Raises late.", fr="Échoue à mi-chemin."),
        version="1.0.0",
        api=">=1.0,<2",
        django_app="tests.support.plugins.raises_late",
        data_use=Text(en="Keeps nothing.", fr="Ne conserve rien."),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("keeps nothing about people")]

    @hookimpl
    def navigation(self, ctx: TenantContext) -> Iterable[NavItem]:
        yield NavItem("Half", "raises_late:home", "puzzle")
        raise RuntimeError("the second half is broken")


plugin = Plugin()
