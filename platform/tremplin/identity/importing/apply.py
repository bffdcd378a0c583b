"""The import itself: everything or nothing, invitations after commit."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from tremplin.identity import identity_settings, seats, services
from tremplin.identity.importing.plan import NewPerson, Plan
from tremplin.identity.models import Cohort, CohortMembership, Invitation, User
from tremplin.identity.normalise import slugify
from tremplin.identity.roles import seat_roles

BATCH = 500


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    created: int
    joined: int
    unchanged: int
    refused: int
    cohorts: int
    invited: int
    no_place: int = 0
    places: seats.Places = seats.UNLIMITED


@transaction.atomic
def import_people(plan: Plan, *, invited_by: User | None, invite: bool = True) -> Imported:
    """Create the people of ``plan``, put known ones in their cohorts, queue the invitations.

    Lines with problems are left out. Raises ``IntegrityError`` when someone created one of the
    people since the plan was made, ``NoPlace`` when fewer places are left than the plan needs:
    nothing is written then, make a new plan.
    """
    before = Cohort.objects.count()
    names = {name for row in plan.new for name in row.cohorts}
    names |= {name for known in plan.joining for name in known.joins}
    cohorts = {slugify(name): services.ensure_cohort(name) for name in sorted(names)}
    people = _create_people(plan.new)
    _create_memberships(plan, people, cohorts)
    _take_places(plan.new, people, invited=invite)
    invitations = _create_invitations(plan.new, people, cohorts, invited_by) if invite else []
    done = Imported(
        created=len(people),
        joined=len(plan.joining),
        unchanged=len(plan.unchanged),
        refused=len(plan.problems),
        cohorts=Cohort.objects.count() - before,
        invited=len(invitations),
        no_place=plan.no_place,
        places=seats.Places(plan.places_after, plan.places.total),
    )
    from tremplin.api import services as platform

    if done.created or done.joined:
        platform.audit().record(
            "people.imported",
            data={
                "created": done.created,
                "joined": done.joined,
                "unchanged": done.unchanged,
                "refused": done.refused,
            },
        )
    if invitations:
        services.queue_invitations(invitations)
    return done


def _create_people(rows: list[NewPerson]) -> dict[str, User]:
    people: dict[str, User] = {}
    for row in rows:
        person = User(
            email=row.email,
            first_name=row.first_name,
            last_name=row.last_name,
            locale=row.locale,
            password=make_password(None),
        )
        person.refresh_search_text()
        people[row.email] = person
    User.objects.bulk_create(people.values(), batch_size=BATCH)
    EmailAddress.objects.bulk_create(
        [
            EmailAddress(user=person, email=person.email, primary=True, verified=False)
            for person in people.values()
        ],
        batch_size=BATCH,
    )
    codes = {code for row in rows for code in row.roles}
    groups = {group.name: group.pk for group in Group.objects.filter(name__in=codes)}
    link = User.groups.through
    link.objects.bulk_create(
        [
            link(user_id=people[row.email].pk, group_id=groups[code])
            for row in rows
            for code in row.roles
        ],
        batch_size=BATCH,
    )
    return people


def _take_places(rows: list[NewPerson], people: dict[str, User], *, invited: bool) -> None:
    counted = seat_roles()
    seats.take(
        [people[row.email].pk for row in rows if not counted.isdisjoint(row.roles)],
        invited=invited,
    )


def _create_memberships(plan: Plan, people: dict[str, User], cohorts: dict[str, Cohort]) -> None:
    wanted: list[tuple[UUID, Cohort]] = []
    for row in plan.new:
        wanted += [(people[row.email].pk, cohorts[slugify(name)]) for name in row.cohorts]
    for known in plan.joining:
        wanted += [(known.person, cohorts[slugify(name)]) for name in known.joins]
    CohortMembership.objects.bulk_create(
        [
            CohortMembership(person_id=person, cohort=cohort)
            for person, cohort in dict.fromkeys(wanted)
        ],
        batch_size=BATCH,
        ignore_conflicts=True,
    )


def _create_invitations(
    rows: list[NewPerson],
    people: dict[str, User],
    cohorts: dict[str, Cohort],
    invited_by: User | None,
) -> list[UUID]:
    now = timezone.now()
    expires_at = now + timedelta(days=identity_settings.current().invitation_days)
    invitations: dict[str, Invitation] = {}
    links: dict[UUID, list[Cohort]] = defaultdict(list)
    for row in rows:
        invitation = Invitation(
            person=people[row.email],
            email=row.email,
            token_hash=services.new_token()[1],
            roles=list(row.roles),
            invited_by=invited_by,
            created_at=now,
            expires_at=expires_at,
        )
        invitations[row.email] = invitation
        links[invitation.pk] = [cohorts[slugify(name)] for name in row.cohorts]
    Invitation.objects.bulk_create(invitations.values(), batch_size=BATCH)
    through = Invitation.cohorts.through
    through.objects.bulk_create(
        [
            through(invitation_id=pk, cohort_id=cohort.pk)
            for pk, joined in links.items()
            for cohort in {cohort.pk: cohort for cohort in joined}.values()
        ],
        batch_size=BATCH,
    )
    return [invitation.pk for invitation in invitations.values()]
