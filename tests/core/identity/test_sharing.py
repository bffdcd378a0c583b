"""Sharing one object with one person or one role, on top of what structure gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.django_db


@pytest.fixture
def cohorts_shared() -> Iterator[Any]:
    """Cohorts may be shared for a while: their members see them by structure."""
    from django.db.models import Q

    from tremplin.identity import sharing
    from tremplin.identity.models import Cohort

    def rows(person: Any, action: str) -> Q:
        return Q(memberships__person=person) if action == "view" else Q(pk=None)

    sharing.register(Cohort, actions=("view", "edit"), rows=rows)
    yield sharing
    sharing.unregister(Cohort)


def names(queryset: Any) -> list[str]:
    return sorted(queryset.values_list("name", flat=True))


def grants() -> int:
    from guardian.models import GroupObjectPermission, UserObjectPermission

    return UserObjectPermission.objects.count() + GroupObjectPermission.objects.count()


def test_structure_people_and_roles_add_up(
    cohorts_shared: Any,
    tenant_a: Any,
    learner_a: Any,
    admin_a: Any,
    inside: Any,
    django_assert_num_queries: Any,
) -> None:
    from django.contrib.auth.models import Group

    from tremplin.identity import services
    from tremplin.identity.models import Cohort

    sharing = cohorts_shared
    with inside(tenant_a):
        mine, personal, by_role, hidden = (
            services.ensure_cohort(name) for name in ("Mine", "Personal", "By role", "Hidden")
        )
        services.add_to_cohort(learner_a, mine)
        learners = Group.objects.get(name="learner")
        assert sharing.share(personal, "view", person=learner_a) is True
        assert sharing.share(personal, "view", person=learner_a) is False
        assert sharing.share(by_role, "edit", role=learners) is True
        assert sharing.share(by_role, "view", role=learners) is True
        found = sharing.scope(learner_a, Cohort.objects.all(), "view")
        with django_assert_num_queries(1):
            assert names(found) == ["By role", "Mine", "Personal"]
        assert names(sharing.scope(learner_a, Cohort.objects.all(), "edit")) == ["By role"]
        assert names(sharing.scope(admin_a, Cohort.objects.all(), "view")) == []
        with django_assert_num_queries(1):
            assert sharing.allowed(learner_a, "view", personal) is True
        assert sharing.allowed(learner_a, "edit", personal) is False
        assert sharing.allowed(learner_a, "view", hidden) is False
        everything = [mine, personal, by_role, hidden]
        with django_assert_num_queries(1):
            reached = sharing.allowed_among(learner_a, "view", everything)
        assert reached == {mine.pk, personal.pk, by_role.pk}
        assert [(g.action, g.person, g.role) for g in sharing.shared_with(by_role)] == [
            ("edit", None, "learner"),
            ("view", None, "learner"),
        ]
        assert sharing.unshare(personal, "view", person=learner_a) is True
        assert sharing.unshare(personal, "view", person=learner_a) is False
        assert sharing.allowed(learner_a, "view", personal) is False


def test_a_share_gives_no_right_of_a_role(
    cohorts_shared: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.identity import roles, services
    from tremplin.identity.models import User

    with inside(tenant_a):
        before = User.objects.get(pk=learner_a.pk).get_all_permissions()
        cohorts_shared.share(services.ensure_cohort("X"), "edit", person=learner_a)
        assert User.objects.get(pk=learner_a.pk).get_all_permissions() == before
        roles.sync()
        assert grants() == 1


def test_grants_go_with_the_object_the_person_and_the_role(
    cohorts_shared: Any, tenant_a: Any, learner_a: Any, inside: Any, policy: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import Cohort

    policy(tenant_a, custom_roles=True)
    with inside(tenant_a):
        role = services.create_role(
            "Passagère", "", copied_from="learner", permissions=[], grantable=frozenset(),
            created_by=None,
        )  # fmt: skip
        one, two, three = (services.ensure_cohort(f"C{n}") for n in range(3))
        for cohort in (one, two, three):
            cohorts_shared.share(cohort, "view", person=learner_a)
        cohorts_shared.share(one, "view", role=role.group)
        assert grants() == 4
        services.delete_cohort(two)
        assert grants() == 3
        services.delete_role(role)
        assert grants() == 2
        Cohort.objects.filter(pk=three.pk)._raw_delete("default")  # as a cascade of the database
        assert grants() == 2
        assert cohorts_shared.sweep() == 1
        assert cohorts_shared.sweep() == 0
        assert grants() == 1
        services.remove(learner_a)
        assert grants() == 0


def test_what_was_not_registered_is_refused(
    cohorts_shared: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from django.contrib.auth.models import Group

    from tremplin.identity import services

    with inside(tenant_a):
        cohort = services.ensure_cohort("X")
        learners = Group.objects.get(name="learner")
        for item, action in ((cohort, "delete"), (learner_a, "view")):
            with pytest.raises(LookupError):
                cohorts_shared.share(item, action, person=learner_a)
        for receivers in ({}, {"person": learner_a, "role": learners}):
            with pytest.raises(ValueError, match="one person or with one role"):
                cohorts_shared.share(cohort, "view", **receivers)
        assert grants() == 0


def test_a_share_stays_in_its_space(
    cohorts_shared: Any, tenant_a: Any, tenant_b: Any, learner_a: Any, make_person: Any, inside: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import Cohort, User

    with inside(tenant_a):
        cohort = services.ensure_cohort("X")
        cohorts_shared.share(cohort, "view", person=learner_a)
    with inside(tenant_b):
        # The worst case: the same ids on both sides.
        twin = User(pk=learner_a.pk, email="jumelle@x.example")
        twin.save(force_insert=True)
        Cohort.objects.create(pk=cohort.pk, name="X", slug="x")
        assert names(cohorts_shared.scope(twin, Cohort.objects.all(), "view")) == []
        assert grants() == 0


def test_one_query_over_many_rows(
    cohorts_shared: Any, tenant_a: Any, learner_a: Any, inside: Any, django_assert_num_queries: Any
) -> None:
    """20,000 rows, 300 of them shared: one query, and the rows themselves are never cast."""
    from tremplin.identity.models import Cohort

    with inside(tenant_a):
        rows = Cohort.objects.bulk_create(
            [Cohort(name=f"C{n:05}", slug=f"c{n:05}") for n in range(20_000)], batch_size=5_000
        )
        for row in rows[:300]:
            cohorts_shared.share(row, "view", person=learner_a)
        found = cohorts_shared.scope(learner_a, Cohort.objects.order_by("name"), "view")
        with django_assert_num_queries(1):
            assert [row.name for row in found[:25]] == [f"C{n:05}" for n in range(25)]
        with django_assert_num_queries(1):
            assert found.count() == 300
        assert '"identity_cohort"."id")::varchar' not in str(found.query)
        assert 'object_pk")::uuid' in str(found.query)
