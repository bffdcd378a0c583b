"""Background work about Stripe: project what was reported, pull what was lost, prune."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from tremplin.api import services
from tremplin.kernel import clock
from tremplin.kernel.tasks import public_task

KEEP_VALID = timedelta(days=30)
KEEP_INVALID = timedelta(days=2)
LOOK_BACK = timedelta(days=3)


@public_task(queue="default", time_limit=120, max_retries=5)
def project(event: str, kind: str, key: str, created: int) -> None:
    """Read the object of an event again and write what it says."""
    from tremplin.billing import projector
    from tremplin.billing.stripe import methods, reading

    for fact in reading.facts_of_event(kind, key, reading.Stamp.of(event, created)):
        projector.apply(fact)
    if kind in methods.EVENTS or kind in methods.CHOOSING:
        methods.follow(kind, key)


@public_task(queue="default", time_limit=600)
def pull() -> None:
    """Find the events of the last days that never reached us; idle without a key."""
    from tremplin.billing import projector
    from tremplin.billing.stripe import client, pulling

    if client.problems():
        return
    for fact in pulling.facts_since(clock.now() - LOOK_BACK):
        projector.apply(fact)


@public_task(queue="default", time_limit=600)
def push_overage() -> int:
    """Hand over what was used beyond the plans; idle without a key."""
    from tremplin.billing.stripe import beyond, client

    return 0 if client.problems() else beyond.push()


@public_task(queue="bulk", time_limit=300)
def prune_triggers() -> None:
    """Delete what arrived at the webhook: valid after 30 days, forged after 2."""
    from djstripe.models import WebhookEventTrigger

    now = timezone.now()
    with services.tenancy().public_write("stripe mirror"):
        WebhookEventTrigger.objects.filter(
            Q(valid=True, created__lt=now - KEEP_VALID)
            | Q(valid=False, created__lt=now - KEEP_INVALID)
        ).delete()
