"""Roles that a space makes for itself, and the table of who may do what."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

pytestmark = pytest.mark.django_db

TRAINER = {
    "portal.console",
    "identity.view_people",
    "profiles.manage_accommodations",
    "quiz.take",
    "quiz.author",
    "quiz.assign",
    "quiz.mark",
    "quiz.results",
}


@pytest.fixture
def own_roles(policy: Any, tenant_a: Any) -> None:
    policy(tenant_a, custom_roles=True)


def make(client: Any, name: str = "Chef d’atelier", **fields: Any) -> Any:
    data = {"label": name, "from": "trainer", "permissions": ["portal.console"], **fields}
    return client.post("/console/roles/new/", data)


def permissions_of(code: str) -> set[str]:
    from tremplin.identity import roles

    return set(roles.permissions_by_role().get(code, ()))


def test_without_the_switch_nobody_makes_a_role(
    as_admin: Any, tenant_a: Any, inside: Any, make_person: Any, client_for: Any
) -> None:
    from tremplin.identity.models import CustomRole

    page = as_admin.get("/console/roles/").content.decode()
    assert 'data-testid="roles-own-on"' in page
    assert 'data-testid="role-new"' not in page
    for answer in (as_admin.get("/console/roles/new/"), make(as_admin)):
        assert (answer.status_code, answer["Location"]) == (302, "/console/roles/")
    with inside(tenant_a):
        assert CustomRole.objects.count() == 0
    manager = client_for(tenant_a, make_person(tenant_a, "chef@x.example", "manager"))
    assert manager.post("/console/roles/own/", {"on": "1"}).status_code == 403
    assert as_admin.post("/console/roles/own/", {"on": "1"}).status_code == 302
    assert 'data-testid="role-new"' in as_admin.get("/console/roles/").content.decode()


def test_a_role_is_copied_changed_given_and_shown_everywhere(
    as_admin: Any, own_roles: None, tenant_a: Any, tenant_b: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.identity import roles, services
    from tremplin.identity.importing.plan import role_words

    form = as_admin.get("/console/roles/new/?from=trainer")
    ticked = {code for s in form.context["sections"] for code, _label, on in s["rows"] if on}
    with inside(tenant_a):
        assert permissions_of("trainer") == TRAINER
        # The quiz module is off in this space: its permissions are not offered.
        assert ticked == {code for code in TRAINER if not code.startswith("quiz.")}
    answer = make(as_admin, permissions=["portal.console", "identity.view_people"])
    assert answer["Location"] == "/console/roles/custom-chef-d-atelier/"
    code = "custom-chef-d-atelier"
    with inside(tenant_a):
        assert permissions_of(code) == {"portal.console", "identity.view_people"}
        assert roles.label(code) == "Chef d’atelier"
        assert role_words("school")["chef d’atelier"] == code
    with inside(tenant_b):
        assert roles.label(code) == code
        assert code not in {role.code for role in roles.roles_for("school")}
    for path in ("/console/people/", "/console/people/invite/", "/console/people/import/"):
        assert "Chef d’atelier" in as_admin.get(path).content.decode(), path
    assert f'value="{code}"' in as_admin.get(f"/console/people/{learner_a.pk}/").content.decode()
    as_admin.post(f"/console/people/{learner_a.pk}/roles/", {"roles": [code]})
    assert as_admin.get(f"/api/v1/people?role={code}").json()["items"][0]["roles"] == [code]
    listed = as_admin.get(f"/console/people/?role={code}")
    assert [row["roles"] for row in listed.context["rows"]] == [["Chef d’atelier"]]
    edit = {"label": "Cheffe d’atelier", "description": "Suit un atelier", "permissions": []}
    assert as_admin.post(f"/console/roles/{code}/edit/", edit).status_code == 302
    with inside(tenant_a):
        assert permissions_of(code) == set()
        assert services.is_owner(learner_a) is False
    assert "Cheffe d’atelier" in as_admin.get("/console/people/").content.decode()


def test_invitations_and_imports_take_a_role_of_the_space(
    as_admin: Any, own_roles: None, tenant_a: Any, inside: Any
) -> None:
    from tremplin.identity.importing.plan import make_plan
    from tremplin.identity.importing.reading import Line, Sheet
    from tremplin.identity.models import User

    make(as_admin)
    code = "custom-chef-d-atelier"
    answer = as_admin.post("/console/people/invite/", {"emails": "n@x.example", "roles": [code]})
    assert answer.status_code == 302
    line = Line(2, {"email": "i@x.example", "role": "CHEF D’ATELIER"}, False)
    with inside(tenant_a):
        assert list(User.objects.get(email="n@x.example").role_codes()) == [code]
        plan = make_plan(
            Sheet("utf-8", ";", ("email", "role"), (), (line,), (), 0),
            kind="school",
            allowed_roles=["learner", code],
        )
        assert [row.roles for row in plan.new] == [(code,)]


def test_the_sync_leaves_the_roles_of_a_space_alone(
    as_admin: Any, own_roles: None, tenant_a: Any, inside: Any
) -> None:
    from tremplin.identity import roles

    make(as_admin, permissions=["identity.view_people"])
    with inside(tenant_a):
        before = permissions_of("custom-chef-d-atelier")
        roles.sync()
        roles.sync("hq")
        assert permissions_of("custom-chef-d-atelier") == before == {"identity.view_people"}


@pytest.mark.parametrize(
    "permission",
    ["operations.platform", "identity.support_access", "identity.fly", "auth.add_user", "x"],
)
def test_rights_of_the_platform_never_enter_a_role(
    as_admin: Any, own_roles: None, tenant_a: Any, inside: Any, permission: str
) -> None:
    from tremplin.identity import services
    from tremplin.identity.errors import IdentityError
    from tremplin.identity.models import CustomRole

    assert make(as_admin, permissions=[permission]).status_code == 422
    with inside(tenant_a):
        with pytest.raises(IdentityError) as caught:
            services.create_role(
                "X",
                "",
                copied_from="learner",
                permissions=[permission],
                grantable=frozenset({"portal.console"}),
                created_by=None,
            )
        assert caught.value.code == "permission_not_yours"
        assert CustomRole.objects.count() == 0


@pytest.mark.parametrize("slug", ["hq", "passerelle"])
def test_not_even_in_the_spaces_of_the_platform(
    space: Any, policy: Any, make_person: Any, client_for: Any, inside: Any, slug: str
) -> None:
    from tremplin.identity.mfa import enrol_totp
    from tremplin.identity.models import CustomRole

    tenant = space(slug)
    policy(tenant, custom_roles=True)
    top = {"hq": "platform_admin", "passerelle": "reseller_owner"}[slug]
    boss = make_person(tenant, "boss@x.example", "admin", top)
    with inside(tenant):
        enrol_totp(boss, "JBSWY3DPEHPK3PXP")
    client = client_for(tenant, boss)
    answer = make(client, **{"from": "manager"}, permissions=["identity.support_access"])
    assert answer.status_code == 422
    with inside(tenant):
        assert CustomRole.objects.count() == 0


def test_nobody_hands_on_a_right_beyond_her_own(
    as_admin: Any, own_roles: None, tenant_a: Any, make_person: Any, client_for: Any, inside: Any
) -> None:
    """Someone who may give roles without being an administrator stays within her own rights."""
    held = ["portal.console", "identity.view_people", "identity.manage_people",
            "identity.manage_roles"]  # fmt: skip
    make(as_admin, "Ressources humaines", permissions=held)
    make(as_admin, "Petit rôle", permissions=["identity.view_people"])
    code = "custom-ressources-humaines"
    helper = make_person(tenant_a, "rh@x.example", code)
    client = client_for(tenant_a, helper)
    target = make_person(tenant_a, "cible@x.example", "learner")
    url = f"/console/people/{target.pk}/roles/"
    for role in ("admin", "manager", "trainer", "dpo"):
        assert client.post(url, {"roles": ["learner", role]}).status_code == 422, role
    assert client.post(url, {"roles": ["learner", "custom-petit-role"]}).status_code == 302
    offered = client.get("/console/roles/new/?from=admin").context
    codes = {code for s in offered["sections"] for code, _label, _on in s["rows"]}
    # Her own, and what learners hold, whom she may make.
    assert codes == {*held, "sales.buy"}
    assert make(client, "Fort", permissions=["identity.manage_security"]).status_code == 422
    own = {"label": "Ressources humaines", "permissions": [*held, "kernel.view_audit"]}
    assert client.post(f"/console/roles/{code}/edit/", own).status_code == 422
    with inside(tenant_a):
        assert permissions_of(code) == set(held)
        assert set(target.groups.values_list("name", flat=True)) == {"learner", "custom-petit-role"}


def test_what_is_beyond_the_editor_stays_in_the_role(
    as_admin: Any, own_roles: None, tenant_a: Any, inside: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import CustomRole

    make(as_admin, permissions=["identity.manage_security", "portal.console"])
    with inside(tenant_a):
        role = CustomRole.objects.select_related("group").get()
        services.change_role(
            role,
            label=role.label,
            description="",
            permissions=["identity.view_people"],
            grantable=frozenset({"portal.console", "identity.view_people"}),
        )
        assert permissions_of(role.group.name) == {
            "identity.manage_security",
            "identity.view_people",
        }


@pytest.mark.parametrize(
    "name", ["", "***", "Formateur·rice", "TRAINER", "x" * 81, "platform admin"]
)
def test_names_that_cannot_be_used(as_admin: Any, own_roles: None, name: str) -> None:
    assert make(as_admin, name).status_code == 422


def test_a_copy_of_a_counted_role_takes_a_seat(
    as_admin: Any, own_roles: None, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.identity import roles, selectors, services

    make(as_admin, "Élève libre", **{"from": "learner"}, permissions=[])
    make(as_admin, "Copie de copie", **{"from": "custom-eleve-libre"}, permissions=[])
    with inside(tenant_a):
        before = selectors.seats_used()
        services.set_roles(learner_a, ["custom-copie-de-copie"])
        assert selectors.seats_used() == before
        assert roles.seat_roles() == {
            "learner", "candidate", "custom-eleve-libre", "custom-copie-de-copie",
        }  # fmt: skip


def test_deleting_a_role_moves_its_holders(
    as_admin: Any, own_roles: None, tenant_a: Any, learner_a: Any, inside: Any, make_person: Any
) -> None:
    from tremplin.identity.models import CustomRole, Group
    from tremplin.kernel.models import AuditEvent

    make(as_admin)
    code = "custom-chef-d-atelier"
    other = make_person(tenant_a, "deux@x.example", code, "coach")
    as_admin.post(f"/console/people/{learner_a.pk}/roles/", {"roles": [code]})
    url = f"/console/roles/{code}/delete/"
    page = as_admin.get(url)
    assert (page.context["holders"], page.status_code) == (2, 200)
    for move_to in ("", code, "platform_admin", "nothing"):
        assert as_admin.post(url, {"move_to": move_to}).status_code == 422
    assert as_admin.post(url, {"move_to": "learner"})["Location"] == "/console/roles/"
    with inside(tenant_a):
        assert (CustomRole.objects.count(), Group.objects.filter(name=code).count()) == (0, 0)
        assert set(learner_a.groups.values_list("name", flat=True)) == {"learner"}
        assert set(other.groups.values_list("name", flat=True)) == {"coach", "learner"}
        event = AuditEvent.objects.get(kind="security.role_deleted")
        assert event.data == {"moved": 2, "to": "learner"}
    assert as_admin.get(f"/console/roles/{code}/").status_code == 404


def test_roles_of_the_platform_cannot_be_edited_or_deleted(
    as_admin: Any, own_roles: None, tenant_a: Any, inside: Any
) -> None:
    for code in ("admin", "learner", "platform_admin"):
        for verb in ("edit", "delete"):
            path = f"/console/roles/{code}/{verb}/"
            assert as_admin.post(path, {"label": "X", "move_to": "learner"}).status_code == 404
    with inside(tenant_a):
        assert permissions_of("trainer") == TRAINER


def test_a_role_of_another_space_does_not_exist(
    as_admin: Any, own_roles: None, client_for: Any, tenant_b: Any, admin_b: Any, policy: Any
) -> None:
    policy(tenant_b, custom_roles=True)
    make(as_admin)
    neighbour = client_for(tenant_b, admin_b)
    for suffix in ("", "edit/", "delete/"):
        path = f"/console/roles/custom-chef-d-atelier/{suffix}"
        assert neighbour.get(path).status_code == 404
    assert "Chef d’atelier" not in neighbour.get("/console/roles/").content.decode()


def test_the_table_is_exported(as_admin: Any, own_roles: None) -> None:
    make(as_admin, "=1+1", permissions=["identity.view_people"])
    answer = as_admin.get("/console/roles/export/")
    assert answer["Content-Disposition"] == 'attachment; filename="roles.csv"'
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[0][:4] == ["Module", "Permission", "Code", "Administrateur·rice"]
    assert rows[0][-1] == "'=1+1"
    by_code = {row[2]: row for row in rows[1:]}
    assert by_code["identity.view_people"][3] == "oui"
    assert by_code["identity.view_people"][-1] == "oui"
    assert by_code["identity.manage_people"][-1] == "non"
    assert "identity.support_access" not in by_code
    assert "operations.platform" not in by_code


def test_a_person_with_a_role_of_the_space_sees_its_name(
    as_admin: Any, own_roles: None, tenant_a: Any, make_person: Any, client_for: Any
) -> None:
    make(as_admin, permissions=["portal.console", "identity.view_people"])
    helper = client_for(tenant_a, make_person(tenant_a, "h@x.example", "custom-chef-d-atelier"))
    page = helper.get("/console/people/")
    assert page.status_code == 200
    assert page.context["shell"].person.role == "Chef d’atelier"
    assert helper.get("/console/people/invite/").status_code == 403
