"""Writes of the portal: the onboarding checklist."""

from __future__ import annotations

from tremplin.api import Delivery, TenantContext, subscribe
from tremplin.kernel import clock
from tremplin.portal.models import OnboardingStep


def mark_step(key: str) -> None:
    """Remember that the step ``key`` of the checklist was taken (once)."""
    OnboardingStep.objects.get_or_create(key=key, defaults={"done_at": clock.now()})


@subscribe("tremplin.learning.content_assigned.v1")
def content_was_assigned(ctx: TenantContext, delivery: Delivery) -> None:
    """Tick the step "content assigned" whichever module the content belongs to."""
    mark_step("content")
