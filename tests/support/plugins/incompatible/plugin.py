"""Written for a plugin API that does not exist yet; importing it would fail."""

from __future__ import annotations

from collections.abc import Iterable

from tremplin.api import (  # type: ignore[attr-defined]
    Manifest,
    NoPersonalData,
    PersonalData,
    Text,
    hookimpl,
)


class Plugin:
    manifest = Manifest(
        slug="incompatible",
        name=Text(en="Incompatible", fr="Incompatible"),
        summary=Text(en="Incompatible.", fr="Incompatible."),
        version="1.0.0",
        api=">=9",
        django_app="tests.support.plugins.incompatible",
        data_use=Text(en="Keeps nothing.", fr="Ne conserve rien."),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("keeps nothing about people")]


plugin = Plugin()
