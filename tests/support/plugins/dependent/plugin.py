"""Needs another module to be on."""

from __future__ import annotations

from collections.abc import Iterable

from tremplin.api import Manifest, NoPersonalData, PersonalData, Text, hookimpl


class Plugin:
    manifest = Manifest(
        slug="dependent",
        name=Text(en="Dependent", fr="Dépendant"),
        summary=Text(en="Needs another one.", fr="A besoin d’un autre."),
        version="1.0.0",
        api=">=1.0,<2",
        django_app="tests.support.plugins.dependent",
        requires=("needed",),
        data_use=Text(en="Keeps nothing.", fr="Ne conserve rien."),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("keeps nothing about people")]


plugin = Plugin()
