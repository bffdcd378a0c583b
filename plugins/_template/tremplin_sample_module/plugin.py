"""Sample module: the manifest and the hooks. Imports no Django, because settings read it first."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field

from tremplin.api import (
    ApiRouter,
    Manifest,
    NavItem,
    NextAction,
    NoPersonalData,
    Permission,
    PersonalData,
    TenantContext,
    Text,
    Widget,
    hookimpl,
)

# Marks a text for the catalogue; the form of the settings translates it. Not Django's own, see above.
gettext_noop = str


class SampleModuleSettings(BaseModel):
    """What a space may set."""

    open_items: int = Field(
        default=20,
        ge=1,
        le=200,
        title=gettext_noop("Open items at most"),
        description=gettext_noop("For each person."),
    )


class Plugin:
    manifest = Manifest(
        slug="sample_module",
        name=Text(en="Sample module", fr="Sample module"),
        summary=Text(
            en="People keep a list of things to do, staff sees how far everybody is.",
            fr="Chacun tient sa liste de choses à faire, l’équipe voit où chacun en est.",
        ),
        category="learn",
        icon="list-checks",
        version="0.1.0",
        publisher="tremplin-sample-module",
        api=">=1.0,<2",
        django_app="tremplin_sample_module",
        settings=SampleModuleSettings,
        permissions=(
            Permission(
                code="use",
                label=Text(en="Keep a personal list", fr="Tenir une liste personnelle"),
                default_roles=("learner", "candidate", "professional", "trainer", "coach"),
            ),
            Permission(
                code="follow",
                label=Text(en="See everybody's progress", fr="Voir l’avancement de tous"),
                default_roles=("admin", "manager", "trainer", "coach"),
            ),
        ),
        data_use=Text(
            en="Keeps the title and the dates of each item with the person it belongs to.",
            fr="Conserve le titre et les dates de chaque élément avec la personne concernée.",
        ),
        ai_use=Text(en="No AI.", fr="Aucune IA."),
    )

    @hookimpl
    def api_routers(self) -> Iterable[ApiRouter]:
        from tremplin_sample_module.api import router

        return [ApiRouter("", router)]

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        from tremplin_sample_module.privacy import ItemPersonalData

        return [ItemPersonalData()]

    @hookimpl
    def navigation(self, ctx: TenantContext) -> Iterable[NavItem]:
        from django.utils.translation import gettext as _

        del ctx
        return [
            NavItem(
                _("My list"), "sample_module:home", "list-checks", permission="sample_module.use"
            ),
            NavItem(
                _("Lists"),
                "sample_module_console:console",
                "list-checks",
                section="manage",
                permission="sample_module.follow",
            ),
        ]

    @hookimpl
    def dashboard_widgets(self, ctx: TenantContext) -> Iterable[Widget]:
        from django.utils.translation import gettext as _

        return [
            Widget(
                "sample_module_card",
                _("My list"),
                ctx.url("sample_module:card"),
                permission="sample_module.use",
            )
        ]

    @hookimpl
    def next_actions(self, ctx: TenantContext) -> Iterable[NextAction]:
        from django.utils.translation import gettext as _

        from tremplin_sample_module.selectors import count_open

        if ctx.person is None or not ctx.can("sample_module.use"):
            return []
        waiting = count_open(ctx.person.id)
        if not waiting:
            return []
        detail = _("%(n)s to finish") % {"n": waiting}
        return [NextAction(_("Go on with your list"), ctx.url("sample_module:home"), detail, 10)]

    @hookimpl
    def seed_demo(self, ctx: TenantContext, seed: int) -> None:
        from tremplin_sample_module.demo import seed_demo

        seed_demo(ctx, seed)


plugin = Plugin()
