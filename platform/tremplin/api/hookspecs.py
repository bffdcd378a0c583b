"""Every question core asks its plugins. Answers are frozen values of ``tremplin.api``.

Start-up hooks are called once per process and an error quarantines the plugin. Question hooks are
asked of enabled plugins only and fail soft. Life-cycle hooks run in their own transaction inside
the tenant, are idempotent, and their errors reach the caller.
"""

from __future__ import annotations

from collections.abc import Iterable

from tremplin.api.context import PersonRef, TenantContext
from tremplin.api.http import ApiRouter
from tremplin.api.learning import Evidence
from tremplin.api.plugin import hookspec
from tremplin.api.privacy import NoPersonalData, PersonalData
from tremplin.api.ui import NavItem, NextAction, Section, Widget

STARTUP = frozenset({"api_routers", "personal_data"})
QUESTIONS = frozenset(
    {
        "navigation",
        "dashboard_widgets",
        "profile_sections",
        "next_actions",
        "skill_evidence",
        "content_packs",
    }
)
LIFE_CYCLE = frozenset({"activated", "seed_demo", "install_packs"})


@hookspec
def api_routers() -> Iterable[ApiRouter]:
    """Return the ninja routers mounted at ``/api/v1/<slug>/``: ``[ApiRouter("", router)]``."""
    return ()


@hookspec
def personal_data() -> Iterable[PersonalData | NoPersonalData]:
    """Answer for personal data (mandatory): ``[QuizPersonalData()]`` or ``[NoPersonalData("…")]``."""
    return ()


@hookspec
def navigation(ctx: TenantContext) -> Iterable[NavItem]:
    """Return sidebar entries for this person: ``[NavItem(_("Quiz"), "quiz:home", "list-checks")]``."""
    return ()


@hookspec
def dashboard_widgets(ctx: TenantContext) -> Iterable[Widget]:
    """Return dashboard cards: ``[Widget("progress", _("Progress"), ctx.url("quiz:widget"))]``."""
    return ()


@hookspec
def profile_sections(ctx: TenantContext, person: PersonRef) -> Iterable[Section]:
    """Return parts of ``person``'s profile page that ``ctx.person`` may see."""
    return ()


@hookspec
def next_actions(ctx: TenantContext) -> Iterable[NextAction]:
    """Return what the person should do next: ``[NextAction(_("Take the quiz"), url, weight=80)]``."""
    return ()


@hookspec
def skill_evidence(ctx: TenantContext, person: PersonRef) -> Iterable[Evidence]:
    """Return dated evidence of ``person``'s skills, newest first."""
    return ()


@hookspec
def activated(ctx: TenantContext, first_time: bool) -> None:
    """Prepare the tenant after the module was switched on (in a task, twice equals once)."""


@hookspec
def seed_demo(ctx: TenantContext, seed: int) -> None:
    """Create demo content for a demo tenant, deterministic for ``seed`` and idempotent."""


@hookspec
def content_packs(ctx: TenantContext) -> Iterable[str]:
    """Return the keys of the ready-made packs installed in this tenant, never what people wrote."""
    return ()


@hookspec
def install_packs(ctx: TenantContext, packs: tuple[str, ...]) -> None:
    """Install the packs of another tenant by key (a new tenant made like it, twice equals once)."""
