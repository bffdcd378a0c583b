"""A bulk action from its preview to its end: at once when it is short, in the background otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tremplin.api import services as platform
from tremplin.api.context import TenantContext
from tremplin.identity.errors import IdentityError
from tremplin.identity.internal import bulk
from tremplin.identity.models import BulkAction, User
from tremplin.identity.normalise import clean_text
from tremplin.identity.services.suspension import NOTICES

AT_ONCE = 200  # people changed within the request, in one transaction
BATCH = 50  # people per transaction in the background: the audit chain is free in between
RUN_SECONDS = 240.0
MAX_PEOPLE = 50_000


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the confirmed people."""

    changed: int
    skipped: int


def open_preview(actor: User, action: bulk.Action, people: Sequence[UUID]) -> BulkAction:
    """Keep an action and its people until the actor confirms; writes nothing else.

    Raises ``IdentityError`` ``too_many_people`` above 50,000 people.
    """
    if len(people) > MAX_PEOPLE:
        raise IdentityError(
            "too_many_people", _("At most 50,000 people at a time: use a narrower filter.")
        )
    return BulkAction.objects.create(
        actor=actor,
        action=action.code,
        role=action.role,
        cohort=action.cohort,
        people=list(people),
    )


def action_of(row: BulkAction) -> bulk.Action:
    """Return the action that ``row`` keeps."""
    return bulk.Action(row.action, row.role, row.cohort, row.reason, row.notify)


def confirm(
    ctx: TenantContext, row: BulkAction, *, expected: int, reason: str = "", notify: str = ""
) -> BulkAction:
    """Start a previewed action on the people that the preview said would change.

    ``expected`` is their number as the page showed it. Up to 200 people change in this one
    transaction; more go to a task. Raises ``IdentityError`` ``already_started``,
    ``reason_required``, ``cohort_gone``, ``nothing_to_do`` or ``changed_meanwhile``; nothing is
    written then.
    """
    with transaction.atomic():
        held = BulkAction.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if held.state != BulkAction.State.PREVIEW:
            raise IdentityError("already_started", _("This action was already confirmed."))
        held.reason = clean_text(reason)[:300]
        held.notify = notify if notify in NOTICES else ""
        _check(held)
        effects = bulk.preview(ctx, action_of(held), bulk.people_in(held))
        chosen = [effect.person.pk for effect in effects if effect.changes]
        if not chosen:
            raise IdentityError("nothing_to_do", _("Nobody would change."))
        if len(chosen) != expected:
            raise IdentityError(
                "changed_meanwhile", _("Something changed meanwhile. Check the list again.")
            )
        held.people = chosen
        held.state = BulkAction.State.RUNNING
        held.started_at = timezone.now()
        if len(chosen) <= AT_ONCE:
            _handle(ctx, held, len(chosen))
        held.save()
        if held.state == BulkAction.State.RUNNING:
            from tremplin.api.tasks import enqueue
            from tremplin.identity import tasks

            enqueue(tasks.run_bulk_action, action=str(held.pk))
    return held


def _check(row: BulkAction) -> None:
    if row.action == "suspend" and not row.reason:
        raise IdentityError("reason_required", _("Give a reason: it is shown to your colleagues."))
    if row.action.startswith("cohort_") and row.cohort_id is None:
        raise IdentityError("cohort_gone", _("This cohort was deleted meanwhile."))


def _handle(ctx: TenantContext, row: BulkAction, size: int) -> None:
    """Change the next ``size`` people of ``row``, in the caller's transaction.

    Rights are looked at again: someone who became protected since is left as she is.
    """
    action = action_of(row)
    ids = row.people[row.position : row.position + size]
    # Held until the end, so that nobody changes the same people in between.
    list(User.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
    for effect in bulk.preview(ctx, action, bulk.people_of(ids)):
        if not effect.changes:
            continue
        try:
            with transaction.atomic():
                row.changed += bulk.change(action, effect.person, actor=row.actor)
        except IdentityError:
            continue
    row.position += len(ids)
    if row.position >= len(row.people):
        row.state = BulkAction.State.DONE
        row.finished_at = timezone.now()


def carry_on(pk: UUID) -> bool:
    """Go on with a running action for some minutes; return whether it is over.

    Each batch and the place reached are one transaction: a killed worker loses and repeats
    nothing. It stops when the person who asked lost the right to.
    """
    until = monotonic() + RUN_SECONDS
    while monotonic() < until:
        if run_batch(pk):
            return True
    return False


def run_batch(pk: UUID) -> bool:
    """Change the next 50 people in one transaction; return whether the action is over."""
    from tremplin.kernel import audit

    with transaction.atomic():
        row = BulkAction.objects.select_for_update(of=("self",)).filter(pk=pk).first()
        if row is None or row.state != BulkAction.State.RUNNING:
            return True
        with audit.actor(row.actor_id, "person"):
            ctx = _context(row.actor_id)
            if ctx is None or (row.action.startswith("cohort_") and row.cohort_id is None):
                row.state = BulkAction.State.STOPPED
                row.finished_at = timezone.now()
            else:
                _handle(ctx, row, BATCH)
        row.save()
        return bool(row.state != BulkAction.State.RUNNING)


def _context(actor: UUID) -> TenantContext | None:
    try:
        ctx: TenantContext = platform.contexts().for_person(actor)
    except LookupError:
        return None
    return ctx if ctx.can("identity.manage_people") else None
