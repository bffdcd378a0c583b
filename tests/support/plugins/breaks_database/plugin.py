"""Runs a failing query inside the caller's transaction."""

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
        slug="breaks_database",
        name=Text(en="Breaks the database", fr="Casse la base"),
        summary=Text(en="Breaks the database.", fr="Casse la base."),
        version="1.0.0",
        api=">=1.0,<2",
        django_app="tests.support.plugins.breaks_database",
        data_use=Text(en="Keeps nothing.", fr="Ne conserve rien."),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        return [NoPersonalData("keeps nothing about people")]

    @hookimpl
    def navigation(self, ctx: TenantContext) -> Iterable[NavItem]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM a_table_that_does_not_exist")
        return []


plugin = Plugin()
