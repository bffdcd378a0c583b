"""Groups are cohorts; roles come from the table of the space, never from a group's name."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.django_db


def names(inside: Any, tenant: Any, cohort: str) -> list[str]:
    from tremplin.identity.models import Cohort

    with inside(tenant):
        return sorted(Cohort.objects.get(name=cohort).members.values_list("email", flat=True))


@pytest.fixture
def three(directory: Any) -> list[str]:
    """Ids of three users: a, b and c at x.example."""
    return [directory.user(f"{letter}@x.example")["id"] for letter in "abc"]


def members(directory: Any, group: str) -> list[str]:
    return [item["value"] for item in directory.get(f"/Groups/{group}").json().get("members", [])]


def test_a_group_is_a_cohort(directory: Any, three: list[str], inside: Any) -> None:
    group = directory.group("Bac Pro VE", *three[:2])

    assert names(inside, directory.tenant, "Bac Pro VE") == ["a@x.example", "b@x.example"]
    shown = directory.get(f"/Groups/{group['id']}").json()
    root = f"http://{directory.tenant.primary_host}/scim/v2"
    assert [item["$ref"] for item in shown["members"]] == [f"{root}/Users/{pk}" for pk in three[:2]]


def test_entra_removes_one_member_by_filter(directory: Any, three: list[str], inside: Any) -> None:
    group = directory.group("VE", *three)["id"]

    answer = directory.patch(
        f"/Groups/{group}", {"op": "Remove", "path": f'members[value eq "{three[0]}"]'}
    )

    assert answer.status_code == 204
    assert members(directory, group) == three[1:]
    assert names(inside, directory.tenant, "VE") == ["b@x.example", "c@x.example"]


def test_entra_removes_members_by_value(directory: Any, three: list[str], inside: Any) -> None:
    group = directory.group("VE", *three)["id"]

    answer = directory.patch(
        f"/Groups/{group}",
        {"op": "Remove", "path": "members", "value": [{"value": three[0]}, {"value": three[2]}]},
    )

    assert answer.status_code == 204
    assert members(directory, group) == [three[1]]
    assert names(inside, directory.tenant, "VE") == ["b@x.example"]


def test_entra_adds_members_and_renames(directory: Any, three: list[str], inside: Any) -> None:
    group = directory.group("VE", three[0])["id"]

    answer = directory.patch(
        f"/Groups/{group}",
        {"op": "Add", "path": "members", "value": [{"value": three[1]}, {"value": three[0]}]},
        {"op": "Replace", "path": "displayName", "value": "VE 2026"},
    )

    assert answer.status_code == 204
    assert members(directory, group) == three[:2]
    assert names(inside, directory.tenant, "VE 2026") == ["a@x.example", "b@x.example"]


def test_okta_puts_the_whole_membership(directory: Any, three: list[str], inside: Any) -> None:
    group = directory.group("VE", three[0])["id"]
    body = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": group,
        "displayName": "VE",
        "members": [{"value": three[1], "display": "b@x.example"}, {"value": three[2]}],
    }

    answer = directory.send("PUT", f"/Groups/{group}", body)
    emptied = directory.send("PUT", f"/Groups/{group}", {**body, "members": []})

    assert (answer.status_code, emptied.status_code) == (200, 200)
    assert [item["value"] for item in answer.json()["members"]] == three[1:]
    assert names(inside, directory.tenant, "VE") == []


def test_okta_replaces_members_by_patch(directory: Any, three: list[str], inside: Any) -> None:
    group = directory.group("VE", three[0])["id"]

    answer = directory.patch(
        f"/Groups/{group}",
        {"op": "replace", "path": "members", "value": [{"value": three[2]}]},
        {"op": "replace", "value": {"id": group, "displayName": "VE"}},
    )

    assert answer.status_code == 204
    assert names(inside, directory.tenant, "VE") == ["c@x.example"]


def test_people_added_by_hand_stay(directory: Any, three: list[str], inside: Any) -> None:
    from tremplin.identity import services

    with inside(directory.tenant):
        cohort = services.ensure_cohort("VE")
        hand = services.create_person(email="hand@x.example")
        services.add_to_cohort(hand, cohort)

    group = directory.group("ve", *three[:1])["id"]
    adopted = names(inside, directory.tenant, "VE")
    directory.send("DELETE", f"/Groups/{group}")

    assert adopted == ["a@x.example", "hand@x.example"]
    assert names(inside, directory.tenant, "VE") == ["hand@x.example"]
    assert directory.get(f"/Groups/{group}").status_code == 404
    assert directory.group("VE")["displayName"] == "VE"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"displayName": "ve"}, 409, "uniqueness"),
        ({"displayName": "VÉ"}, 409, "uniqueness"),
        ({"displayName": "!!!"}, 400, "invalidValue"),
        ({"displayName": "x" * 121}, 400, "invalidValue"),
        ({"displayName": ""}, 400, "invalidValue"),
        ({}, 400, "invalidValue"),
        ({"displayName": "N", "members": [{"value": "no-such"}]}, 400, "invalidValue"),
        (
            {"displayName": "N", "members": [{"value": "00000000-0000-0000-0000-000000000001"}]},
            400,
            "invalidValue",
        ),
    ],
)
def test_bad_groups_are_refused(
    directory: Any, inside: Any, body: Any, status: int, code: str
) -> None:
    from tremplin.identity.models import Cohort

    directory.group("VE")
    answer = directory.send("POST", "/Groups", body)

    assert (answer.status_code, answer.json()["scimType"]) == (status, code)
    with inside(directory.tenant):
        assert list(Cohort.objects.values_list("name", flat=True)) == ["VE"]


def test_a_group_gives_only_the_roles_of_the_table(
    directory: Any, three: list[str], inside: Any, person: Any
) -> None:
    from tremplin.identity.models import Cohort
    from tremplin.sso.scim import groups

    admins = directory.group("admin", three[0])["id"]
    trainers = directory.group("Trainers", three[0])["id"]
    assert person("a@x.example").role_codes() == {"learner"}
    with inside(directory.tenant):
        assert groups.map_role(Cohort.objects.get(name="Trainers"), "trainer") == 1
    assert person("a@x.example").role_codes() == {"learner", "trainer"}

    directory.patch(
        f"/Groups/{trainers}", {"op": "add", "path": "members", "value": [{"value": three[1]}]}
    )
    directory.patch(
        f"/Groups/{trainers}", {"op": "remove", "path": f'members[value eq "{three[0]}"]'}
    )

    assert person("a@x.example").role_codes() == {"learner"}
    assert person("b@x.example").role_codes() == {"learner", "trainer"}
    directory.send("DELETE", f"/Groups/{trainers}")
    assert person("b@x.example").role_codes() == {"learner"}
    assert members(directory, admins) == three[:1]


def test_two_groups_may_give_one_role(
    directory: Any, three: list[str], inside: Any, person: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import Cohort
    from tremplin.sso.scim import groups

    first = directory.group("One", three[0])["id"]
    directory.group("Two", three[0])
    with inside(directory.tenant):
        for name in ("One", "Two"):
            groups.map_role(Cohort.objects.get(name=name), "coach")
    directory.send("DELETE", f"/Groups/{first}")
    kept = person("a@x.example").role_codes()
    with inside(directory.tenant):
        services.delete_cohort(Cohort.objects.get(name="Two"))

    assert kept == {"learner", "coach"}
    assert person("a@x.example").role_codes() == {"learner"}


def test_nobody_is_left_without_a_role(
    directory: Any, three: list[str], inside: Any, person: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import Cohort
    from tremplin.sso.scim import groups

    directory.group("Trainers", three[0])
    with inside(directory.tenant):
        cohort = Cohort.objects.get(name="Trainers")
        groups.map_role(cohort, "trainer")
        services.set_roles(person("a@x.example"), ["trainer"])
        groups.unmap_role(cohort.directory_roles.get())

    assert person("a@x.example").role_codes() == {"learner"}


@pytest.mark.parametrize("role", ["admin", "platform_admin", "reseller_owner", "owner", "nothing"])
def test_some_roles_are_never_given(
    directory: Any, three: list[str], inside: Any, person: Any, role: str
) -> None:
    from tremplin.identity.errors import IdentityError
    from tremplin.identity.models import Cohort
    from tremplin.sso.models import CohortRole
    from tremplin.sso.scim import groups

    directory.group("Chiefs", three[0])
    with inside(directory.tenant):
        cohort = Cohort.objects.get(name="Chiefs")
        with pytest.raises(IdentityError) as refused:
            groups.map_role(cohort, role)
        assert refused.value.code == "role_not_mappable"
        # Even a row written past the service gives nothing.
        CohortRole.objects.create(cohort=cohort, role=role)
    directory.patch(
        f"/Groups/{directory.get('/Groups').json()['Resources'][0]['id']}",
        {"op": "add", "path": "members", "value": [{"value": three[1]}]},
    )
    assert person("b@x.example").role_codes() == {"learner"}


def test_joining_a_mapped_cohort_by_hand_gives_no_role(
    directory: Any, three: list[str], inside: Any, person: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import Cohort
    from tremplin.sso.scim import groups

    group = directory.group("Trainers", three[0])["id"]
    with inside(directory.tenant):
        cohort = Cohort.objects.get(name="Trainers")
        groups.map_role(cohort, "trainer")
        services.add_to_cohort(person("b@x.example"), cohort)
    directory.patch(
        f"/Groups/{group}", {"op": "add", "path": "members", "value": [{"value": three[2]}]}
    )

    assert person("b@x.example").role_codes() == {"learner"}
    assert person("c@x.example").role_codes() == {"learner", "trainer"}
