"""Another module needs it; it adds nothing of its own."""

from __future__ import annotations

from collections.abc import Iterable

from tremplin.api import Manifest, NoPersonalData, PersonalData, Text, hookimpl


class Plugin:
    manifest = Manifest(
        slug="needed",
        name=Text(en="Needed", fr="Nécessaire"),
        summary=Text(en="Another one needs it.", fr="Un autre en a besoin."),
        version="1.0.0",
        api=">=1.0,<2",
        django_app="tests.support.plugins.needed",
        data_use=Text(en="Keeps nothing.", fr="Ne conserve rien."),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("keeps nothing about people")]


plugin = Plugin()
