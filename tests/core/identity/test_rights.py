"""Roles, permissions, second factor, language: who may do what, and nothing by surprise."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db

DEFAULT_ROLES = {
    "admin",
    "manager",
    "trainer",
    "coach",
    "recruiter",
    "learner",
    "candidate",
    "professional",
    "dpo",
}


@pytest.mark.parametrize(
    ("slug", "extra"),
    [
        ("mecaformation", set()),
        ("volteo", set()),
        ("hq", {"platform_admin", "support", "billing", "member"}),
        ("passerelle", {"reseller_owner", "reseller_staff"}),
    ],
)
def test_each_kind_of_space_has_its_roles(
    space: Any, inside: Any, slug: str, extra: set[str]
) -> None:
    from django.contrib.auth.models import Group

    with inside(space(slug)):
        assert set(Group.objects.values_list("name", flat=True)) == DEFAULT_ROLES | extra


def test_the_sync_is_idempotent_and_repairs(
    tenant_a: Any, inside: Any, django_assert_num_queries: Any
) -> None:
    from django.contrib.auth.models import Group, Permission

    from tremplin.identity import roles

    with inside(tenant_a):
        # The search path, content types, groups, permissions, grants.
        with django_assert_num_queries(5):
            roles.sync()
        before = set(Permission.objects.values_list("group__name", "codename"))
        trainer = Group.objects.get(name="trainer")
        trainer.permissions.clear()
        trainer.permissions.add(Permission.objects.get(codename="manage_roles"))
        roles.sync()
        assert set(Permission.objects.values_list("group__name", "codename")) == before


def test_permissions_of_the_roles(tenant_a: Any, make_person: Any, inside: Any) -> None:
    expected = {
        "admin": (True, True, True, True),
        "manager": (True, True, False, False),
        "trainer": (True, False, False, False),
        "coach": (True, False, False, False),
        "dpo": (True, False, False, True),
        "learner": (False, False, False, False),
        "recruiter": (False, False, False, False),
    }
    codes = (
        "identity.view_people",
        "identity.manage_people",
        "identity.manage_roles",
        "kernel.view_audit",
    )
    for role, rights in expected.items():
        person = make_person(tenant_a, f"{role}@x.example", role)
        with inside(tenant_a):
            assert tuple(person.has_perm(code) for code in codes) == rights, role


def test_rights_cost_two_queries_a_request(
    tenant_a: Any, admin_a: Any, inside: Any, django_assert_num_queries: Any
) -> None:
    from tremplin.identity.backends import RoleBackend

    backend = RoleBackend()
    with inside(tenant_a), django_assert_num_queries(2):
        person = backend.get_user(admin_a.pk)
        assert person is not None
        assert person.role_codes() == {"admin"}
        assert person.has_perm("identity.manage_people")
        assert not person.has_perm("identity.fly")
        assert "portal.console" in person.get_all_permissions()


def test_a_warm_request_costs_two_queries(client_for: Any, tenant_a: Any, admin_a: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = client_for(tenant_a, admin_a)
    client.get("/api/v1/me")
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/api/v1/me").status_code == 200
    # Settings stay in memory, except inside a transaction such as that of this test.
    asked = [row["sql"] for row in captured if "kernel_state_settingvalue" not in row["sql"]]
    # The session and the person with her roles: no right is asked here.
    tables = [
        table
        for sql in asked
        for table in ("django_session", "identity_user")
        if f'FROM "{table}"' in sql
    ]
    assert (len(asked), tables) == (2, ["django_session", "identity_user"])


def test_a_superuser_cannot_exist(tenant_a: Any, learner_a: Any, inside: Any) -> None:
    from django.db import IntegrityError, transaction

    from tremplin.identity.models import User

    with inside(tenant_a), pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=learner_a.pk).update(is_superuser=True)


def test_addresses_are_lower_case_in_the_table(tenant_a: Any, learner_a: Any, inside: Any) -> None:
    from django.db import IntegrityError, transaction

    from tremplin.identity import services
    from tremplin.identity.errors import IdentityError
    from tremplin.identity.models import User

    with inside(tenant_a):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.filter(pk=learner_a.pk).update(email="Lina@Mecaformation.example")
        with pytest.raises(IdentityError) as caught:
            services.create_person(email=" LINA@mecaformation.EXAMPLE ")
        assert caught.value.code == "email_taken"


@pytest.mark.parametrize(
    "role", ["admin", "manager", "dpo", "trainer", "platform_admin", "reseller_owner"]
)
def test_a_manager_cannot_raise_anyone(
    client_for: Any, tenant_a: Any, make_person: Any, learner_a: Any, inside: Any, role: str
) -> None:
    manager = make_person(tenant_a, "chef@x.example", "manager")
    client = client_for(tenant_a, manager)
    for target in (learner_a, manager):
        roles_url = f"/console/people/{target.pk}/roles/"
        assert client.post(roles_url, {"roles": ["learner", role]}).status_code == 422
        bulk = {"person": str(target.pk), "action": "role_add", "role": role, "confirm": "1"}
        assert client.post("/console/people/bulk/", bulk).status_code == 422
    invite = {"emails": "neuf@x.example", "roles": [role]}
    assert client.post("/console/people/invite/", invite).status_code == 422
    with inside(tenant_a):
        for person, held in ((learner_a, {"learner"}), (manager, {"manager"})):
            assert set(person.groups.values_list("name", flat=True)) == held


def test_a_manager_keeps_away_from_people_above(
    client_for: Any, tenant_a: Any, make_person: Any, admin_a: Any, inside: Any
) -> None:
    client = client_for(tenant_a, make_person(tenant_a, "chef@x.example", "manager"))
    base = f"/console/people/{admin_a.pk}"
    client.post(f"{base}/suspend/", {"reason": "coup d’État"})
    client.post(f"{base}/sessions/")
    assert client.post(f"{base}/remove/").status_code == 422
    assert (
        client.post(f"{base}/edit/", {"first_name": "X", "last_name": "", "locale": ""}).status_code
        == 422
    )
    with inside(tenant_a):
        admin_a.refresh_from_db()
        assert (admin_a.is_active, admin_a.first_name) == (True, "Nadia")


def test_saving_roles_keeps_those_beyond_reach(
    client_for: Any, tenant_a: Any, make_person: Any, inside: Any
) -> None:
    manager = make_person(tenant_a, "chef@x.example", "manager")
    trainer = make_person(tenant_a, "formateur@x.example", "trainer", "learner")
    client_for(tenant_a, manager).post(
        f"/console/people/{trainer.pk}/roles/", {"roles": ["candidate"]}
    )
    with inside(tenant_a):
        assert set(trainer.groups.values_list("name", flat=True)) == {"trainer", "candidate"}


def test_an_administrator_of_the_operator_cannot_make_platform_staff(
    client_for: Any, hq: Any, make_person: Any, inside: Any
) -> None:
    from tremplin.identity.mfa import enrol_totp

    admin = make_person(hq, "bureau@tremplin.example", "admin")
    boss = make_person(hq, "ada@tremplin.example", "admin", "platform_admin")
    target = make_person(hq, "tom@tremplin.example", "member")
    with inside(hq):
        enrol_totp(boss, "JBSWY3DPEHPK3PXP")
    url = f"/console/people/{target.pk}/roles/"
    assert (
        client_for(hq, admin).post(url, {"roles": ["member", "platform_admin"]}).status_code == 422
    )
    assert client_for(hq, boss).post(url, {"roles": ["member", "support"]}).status_code == 302
    with inside(hq):
        assert set(target.groups.values_list("name", flat=True)) == {"member", "support"}


def test_role_changes_are_recorded(
    as_admin: Any, admin_a: Any, learner_a: Any, tenant_a: Any, inside: Any
) -> None:
    from tremplin.kernel.models import AuditEvent

    as_admin.post(f"/console/people/{learner_a.pk}/roles/", {"roles": ["coach"]})
    with inside(tenant_a):
        event = AuditEvent.objects.get(kind="security.roles_changed")
        assert (event.actor, event.target) == (admin_a.pk, f"person:{learner_a.pk}")
        assert event.data == {"added": ["coach"], "removed": ["learner"]}
    page = as_admin.get("/console/security/?kind=security.roles_changed")
    assert [row["target"] for row in page.context["rows"]] == ["Lina Moreau"]


def test_the_role_table_shows_what_is_stored(as_admin: Any) -> None:
    page = as_admin.get("/console/roles/")
    (people,) = [s for s in page.context["sections"] if s["name"] == "Personnes"]
    row = next(r for r in people["rows"] if r["label"] == "Donner et retirer des rôles")
    roles = [role["code"] for role in page.context["roles"]]
    assert [code for code, cell in zip(roles, row["cells"], strict=True) if cell] == ["admin"]


# --- second factor ------------------------------------------------------------------------------


def code_of(secret: str, shift: int = 0) -> str:
    import time

    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + shift)))


def test_platform_staff_enrol_before_anything_else(
    client_for: Any, hq: Any, make_person: Any
) -> None:
    ada = make_person(hq, "ada@tremplin.example", "platform_admin")
    client = client_for(hq, ada)
    for path in ("/app/", "/console/", "/platform/"):
        assert client.get(path)["Location"] == "/accounts/2fa/totp/activate/"
    refused = client.get("/api/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (403, "mfa_required")
    assert refused["Content-Type"] == "application/problem+json"
    fragment = client.get("/app/", headers={"hx-request": "true"})
    assert (fragment.status_code, fragment["HX-Redirect"]) == (204, "/accounts/2fa/totp/activate/")


def test_a_space_may_require_a_second_factor_for_a_role(
    client_for: Any, tenant_a: Any, admin_a: Any, learner_a: Any, policy: Any
) -> None:
    policy(tenant_a, mfa_roles=("admin",))
    assert client_for(tenant_a, admin_a).get("/api/v1/me").status_code == 403
    assert client_for(tenant_a, learner_a).get("/api/v1/me").status_code == 200


def test_enrol_sign_in_wrong_code_reuse_and_recovery(
    client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from allauth.mfa.models import Authenticator

    client = client_for(tenant_a)
    credentials = {"login": learner_a.email, "password": PASSWORD}
    client.post("/accounts/login/", credentials)
    activate = "/accounts/2fa/totp/activate/"
    # A stolen open session must not be enough to lock its owner out.
    assert client.get(activate)["Location"].startswith("/accounts/reauthenticate/")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get(activate)
    secret = page.context["form"].secret
    wrong = client.post("/accounts/2fa/totp/activate/", {"code": "000000"})
    assert wrong.context["form"].errors
    done = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert done["Location"] == "/accounts/2fa/recovery-codes/"
    codes = client.get("/accounts/2fa/recovery-codes/").context["codes"]
    assert len(codes) == 10
    with inside(tenant_a):
        rows = list(Authenticator.objects.filter(user=learner_a))
        assert len(rows) == 2
        stored = str([row.data for row in rows])
        assert secret not in stored
        assert not any(code in stored for code in codes)

    again = client_for(tenant_a)
    assert again.post("/accounts/login/", credentials)["Location"] == "/accounts/2fa/authenticate/"
    assert again.get("/api/v1/me").status_code == 401
    assert again.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    now = code_of(secret)
    assert again.post("/accounts/2fa/authenticate/", {"code": now})["Location"] == "/app/"
    assert again.get("/api/v1/me").status_code == 200

    third = client_for(tenant_a)
    third.post("/accounts/login/", credentials)
    for replayed in (now, codes[0]):
        answer = third.post("/accounts/2fa/authenticate/", {"code": replayed})
        assert answer.status_code == (200 if replayed == now else 302)
    assert third.get("/api/v1/me").status_code == 200
    fourth = client_for(tenant_a)
    fourth.post("/accounts/login/", credentials)
    assert fourth.post("/accounts/2fa/authenticate/", {"code": codes[0]}).status_code == 200
    assert fourth.get("/api/v1/me").status_code == 401


def test_a_mandatory_second_factor_stays(
    client_for: Any, hq: Any, make_person: Any, inside: Any
) -> None:
    from allauth.mfa.models import Authenticator

    from tremplin.identity.mfa import enrol_totp

    ada = make_person(hq, "ada@tremplin.example", "platform_admin")
    with inside(hq):
        enrol_totp(ada, "JBSWY3DPEHPK3PXP")
    client = client_for(hq)
    client.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    client.post("/accounts/2fa/authenticate/", {"code": code_of("JBSWY3DPEHPK3PXP")})
    assert client.get("/api/v1/me").status_code == 200
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.post("/accounts/2fa/totp/deactivate/").status_code == 200
    with inside(hq):
        assert Authenticator.objects.filter(user=ada, type="totp").count() == 1


# --- language -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slug", "cookie", "header", "expected"),
    [
        ("mecaformation", "", "en", "fr"),
        ("mecaformation", "en", "fr", "en"),
        ("hq", "", "en-GB,en;q=0.9", "en"),
        ("hq", "", "de, fr-CA;q=0.5", "fr"),
        ("hq", "", "de", "fr"),
        ("hq", "fr", "en", "fr"),
        ("mecaformation", "xx", "", "fr"),
    ],
)
def test_language_of_a_stranger(
    space: Any, client_for: Any, slug: str, cookie: str, header: str, expected: str
) -> None:
    client = client_for(space(slug))
    if cookie:
        client.cookies["language"] = cookie
    response = client.get("/accounts/login/", headers={"accept-language": header})
    assert response["Content-Language"] == expected
    assert f'<html lang="{expected}"' in response.content.decode()


def test_the_person_s_language_wins(client_for: Any, tenant_a: Any, make_person: Any) -> None:
    client = client_for(tenant_a, make_person(tenant_a, "tom@x.example", locale="en"))
    client.cookies["language"] = "fr"
    assert '<html lang="en"' in client.get("/accounts/logout/").content.decode()
