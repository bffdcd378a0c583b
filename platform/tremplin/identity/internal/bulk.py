"""Actions on several people: what each would change, then the change itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from tremplin.api.context import TenantContext
from tremplin.identity import roles, services
from tremplin.identity.errors import IdentityError
from tremplin.identity.internal import authority
from tremplin.identity.models import Cohort, CohortMembership, SpaceOwner, User


@dataclass(frozen=True, slots=True)
class Action:
    """One of ``BulkForm.ACTIONS`` with what it needs."""

    code: str
    role: str = ""
    cohort: Cohort | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What the action would do to one person; ``note`` says why nothing happens."""

    person: User
    changes: bool
    note: str = ""


def title(action: Action) -> str:
    """Return what the action is called, with its role or cohort."""
    names = {
        "role_add": _("Give the role “%(what)s”"),
        "role_remove": _("Take the role “%(what)s”"),
        "cohort_add": _("Add to the cohort “%(what)s”"),
        "cohort_remove": _("Take out of the cohort “%(what)s”"),
        "suspend": _("Suspend accounts"),
        "resume": _("Open suspended accounts again"),
        "remove": _("Remove people"),
    }
    what = (
        roles.label(action.role) if action.role else (action.cohort.name if action.cohort else "")
    )
    name = names[action.code]
    return name % {"what": what} if "%(what)s" in name else name


def preview(ctx: TenantContext, action: Action, people: Sequence[Any]) -> list[Effect]:
    """Return what would happen to each person; writes nothing. ``people`` carry ``granted``."""
    members: set[Any] = set()
    if action.cohort is not None:
        members = set(
            CohortMembership.objects.filter(cohort=action.cohort).values_list(
                "person_id", flat=True
            )
        )
    owners = set(SpaceOwner.objects.values_list("person_id", flat=True))
    return [_effect(ctx, action, person, members, owners) for person in people]


def _effect(
    ctx: TenantContext, action: Action, person: Any, members: set[Any], owners: set[Any]
) -> Effect:
    held = set(person.granted)
    nothing = ""
    if action.code.startswith("role_"):
        wanted = held | {action.role} if action.code == "role_add" else held - {action.role}
        if wanted == held:
            nothing = _("Nothing to change")
        elif person.pk in owners and "admin" not in wanted:
            nothing = _("The owner stays an administrator")
        else:
            try:
                authority.check_assignment(ctx, held, wanted)
            except IdentityError as error:
                nothing = error.message
    elif action.code.startswith("cohort_"):
        if (person.pk in members) == (action.code == "cohort_add"):
            nothing = _("Nothing to change")
    else:
        if action.code == "suspend" and not person.is_active:
            nothing = _("Already suspended")
        elif action.code == "resume" and person.is_active:
            nothing = _("Nothing to change")
        elif person.pk in owners and action.code != "resume":
            nothing = _("The owner of the space is protected")
        else:
            try:
                authority.check_manage(ctx, person.pk, held)
            except IdentityError as error:
                nothing = error.message
    return Effect(person, not nothing, nothing)


@transaction.atomic
def run(ctx: TenantContext, action: Action, people: Sequence[Any]) -> int:
    """Do what ``preview`` announced and return how many accounts changed.

    Someone who became protected meanwhile (the last administrator) is left as she is.
    """
    done = 0
    for effect in preview(ctx, action, people):
        if not effect.changes:
            continue
        try:
            with transaction.atomic():
                done += _change(action, effect.person)
        except IdentityError:
            continue
    return done


def _change(action: Action, person: Any) -> bool:
    held = set(person.granted)
    if action.code == "role_add":
        return services.set_roles(person, held | {action.role})
    if action.code == "role_remove":
        return services.set_roles(person, held - {action.role})
    if action.code == "cohort_add" and action.cohort is not None:
        return services.add_to_cohort(person, action.cohort)
    if action.code == "cohort_remove" and action.cohort is not None:
        return services.remove_from_cohort(person, action.cohort)
    if action.code == "suspend":
        return services.suspend(person, action.reason)
    if action.code == "resume":
        return services.resume(person)
    services.remove(person)
    return True


@transaction.atomic
def invite_all(
    emails: Sequence[str], role_codes: Sequence[str], cohort: Cohort | None, *, invited_by: Any
) -> int:
    """Invite all these addresses or none; returns how many. Raises ``IdentityError``."""
    for email in emails:
        services.invite(email, role_codes, [cohort] if cohort else [], invited_by=invited_by)
    return len(emails)
