"""Takes longer than the budget of a hook."""

from __future__ import annotations

from collections.abc import Iterable
from time import sleep

from tremplin.api import (
    Manifest,
    NoPersonalData,
    PersonalData,
    TenantContext,
    Text,
    Widget,
    hookimpl,
)


class Plugin:
    manifest = Manifest(
        slug="slow",
        name=Text(en="Slow", fr="Lent"),
        summary=Text(en="Slow.", fr="Lent."),
        version="1.0.0",
        api=">=1.0,<2",
        django_app="tests.support.plugins.slow",
        data_use=Text(en="Keeps nothing.", fr="Ne conserve rien."),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("keeps nothing about people")]

    @hookimpl
    def dashboard_widgets(self, ctx: TenantContext) -> Iterable[Widget]:
        sleep(0.06)
        return [Widget("slow", "Slow", "/app/slow/widget/")]


plugin = Plugin()
