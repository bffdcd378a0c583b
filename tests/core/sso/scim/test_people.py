"""What a directory does to people: creation, adoption, changes, deactivation, deletion."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.django_db
LINA = "lina@mecaformation.example"
NAME = {"givenName": "Lina", "familyName": "Moreau"}


def audit_kinds(inside: Any, tenant: Any, **filters: Any) -> list[str]:
    from tremplin.kernel.models import AuditEvent

    with inside(tenant):
        return list(
            AuditEvent.objects.filter(actor_label="directory", **filters)
            .order_by("id")
            .values_list("kind", flat=True)
        )


@pytest.fixture
def make_person(inside: Any, tenant_a: Any) -> Any:
    from tremplin.identity import services

    def make(email: str, *roles: str, **fields: Any) -> Any:
        with inside(tenant_a):
            return services.create_person(email=email, roles=roles or ("learner",), **fields)

    return make


def test_a_user_becomes_a_person_without_password(directory: Any, person: Any) -> None:
    document = directory.user(LINA, name=NAME, externalId="e-1", preferredLanguage="fr-FR")

    lina = person(LINA)
    assert (lina.first_name, lina.last_name, lina.locale) == ("Lina", "Moreau", "fr")
    assert (lina.is_active, lina.has_usable_password()) == (True, False)
    assert lina.role_codes() == {"learner"}
    assert document["meta"]["version"] == 'W/"1"'
    assert document["meta"]["location"] == (
        f"http://{directory.tenant.primary_host}/scim/v2/Users/{document['id']}"
    )
    assert document["externalId"] == "e-1"


def test_the_address_is_the_primary_one(directory: Any, person: Any) -> None:
    emails = [
        {"value": "home@x.example", "type": "home"},
        {"value": "Work@X.example", "type": "work"},
        {"value": "main@x.example", "type": "other", "primary": True},
    ]
    directory.user("lina.moreau", emails=emails)
    directory.user("sofia", emails=emails[:2])

    assert person("main@x.example").is_active
    assert person("work@x.example").is_active


def test_a_user_without_address_waits_for_one(directory: Any, person: Any, inside: Any) -> None:
    from tremplin.identity.models import User

    document = directory.user("lina.moreau", name=NAME)
    with inside(directory.tenant):
        assert User.objects.filter(last_name="Moreau").count() == 0
    group = directory.group("Bac Pro", document["id"])

    patched = directory.patch(
        f"/Users/{document['id']}",
        {"op": "add", "path": 'emails[type eq "work"].value', "value": LINA},
    )

    assert patched.status_code == 204
    lina = person(LINA)
    with inside(directory.tenant):
        assert [cohort.name for cohort in lina.cohorts.all()] == ["Bac Pro"]
    shown = directory.get(f"/Users/{document['id']}").json()
    assert [(item["value"], item["display"]) for item in shown["groups"]] == [
        (group["id"], "Bac Pro")
    ]


@pytest.mark.parametrize(
    ("user_name", "emails"),
    [(LINA.upper(), []), ("lina.moreau", [{"value": LINA, "primary": True}])],
)
def test_someone_who_is_there_already_is_adopted(
    directory: Any, person: Any, make_person: Any, inside: Any, user_name: str, emails: Any
) -> None:
    before = make_person(LINA, "trainer", first_name="L.", last_name="M.", password="phrase 7 !")

    directory.user(user_name, emails=emails, name=NAME)

    lina = person(LINA)
    assert lina.pk == before.pk
    assert lina.role_codes() == {"trainer"}
    assert lina.has_usable_password()
    assert (lina.first_name, lina.last_name) == ("Lina", "Moreau")
    assert audit_kinds(inside, directory.tenant) == ["security.directory_user_linked"]


@pytest.mark.parametrize("value", [False, "False", "false"])
def test_deactivation_ends_sessions_and_tokens(
    directory: Any, person: Any, client_for: Any, inside: Any, value: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.api_access import keys

    document = directory.user(LINA, name=NAME)
    with inside(directory.tenant):
        lina = person(LINA)
        services.set_roles(lina, ["admin"])
        _key, secret = keys.create(name="moodle", scopes=["scim"], created_by=lina)
    browser = client_for(directory.tenant, lina)
    assert browser.get("/app/").status_code == 200

    answer = directory.patch(
        f"/Users/{document['id']}", {"op": "Replace", "path": "active", "value": value}
    )

    assert answer.status_code == 204
    lina = person(LINA)
    assert (lina.is_active, lina.suspended_reason) == (False, "directory")
    assert browser.get("/app/").status_code == 302
    with inside(directory.tenant):
        assert keys.authenticate(secret, "192.0.2.1") is None
    assert directory.get(f"/Users/{document['id']}").json()["active"] is False
    directory.patch(f"/Users/{document['id']}", {"op": "replace", "value": {"active": True}})
    assert person(LINA).is_active


def test_a_suspension_of_the_space_is_not_lifted(directory: Any, person: Any, inside: Any) -> None:
    from tremplin.identity import services

    document = directory.user(LINA, active=True)
    with inside(directory.tenant):
        services.suspend(person(LINA), "Conduct")

    seen = directory.get(f"/Users/{document['id']}").json()["active"]
    directory.patch(f"/Users/{document['id']}", {"op": "add", "path": "title", "value": "x"})
    for value in (True, False, True):
        directory.patch(
            f"/Users/{document['id']}", {"op": "replace", "path": "active", "value": value}
        )

    lina = person(LINA)
    assert (seen, lina.is_active, lina.suspended_reason) == (False, False, "Conduct")


def test_someone_reopened_by_the_space_can_be_closed_again(
    directory: Any, person: Any, inside: Any
) -> None:
    from tremplin.identity import services

    document = directory.user(LINA, active=False)
    with inside(directory.tenant):
        services.resume(person(LINA))

    directory.patch(f"/Users/{document['id']}", {"op": "add", "path": "title", "value": "x"})
    kept = person(LINA).is_active
    directory.patch(f"/Users/{document['id']}", {"op": "replace", "path": "active", "value": False})

    assert (kept, person(LINA).is_active) == (True, False)


def test_a_deleted_user_keeps_the_data_and_comes_back(
    directory: Any, person: Any, inside: Any
) -> None:
    first = directory.user(LINA, name=NAME)
    pk = person(LINA).pk

    deleted = directory.send("DELETE", f"/Users/{first['id']}")
    gone = directory.get(f"/Users/{first['id']}").status_code
    closed = person(LINA)
    second = directory.user(LINA, name=NAME)

    assert (deleted.status_code, deleted.content, gone) == (204, b"", 404)
    assert (closed.is_active, closed.last_name) == (False, "Moreau")
    back = person(LINA)
    assert (back.pk, back.is_active) == (pk, True)
    assert second["id"] != first["id"]
    assert audit_kinds(inside, directory.tenant) == [
        "security.directory_user_created",
        "security.person_suspended",
        "security.directory_user_deleted",
        "security.person_resumed",
        "security.directory_user_linked",
    ]


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "POST"])
def test_the_owner_and_the_last_administrator_stay(
    directory: Any, person: Any, inside: Any, method: str
) -> None:
    from tremplin.identity.models import SpaceOwner

    with inside(directory.tenant):
        owner = SpaceOwner.objects.get().person
    body: dict[str, Any] = {"userName": owner.email, "active": False}
    if method == "POST":
        answer = directory.send("POST", "/Users", body)
    else:
        document = directory.user(owner.email)
        path = f"/Users/{document['id']}"
        if method == "PATCH":
            answer = directory.patch(path, {"op": "replace", "path": "active", "value": False})
        else:
            answer = directory.send(method, path, body if method == "PUT" else None)

    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/scim+json"
    assert answer.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.json()["detail"]
    assert person(owner.email).is_active
    listed = directory.get("/Users").json()["totalResults"]
    assert listed == (0 if method == "POST" else 1)


def test_the_last_administrator_stays_and_another_may_go(
    directory: Any, person: Any, inside: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import SpaceOwner

    nadia = directory.user("nadia@mecaformation.example")["id"]
    closing = {"op": "replace", "path": "active", "value": False}
    with inside(directory.tenant):
        owner = SpaceOwner.objects.get().person
        services.set_roles(owner, ["admin"])
        SpaceOwner.objects.all().delete()
        services.set_roles(owner, ["learner"])

    refused = directory.patch(f"/Users/{nadia}", closing)
    with inside(directory.tenant):
        services.set_roles(owner, ["admin"])
    accepted = directory.patch(f"/Users/{nadia}", closing)

    assert (refused.status_code, accepted.status_code) == (403, 204)
    assert not person("nadia@mecaformation.example").is_active


def test_an_administrators_address_is_not_the_directorys(directory: Any, person: Any) -> None:
    document = directory.user("nadia@mecaformation.example")

    refused = directory.patch(
        f"/Users/{document['id']}",
        {"op": "add", "path": "emails", "value": [{"value": "evil@x.example", "primary": True}]},
    )

    assert refused.status_code == 403
    assert person("nadia@mecaformation.example").role_codes() == {"admin"}
    assert "emails" not in directory.get(f"/Users/{document['id']}").json()


def test_the_address_of_who_holds_rights_over_rights_is_not_the_directorys(
    directory: Any, person: Any, inside: Any
) -> None:
    """A leaked token would give the address, then the account by a password reset."""
    from django.contrib.auth.models import Group, Permission

    from tremplin.identity.models import CustomRole

    document = directory.user(LINA)
    with inside(directory.tenant):
        group = Group.objects.create(name="custom-rights")
        group.permissions.add(
            Permission.objects.get(codename="manage_roles", content_type__app_label="identity")
        )
        CustomRole.objects.create(group=group, label="Rights", copied_from="manager")
        person(LINA).groups.add(group)

    refused = directory.patch(
        f"/Users/{document['id']}",
        {"op": "replace", "path": "userName", "value": "evil@x.example"},
    )

    assert refused.status_code == 403
    assert person(LINA).email == LINA


def test_an_address_changes_with_its_record_and_links_stop(
    directory: Any, person: Any, inside: Any
) -> None:
    from allauth.account.models import EmailAddress

    document = directory.user(LINA)

    changed = directory.patch(
        f"/Users/{document['id']}", {"op": "replace", "path": "userName", "value": "l2@x.example"}
    )

    assert changed.status_code == 204
    with inside(directory.tenant):
        lina = person("l2@x.example")
        assert [
            (row.email, row.primary, row.verified) for row in EmailAddress.objects.filter(user=lina)
        ] == [("l2@x.example", True, True)]


def test_nobody_takes_an_address_that_is_taken(directory: Any, make_person: Any) -> None:
    make_person("sofia@x.example")
    document = directory.user(LINA)

    answer = directory.patch(
        f"/Users/{document['id']}",
        {"op": "replace", "path": "userName", "value": "sofia@x.example"},
    )
    twice = directory.send(
        "POST", "/Users", {"userName": "other", "emails": [{"value": LINA, "primary": True}]}
    )

    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert (twice.status_code, twice.json()["scimType"]) == (409, "uniqueness")
    assert directory.get(f"/Users/{document['id']}").json()["userName"] == LINA
    assert directory.get("/Users").json()["totalResults"] == 1


def test_creating_twice_conflicts_and_changing_nothing_keeps_the_version(directory: Any) -> None:
    document = directory.user(LINA, name=NAME)
    body = {"schemas": document["schemas"], "userName": LINA, "name": NAME}

    again = directory.send("POST", "/Users", body)
    same = directory.send("PUT", f"/Users/{document['id']}", body)

    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")
    assert (same.status_code, same.json()["meta"]["version"]) == (200, 'W/"1"')


def test_what_a_user_may_not_say_has_no_effect(directory: Any, person: Any, inside: Any) -> None:
    from tremplin.sso.models import ScimRecord

    document = directory.user(
        LINA,
        password="a phrase they chose 7",
        roles=[{"value": "admin", "primary": True}],
        entitlements=[{"value": "owner"}],
        groups=[{"value": "admin"}],
        isActive=False,
        is_superuser=True,
        id="00000000-0000-0000-0000-000000000001",
        meta={"version": 'W/"9"'},
    )
    directory.patch(
        f"/Users/{document['id']}",
        {"op": "replace", "value": {"password": "another one 8!", "isActive": "False"}},
        {"op": "add", "path": "roles", "value": [{"value": "platform_admin"}]},
    )
    put = directory.send(
        "PUT",
        f"/Users/{document['id']}",
        {"userName": LINA, "password": "third 9 phrases", "suspended_reason": "x"},
    )

    lina = person(LINA)
    assert lina.role_codes() == {"learner"}
    assert (lina.is_active, lina.is_superuser, lina.has_usable_password()) == (True, False, False)
    assert (document["id"], document["meta"]["version"]) != (
        "00000000-0000-0000-0000-000000000001",
        'W/"9"',
    )
    assert not {"password", "groups"} & set(document)
    assert put.status_code == 200
    with inside(directory.tenant):
        assert set(ScimRecord.objects.get().document) == {"schemas", "userName"}


def test_every_write_is_audited_with_ids_and_codes_only(directory: Any, inside: Any) -> None:
    from tremplin.kernel import audit
    from tremplin.kernel.models import AuditEvent

    document = directory.user(LINA, name=NAME)
    directory.patch(f"/Users/{document['id']}", {"op": "add", "path": "title", "value": "Chef"})
    group = directory.group("Bac Pro", document["id"])
    directory.send("DELETE", f"/Groups/{group['id']}")
    directory.send("DELETE", f"/Users/{document['id']}")

    with inside(directory.tenant):
        rows = list(AuditEvent.objects.filter(actor_label="directory").order_by("id"))
        assert audit.verify().ok
    assert [row.kind.removeprefix("security.") for row in rows] == [
        "directory_user_created",
        "directory_user_updated",
        "directory_group_created",
        "directory_group_changed",
        "directory_group_changed",
        "directory_group_deleted",
        "person_suspended",
        "directory_user_deleted",
    ]
    text = " ".join(f"{row.target} {row.data}" for row in rows)
    assert not {word for word in (LINA, "Moreau", "Lina", "Chef", "Bac Pro") if word in text}
    assert {row.actor for row in rows} != {None}


def test_removing_someone_forgets_her_document(directory: Any, person: Any, inside: Any) -> None:
    from tremplin.identity import services
    from tremplin.sso.models import ScimRecord

    document = directory.user(LINA, name=NAME)
    group = directory.group("Bac Pro", document["id"])
    with inside(directory.tenant):
        services.remove(person(LINA))
        assert ScimRecord.objects.filter(resource_type="User").count() == 0

    assert directory.get(f"/Users/{document['id']}").status_code == 404
    assert "members" not in directory.get(f"/Groups/{group['id']}").json()


def test_the_page_of_a_closed_account_says_who_closed_it(
    directory: Any, person: Any, client_for: Any, settings: Any, make_admin: Any
) -> None:
    directory.user(LINA, active=False)
    console = client_for(directory.tenant, make_admin(directory.tenant, "chief@x.example"))
    console.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"

    text = console.get(f"/console/people/{person(LINA).pk}/").content.decode()

    assert "The directory of the organisation closed this account." in text


def test_what_the_directory_told_is_exported(directory: Any, person: Any, inside: Any) -> None:
    from tremplin.privacy import sources

    directory.user(LINA, name=NAME, title="Chef")
    lina = person(LINA).pk
    with inside(directory.tenant):
        (keeper,) = [item.keeper for item in sources.core() if item.module == "directory"]
        (file,) = keeper.export(None, lina)  # type: ignore[arg-type]
        assert [keeper.erase(None, lina), keeper.erase(None, lina)] == [1, 0]  # type: ignore[arg-type]
        assert list(keeper.export(None, lina)) == []  # type: ignore[arg-type]

    assert (file.name, file.data["document"]["title"]) == ("sso/directory.json", "Chef")
