"""The ``people`` service, the API and provisioning."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

pytestmark = pytest.mark.django_db


@pytest.fixture
def crowd(tenant_a: Any, make_person: Any, inside: Any) -> Any:
    from tremplin.identity import services

    people = [
        make_person(tenant_a, "a@x.example", "learner", first_name="Awa", last_name="Diop"),
        make_person(
            tenant_a, "b@x.example", "learner", "coach", first_name="Théo", last_name="Roussel"
        ),
        make_person(tenant_a, "c@x.example", "trainer", first_name="Karim", last_name="Benali"),
    ]
    with inside(tenant_a):
        cohort = services.ensure_cohort("2026-B")
        for person in people[:2]:
            services.add_to_cohort(person, cohort)
    return people, cohort


def test_people_as_values_with_query_budgets(
    tenant_a: Any, crowd: Any, inside: Any, django_assert_num_queries: Any
) -> None:
    from tremplin.api.services import people as service

    (awa, theo, karim), cohort = crowd
    with inside(tenant_a):
        with django_assert_num_queries(1):
            ref = service().get(theo.pk)
        assert ref is not None
        assert (ref.display_name, ref.roles) == ("Théo Roussel", {"learner", "coach"})
        assert service().get(uuid4()) is None
        with django_assert_num_queries(1):
            many = service().many([awa.pk, theo.pk, uuid4(), awa.pk])
        assert {pk: sorted(ref.roles) for pk, ref in many.items()} == {
            awa.pk: ["learner"],
            theo.pk: ["coach", "learner"],
        }
        with django_assert_num_queries(0):
            assert service().many([]) == {}
        with django_assert_num_queries(1):
            assert [ref.id for ref in service().search("THEO rous")] == [theo.pk]
        assert [sorted(ref.roles) for ref in service().search("theo", role="coach")] == [
            ["coach", "learner"]
        ]
        assert len(service().search("x.example", limit=2)) == 2
        with django_assert_num_queries(1):
            assert [ref.id for ref in service().with_role("learner")] == [awa.pk, theo.pk]
        with django_assert_num_queries(1):
            viewers = [ref.id for ref in service().with_permission("identity.view_people")]
        assert {karim.pk, theo.pk} <= set(viewers)
        assert awa.pk not in viewers
        with django_assert_num_queries(1):
            assert [(ref.name, ref.slug, ref.size) for ref in service().cohorts()] == [
                ("2026-B", "2026-b", 2)
            ]
        with django_assert_num_queries(1):
            assert service().cohort_members(cohort.pk) == [awa.pk, theo.pk]
        with django_assert_num_queries(1):
            assert service().cohorts_of(awa.pk) == [cohort.pk]
        assert service().cohort(uuid4()) is None


def test_suspended_and_removed_people_in_the_service(
    tenant_a: Any, crowd: Any, inside: Any
) -> None:
    from tremplin.api.services import people as service
    from tremplin.identity import services

    (awa, theo, _karim), cohort = crowd
    with inside(tenant_a):
        services.suspend(awa, "absence")
        services.remove(theo)
        assert service().get(awa.pk) is not None
        assert service().get(theo.pk) is None
        assert service().with_role("learner") == []
        assert service().cohort_members(cohort.pk) == []
        assert service().cohort(cohort.pk).size == 0  # type: ignore[union-attr]


def test_the_context_of_background_work_knows_the_person(
    tenant_a: Any, crowd: Any, inside: Any
) -> None:
    from tremplin.api.services import contexts

    karim = crowd[0][2]
    with inside(tenant_a):
        ctx = contexts().for_person(karim.pk)
        assert ctx.person is not None
        assert ctx.person.display_name == "Karim Benali"
        assert (ctx.can("identity.view_people"), ctx.can("identity.manage_people")) == (True, False)


def test_api_people_and_cohorts(client_for: Any, tenant_a: Any, crowd: Any, as_admin: Any) -> None:
    me = as_admin.get("/api/v1/me").json()
    assert me["tenant"] == {
        "id": str(tenant_a.uuid),
        "slug": "mecaformation",
        "name": "MécaFormation Lyon",
        "kind": "school",
        "locale": "fr",
    }
    first = as_admin.get("/api/v1/people?limit=2&text=x.example").json()
    assert [item["display_name"] for item in first["items"]] == ["Karim Benali", "Awa Diop"]
    second = as_admin.get(
        f"/api/v1/people?limit=2&text=x.example&cursor={first['next_cursor']}"
    ).json()
    assert [item["display_name"] for item in second["items"]] == ["Théo Roussel"]
    assert second["next_cursor"] is None
    cohorts = as_admin.get("/api/v1/cohorts").json()
    assert [(item["slug"], item["size"]) for item in cohorts["items"]] == [("2026-b", 2)]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("people?limit=0", 422, "invalid_limit"),
        ("people?limit=101", 422, "invalid_limit"),
        ("people?cursor=%21%21", 422, "invalid_cursor"),
        ("people?cursor=LTE%3D", 422, "invalid_cursor"),
        ("people?status=bored", 422, "unknown_status"),
    ],
)
def test_api_mistakes(as_admin: Any, path: str, status: int, code: str) -> None:
    response = as_admin.get(f"/api/v1/{path}")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"].startswith("application/problem+json")


def test_api_refuses_strangers_and_learners(client_for: Any, tenant_a: Any, learner_a: Any) -> None:
    assert client_for(tenant_a).get("/api/v1/me").status_code == 401
    learner = client_for(tenant_a, learner_a)
    for path in ("people", "cohorts"):
        assert learner.get(f"/api/v1/{path}").status_code == 403


@pytest.mark.parametrize(
    ("slug", "roles"),
    [
        ("mecaformation", {"admin"}),
        ("hq", {"admin", "platform_admin"}),
        ("passerelle", {"admin", "reseller_owner"}),
    ],
)
def test_provisioning_creates_the_owner(
    space: Any, inside: Any, slug: str, roles: set[str]
) -> None:
    from tremplin.identity.models import Invitation, SpaceOwner, TenantMembership

    with inside(space(slug)):
        owner = SpaceOwner.objects.get().person
        assert owner.email == f"owner@{slug}.example"
        assert owner.role_codes() == roles
        assert not owner.has_usable_password()
        assert Invitation.objects.filter(person=owner, accepted_at=None).count() == 1
        assert TenantMembership.objects.count() == 0


def test_an_owner_with_a_password_signs_in_at_once(
    tenant_a: Any, inside: Any, client_for: Any
) -> None:
    from types import SimpleNamespace

    from django.contrib.auth.hashers import make_password

    from tremplin.identity import provisioning
    from tremplin.identity.models import SpaceOwner

    new = SimpleNamespace(
        options={
            "owner": {
                "email": "Camille@Garnier.example",
                "password_hash": make_password("la phrase de Camille"),
                "first_name": "Camille",
                "last_name": "Aubry",
            }
        }
    )
    with inside(tenant_a):
        provisioning.create_owner(tenant_a, new)
        assert SpaceOwner.objects.get().person.email == "camille@garnier.example"
    answer = client_for(tenant_a).post(
        "/accounts/login/", {"login": "camille@garnier.example", "password": "la phrase de Camille"}
    )
    assert answer["Location"] == "/app/"


def test_personal_data_is_exported_then_erased(tenant_a: Any, crowd: Any, inside: Any) -> None:
    import json

    from tremplin.api.services import contexts
    from tremplin.identity.models import User
    from tremplin.identity.privacy import IdentityPersonalData

    awa = crowd[0][0]
    data = IdentityPersonalData()
    with inside(tenant_a):
        ctx = contexts().current()
        (file,) = data.export(ctx, awa.pk)
        content = json.loads(json.dumps(file.data))
        assert (content["email"], content["roles"]) == ("a@x.example", ["learner"])
        assert [cohort["name"] for cohort in content["cohorts"]] == ["2026-B"]
        assert (data.erase(ctx, awa.pk), data.erase(ctx, awa.pk)) == (1, 0)
        assert "Awa" not in str(User.objects.filter(pk=awa.pk).values())
        assert list(data.export(ctx, uuid4())) == []


def test_unsafe_settings_stop_the_start(settings: Any) -> None:
    from tremplin.identity.checks import account_isolation

    assert account_isolation(None) == []
    settings.SESSION_COOKIE_DOMAIN = ".tremplin.example"
    settings.ANONYMOUS_USER_NAME = "AnonymousUser"
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert [problem.id for problem in account_isolation(None)] == [
        "identity.E002",
        "identity.E003",
        "identity.E004",
    ]
