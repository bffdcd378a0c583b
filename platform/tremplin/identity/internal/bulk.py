"""Actions on several people: who would change, who would not and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Func, QuerySet
from django.utils.translation import gettext as _

from tremplin.api.context import TenantContext
from tremplin.identity import roles, seats, selectors, services
from tremplin.identity.internal import authority
from tremplin.identity.models import BulkAction, Cohort, CohortMembership, SpaceOwner, User

ACTIONS = (
    "role_add",
    "role_remove",
    "cohort_add",
    "cohort_remove",
    "suspend",
    "resume",
    "remove",
    "resend",
)
# Actions that close an account or take a role: the last administrator is kept from them.
_CLOSING = frozenset({"suspend", "remove"})


@dataclass(frozen=True, slots=True)
class Action:
    """One of ``ACTIONS`` with what it needs; ``notify`` is one of ``suspension.NOTICES``."""

    code: str
    role: str = ""
    cohort: Cohort | None = None
    reason: str = ""
    notify: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What the action would do to one person; ``note`` says why nothing happens."""

    person: User
    changes: bool
    note: str = ""


@dataclass(slots=True)
class _Facts:
    """What the effects on everyone depend on, read once."""

    actor: UUID | None
    reach: frozenset[str]
    may_manage: bool
    owners: frozenset[UUID]
    members: frozenset[UUID]
    admins: set[UUID]
    labels: dict[str, str]


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
        "resend": _("Send invitations again"),
    }
    what = (
        roles.label(action.role) if action.role else (action.cohort.name if action.cohort else "")
    )
    name = names[action.code]
    return name % {"what": what} if "%(what)s" in name else name


def people_of(ids: Sequence[UUID]) -> list[Any]:
    """Return the present people among ``ids`` with ``granted``, by name (1 query)."""
    return _by_name(User.objects.present().filter(pk__in=ids))


def people_in(row: BulkAction) -> list[Any]:
    """Return the present people of a stored action with ``granted``, by name (1 query).

    The database reads the ids from the row: thousands of them never travel back to it.
    """
    stored = BulkAction.objects.filter(pk=row.pk)
    ids = stored.annotate(one=Func(F("people"), function="unnest")).values("one")
    return _by_name(User.objects.present().filter(pk__in=ids))


def _by_name(found: QuerySet[User]) -> list[Any]:
    return list(selectors.with_roles(found).order_by("last_name", "first_name", "email", "id"))


def preview(ctx: TenantContext, action: Action, people: Sequence[Any]) -> list[Effect]:
    """Return what would happen to each person; writes nothing. ``people`` carry ``granted``.

    At most seven queries, whatever the number of people.
    """
    facts = _facts(ctx, action)
    return [_effect(action, person, facts) for person in people]


def reasons(effects: Iterable[Effect]) -> list[tuple[str, int]]:
    """Return why people are left out, the most frequent reason first."""
    return Counter(effect.note for effect in effects if not effect.changes).most_common()


def _facts(ctx: TenantContext, action: Action) -> _Facts:
    members: frozenset[UUID] = frozenset()
    if action.cohort is not None:
        rows = CohortMembership.objects.filter(cohort=action.cohort)
        members = frozenset(rows.values_list("person_id", flat=True))
    lasting = User.objects.present().filter(is_active=True, expires_at=None, groups__name="admin")
    return _Facts(
        actor=ctx.person.id if ctx.person is not None else None,
        reach=authority.assignable_codes(ctx),
        may_manage=ctx.can("identity.manage_people"),
        owners=frozenset(SpaceOwner.objects.values_list("person_id", flat=True)),
        members=members,
        admins=set(lasting.values_list("pk", flat=True)),
        labels=roles.labels(),
    )


def _effect(action: Action, person: Any, facts: _Facts) -> Effect:
    if action.code.startswith("role_"):
        note = _role_note(action, person, facts)
    elif action.code.startswith("cohort_"):
        note = _cohort_note(action, person, facts)
    else:
        note = _account_note(action, person, facts)
    loses_admin = action.code in _CLOSING or (action.code, action.role) == ("role_remove", "admin")
    if not note and loses_admin and person.pk in facts.admins:
        if facts.admins == {person.pk}:
            note = _("The last administrator stays")
        else:
            facts.admins.discard(person.pk)
    return Effect(person, not note, note)


def _role_note(action: Action, person: Any, facts: _Facts) -> str:
    holds = action.role in person.granted
    if holds == (action.code == "role_add"):
        return _("Has this role already") if holds else _("Does not have this role")
    if person.pk == facts.actor:
        return _("You: change your own roles on your page")
    if person.pk in facts.owners and (action.code, action.role) == ("role_remove", "admin"):
        return _("The owner stays an administrator")
    return authority.refuse_role_change([action.role], facts.reach)


def _cohort_note(action: Action, person: Any, facts: _Facts) -> str:
    inside = person.pk in facts.members
    if inside == (action.code == "cohort_add"):
        return _("In this cohort already") if inside else _("Not in this cohort")
    return ""


def _account_note(action: Action, person: Any, facts: _Facts) -> str:
    if person.pk == facts.actor:
        return _("Your own account")
    if action.code == "suspend" and not person.is_active:
        return _("Already suspended")
    if action.code == "resume" and person.is_active:
        return _("Not suspended")
    if action.code == "resend" and selectors.status_of(person) != "invited":
        return _("No invitation is waiting for an answer")
    if action.code in _CLOSING and person.pk in facts.owners:
        return _("The owner of the space is protected")
    beyond = sorted(set(person.granted) - facts.reach)
    if beyond:
        return _("Has a role that you may not give: %(roles)s") % {
            "roles": ", ".join(facts.labels.get(code, code) for code in beyond)
        }
    return "" if facts.may_manage else _("You may not manage people")


def change(action: Action, person: Any, *, actor: User | None) -> bool:
    """Do the action to one person of a preview; return whether something changed.

    Raises ``IdentityError`` when the person became protected since the preview.
    """
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
        return services.suspend(person, action.reason, notify=action.notify)
    if action.code == "resume":
        return services.resume(person, notify=action.notify)
    if action.code == "resend":
        services.resend_invitation(person, invited_by=actor)
        return True
    services.remove(person)
    return True


@transaction.atomic
def invite_all(
    emails: Sequence[str], role_codes: Sequence[str], cohort: Cohort | None, *, invited_by: Any
) -> int:
    """Invite all these addresses or none; returns how many. Raises ``IdentityError``."""
    seats.require(len(emails), role_codes)
    for email in emails:
        services.invite(email, role_codes, [cohort] if cohort else [], invited_by=invited_by)
    return len(emails)
