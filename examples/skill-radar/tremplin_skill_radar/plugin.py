"""Skill radar: the manifest and the hooks. Imports no Django, because settings read it first."""

from __future__ import annotations

from collections.abc import Iterable

from tremplin.api import (
    ApiRouter,
    Manifest,
    NavItem,
    NoPersonalData,
    Permission,
    PersonalData,
    PersonRef,
    Section,
    TenantContext,
    Text,
    Widget,
    hookimpl,
)


class Plugin:
    manifest = Manifest(
        slug="skill_radar",
        name=Text(en="Skill radar", fr="Radar des compétences"),
        summary=Text(
            en="Shows each person's skills, as proven in the other modules, on one chart.",
            fr="Montre sur un graphique les compétences prouvées dans les autres modules.",
        ),
        category="learn",
        icon="target",
        version="1.0.0",
        publisher="atelier-des-modules",
        api=">=1.0,<2",
        django_app="tremplin_skill_radar",
        works_with=("quiz",),
        permissions=(
            Permission(
                code="use",
                label=Text(en="See one's own skills", fr="Voir ses propres compétences"),
                default_roles=("learner", "candidate", "professional"),
            ),
            Permission(
                code="follow",
                label=Text(en="See everybody's skills", fr="Voir les compétences de tous"),
                default_roles=("admin", "manager", "trainer", "coach"),
            ),
        ),
        data_use=Text(
            en="Keeps the level that each person wants to reach in a skill. Levels are computed "
            "from the evidence of the other modules and kept nowhere.",
            fr="Conserve le niveau que chaque personne veut atteindre. Les niveaux sont calculés "
            "à partir des preuves des autres modules et ne sont conservés nulle part.",
        ),
        ai_use=Text(
            en="No AI: a level is the average of the latest five proofs.",
            fr="Aucune IA\u202f: un niveau est la moyenne des cinq dernières preuves.",
        ),
    )

    @hookimpl
    def api_routers(self) -> Iterable[ApiRouter]:
        from tremplin_skill_radar.api import router

        return [ApiRouter("", router)]

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        from tremplin_skill_radar.privacy import TargetPersonalData

        return [TargetPersonalData()]

    @hookimpl
    def navigation(self, ctx: TenantContext) -> Iterable[NavItem]:
        from django.utils.translation import gettext as _

        del ctx
        return [NavItem(_("My skills"), "skill_radar:home", "target", permission="skill_radar.use")]

    @hookimpl
    def dashboard_widgets(self, ctx: TenantContext) -> Iterable[Widget]:
        from django.utils.translation import gettext as _

        url = ctx.url("skill_radar:card")
        return [Widget("skill_radar_card", _("My skills"), url, permission="skill_radar.use")]

    @hookimpl
    def profile_sections(self, ctx: TenantContext, person: PersonRef) -> Iterable[Section]:
        from django.utils.translation import gettext as _

        if ctx.person is None:
            return []
        if ctx.person.id != person.id and not ctx.can("skill_radar.follow"):
            return []
        url = ctx.url("skill_radar:person", person=person.id)
        return [Section("skill_radar_person", _("Skills"), url, order=10)]

    @hookimpl
    def seed_demo(self, ctx: TenantContext, seed: int) -> None:
        from tremplin_skill_radar.demo import seed_demo

        seed_demo(ctx, seed)


plugin = Plugin()
