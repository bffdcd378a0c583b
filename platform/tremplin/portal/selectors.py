"""Reads of the portal: the onboarding checklist and the figures of the dashboards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from tremplin.api import TenantContext, hookspecs
from tremplin.billing.overview import has_paid_plan
from tremplin.identity.selectors import count_with_role
from tremplin.kernel import gate
from tremplin.kernel.dispatch import dispatcher
from tremplin.portal.models import OnboardingStep

if TYPE_CHECKING:
    from tenants.registry import TenantInfo


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One first step: what to do, where, and whether it is done."""

    key: str
    label: str
    help: str
    url: str
    done: bool


@dataclass(frozen=True, slots=True)
class Checklist:
    items: list[ChecklistItem]

    @property
    def done(self) -> int:
        return sum(item.done for item in self.items)

    @property
    def total(self) -> int:
        return len(self.items)

    @property
    def complete(self) -> bool:
        return self.done == self.total


def _content_url(ctx: TenantContext) -> str:
    """Return where content is assigned: the staff page of the first module, else the modules."""
    answers = dispatcher.collect(hookspecs.navigation, ctx.enabled, ctx=ctx)
    staff = [
        answer.value
        for answer in answers
        if answer.value.section == "manage"
        and (not answer.value.permission or ctx.can(answer.value.permission))
    ]
    staff.sort(key=lambda entry: entry.order)
    return ctx.url(staff[0].url_name if staff else "marketplace:index")


def checklist(tenant: TenantInfo, ctx: TenantContext) -> Checklist:
    """Return the first steps of a space; most are read from the facts themselves."""
    taken = set(OnboardingStep.objects.values_list("key", flat=True))
    started = any(state.activated for state in gate.states(tenant).values())
    return Checklist(
        [
            ChecklistItem(
                "brand",
                gettext("Publish your brand"),
                gettext("Logo and colours, on every page, on the login page and in mails."),
                ctx.url("portal:branding"),
                tenant.brand.version > 0,
            ),
            ChecklistItem(
                "people",
                gettext("Import your people"),
                gettext("A CSV file with names and e-mail addresses is enough."),
                ctx.url("people:import"),
                count_with_role("learner") + count_with_role("candidate") > 0,
            ),
            ChecklistItem(
                "module",
                gettext("Start a module"),
                gettext("Try one for 14 days; nothing is billed."),
                ctx.url("marketplace:index"),
                started,
            ),
            ChecklistItem(
                "plan",
                gettext("Choose your plan"),
                gettext("It brings the seats of your learners and keeps your modules open."),
                ctx.url("billing:plans"),
                has_paid_plan(tenant),
            ),
            ChecklistItem(
                "content",
                gettext("Assign a first content"),
                gettext("People are told by mail and see it on their home page."),
                _content_url(ctx),
                "content" in taken,
            ),
            ChecklistItem(
                "dashboard",
                gettext("Open the dashboard"),
                gettext("Figures and alerts of your space, in one page."),
                ctx.url("portal:console"),
                "dashboard" in taken,
            ),
        ]
    )
