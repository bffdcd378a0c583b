"""Quiz: the manifest and the hooks. Imports no Django, because settings read it first."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field

from plugins.quiz.events import AttemptCompleted, AttemptRemarked
from tremplin.api import (
    ApiRouter,
    ContentAssigned,
    Evidence,
    Manifest,
    NavItem,
    NextAction,
    NoPersonalData,
    NotificationType,
    Permission,
    PersonalData,
    PersonRef,
    Section,
    TenantContext,
    Text,
    Widget,
    hookimpl,
)

STAFF = ("admin", "manager", "trainer", "coach")


# Marks a text for the catalogue; the form of the settings translates it. Not Django's own, see above.
gettext_noop = str


class QuizSettings(BaseModel):
    """What a space may set for its quizzes."""

    default_pass_percent: int = Field(
        default=70,
        ge=0,
        le=100,
        title=gettext_noop("Pass mark of a new quiz"),
        description=gettext_noop("In percent of the points."),
    )
    default_minutes: int | None = Field(
        default=None,
        ge=1,
        le=600,
        title=gettext_noop("Time limit of a new quiz"),
        description=gettext_noop("In minutes. Leave empty for no limit."),
    )
    facility_low: int = Field(
        default=30,
        ge=0,
        le=100,
        title=gettext_noop("Report a question as too hard below"),
        description=gettext_noop("Average result at the question, in percent."),
    )
    facility_high: int = Field(
        default=95,
        ge=0,
        le=100,
        title=gettext_noop("Report a question as too easy above"),
        description=gettext_noop("Average result at the question, in percent."),
    )


class Plugin:
    manifest = Manifest(
        slug="quiz",
        name=Text(en="Quiz", fr="Quiz"),
        summary=Text(
            en="Question bank, timed quizzes, human marking and item statistics.",
            fr="Banque de questions, quiz minutés, correction humaine et statistiques.",
        ),
        category="learn",
        icon="list-checks",
        version="1.0.0",
        api=">=1.0,<2",
        django_app="plugins.quiz",
        settings=QuizSettings,
        permissions=(
            Permission(
                code="take",
                label=Text(en="Take quizzes", fr="Passer des quiz"),
                default_roles=("learner", "candidate", "professional", *STAFF),
            ),
            Permission(
                code="author",
                label=Text(en="Write questions and quizzes", fr="Rédiger questions et quiz"),
                default_roles=("admin", "manager", "trainer"),
            ),
            Permission(
                code="assign",
                label=Text(en="Assign quizzes", fr="Attribuer des quiz"),
                default_roles=("admin", "manager", "trainer"),
            ),
            Permission(
                code="mark",
                label=Text(en="Mark answers", fr="Corriger des réponses"),
                default_roles=("admin", "trainer", "coach"),
            ),
            Permission(
                code="results",
                label=Text(en="See everybody's results", fr="Voir les résultats de tous"),
                default_roles=STAFF,
            ),
        ),
        notification_types=(
            NotificationType(
                key="assigned",
                label=Text(en="A quiz is assigned to you", fr="Un quiz vous est attribué"),
            ),
            NotificationType(
                key="marked",
                label=Text(en="Your answers are marked", fr="Vos réponses sont corrigées"),
            ),
        ),
        events_published=(AttemptCompleted, AttemptRemarked, ContentAssigned),
        data_use=Text(
            en="Keeps each attempt, answer, mark and score with the person's identifier. Erasing a "
            "person keeps anonymous scores so that statistics stay right.",
            fr="Conserve chaque tentative, réponse, note et score avec l’identifiant de la personne. "
            "L’effacement d’une personne garde des scores anonymes pour des statistiques justes.",
        ),
        ai_use=Text(
            en="No AI: marking follows written rules, essays are marked by people.",
            fr="Aucune IA\u202f: la correction suit des règles écrites, les rédactions sont corrigées "
            "par des personnes.",
        ),
    )

    @hookimpl
    def api_routers(self) -> Iterable[ApiRouter]:
        from plugins.quiz.api import router

        return [ApiRouter("", router)]

    @hookimpl
    def personal_data(self) -> Iterable[PersonalData | NoPersonalData]:
        from plugins.quiz.privacy import QuizPersonalData

        return [QuizPersonalData()]

    @hookimpl
    def navigation(self, ctx: TenantContext) -> Iterable[NavItem]:
        from plugins.quiz.contributions import navigation

        return navigation(ctx)

    @hookimpl
    def dashboard_widgets(self, ctx: TenantContext) -> Iterable[Widget]:
        from plugins.quiz.contributions import dashboard_widgets

        return dashboard_widgets(ctx)

    @hookimpl
    def profile_sections(self, ctx: TenantContext, person: PersonRef) -> Iterable[Section]:
        from plugins.quiz.contributions import profile_sections

        return profile_sections(ctx, person)

    @hookimpl
    def next_actions(self, ctx: TenantContext) -> Iterable[NextAction]:
        from plugins.quiz.contributions import next_actions

        return next_actions(ctx)

    @hookimpl
    def skill_evidence(self, ctx: TenantContext, person: PersonRef) -> Iterable[Evidence]:
        from plugins.quiz.contributions import skill_evidence

        return skill_evidence(ctx, person)

    @hookimpl
    def activated(self, ctx: TenantContext, first_time: bool) -> None:
        from plugins.quiz.contributions import activated

        activated(ctx, first_time)

    @hookimpl
    def seed_demo(self, ctx: TenantContext, seed: int) -> None:
        from plugins.quiz.internal.demo import seed_demo

        seed_demo(ctx, seed)

    @hookimpl
    def content_packs(self, ctx: TenantContext) -> Iterable[str]:
        from plugins.quiz.services.library import installed_keys

        return installed_keys()

    @hookimpl
    def install_packs(self, ctx: TenantContext, packs: tuple[str, ...]) -> None:
        from plugins.quiz.services.library import install_all

        install_all(ctx, packs)


plugin = Plugin()
