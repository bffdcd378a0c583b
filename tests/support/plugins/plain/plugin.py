"""Adds nothing, keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable

from tremplin.api import Manifest, NoPersonalData, PersonalData, Text, hookimpl


class Plugin:
    manifest = Manifest(
        slug="plain",
        name=Text(en="Plain", fr="Simple"),
        summary=Text(en="Adds nothing.", fr="N’ajoute rien."),
        version="1.0.0",
        api=">=1.0,<2",
        django_app="tests.support.plugins.plain",
        data_use=Text(en="Keeps nothing.", fr="Ne conserve rien."),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("keeps nothing about people")]


plugin = Plugin()
