"""The page where a space chooses its rules of sign-in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db

PAGE = "/console/security/sign-in/"
DEFAULTS = {
    "signup": "invitation",
    "signup_domains": "",
    "signup_role": "learner",
    "invitation_days": "14",
    "passkeys": "on",
    "idle_minutes": "0",
}


@pytest.fixture
def rules(inside: Any) -> Any:
    """Return ``rules(tenant)``: what the space has chosen."""
    from tremplin.identity import identity_settings

    def read(tenant: Any) -> dict[str, Any]:
        with inside(tenant):
            return identity_settings.current().model_dump(
                include={
                    "signup",
                    "signup_domains",
                    "signup_role",
                    "invitation_days",
                    "mfa_roles",
                    "passkeys",
                    "login_by_code",
                    "idle_minutes",
                }
            )

    return read


def test_saving_changes_this_space_only(
    as_admin: Any, tenant_a: Any, tenant_b: Any, rules: Any, inside: Any, admin_a: Any
) -> None:
    from tremplin.kernel.models import AuditEvent

    before = rules(tenant_b)
    answer = as_admin.post(
        PAGE,
        {
            "signup": "domain",
            "signup_domains": "Ecole.fr\n@lycee.fr, ecole.fr",
            "signup_role": "candidate",
            "invitation_days": "30",
            "mfa_roles": ["trainer", "manager"],
            "login_by_code": "on",
            "idle_minutes": "20",
        },
    )
    assert (answer.status_code, answer.headers.get("Location")) == (302, PAGE)
    assert rules(tenant_a) == {
        "signup": "domain",
        "signup_domains": ("ecole.fr", "lycee.fr"),
        "signup_role": "candidate",
        "invitation_days": 30,
        "mfa_roles": ("manager", "trainer"),
        "passkeys": False,
        "login_by_code": True,
        "idle_minutes": 20,
    }
    assert rules(tenant_b) == before
    with inside(tenant_a):
        event = AuditEvent.objects.get(kind="security.sign_in_changed")
        assert (event.actor, event.data) == (
            admin_a.pk,
            {
                "fields": [
                    "idle_minutes",
                    "invitation_days",
                    "login_by_code",
                    "mfa_roles",
                    "passkeys",
                    "signup",
                    "signup_domains",
                    "signup_role",
                ],
                "mfa_roles": ["manager", "trainer"],
            },
        )


def test_saving_nothing_new_records_nothing(as_admin: Any, tenant_a: Any, inside: Any) -> None:
    from tremplin.kernel.models import AuditEvent

    assert as_admin.post(PAGE, DEFAULTS).status_code == 302
    with inside(tenant_a):
        assert AuditEvent.objects.filter(kind="security.sign_in_changed").count() == 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("signup_domains", "pas un domaine", "« pas » n’est pas un domaine de messagerie."),
        ("signup_domains", "x" * 6000, "6000"),
        ("idle_minutes", "1441", "1440"),
        ("idle_minutes", "-1", "0"),
        ("invitation_days", "0", "1"),
        ("invitation_days", "61", "60"),
        ("mfa_roles", "platform_admin", "platform_admin"),
        ("mfa_roles", "inconnu", "inconnu"),
        ("signup_role", "admin", "admin"),
        ("signup", "tous", "tous"),
    ],
)
def test_bad_input_is_explained_and_nothing_is_stored(
    as_admin: Any, tenant_a: Any, rules: Any, field: str, value: str, message: str
) -> None:
    before = rules(tenant_a)
    answer = as_admin.post(PAGE, {**DEFAULTS, "login_by_code": "on", field: value})
    assert answer.status_code == 422
    assert message in str(answer.context["form"].errors[field]).replace("\u202f", " ")
    assert rules(tenant_a) == before


def test_domains_are_needed_when_they_open_accounts(as_admin: Any) -> None:
    answer = as_admin.post(PAGE, {**DEFAULTS, "signup": "domain"})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["signup_domains"]


def test_requiring_it_from_oneself_is_confirmed_first(
    client_for: Any, tenant_a: Any, admin_a: Any, rules: Any
) -> None:
    client = client_for(tenant_a)
    client.post("/accounts/login/", {"login": admin_a.email, "password": PASSWORD})
    wanted = {**DEFAULTS, "mfa_roles": ["admin"]}
    first = client.post(PAGE, wanted)
    assert first.status_code == 422
    assert b'data-testid="policy-concerns-me"' in first.content
    assert rules(tenant_a)["mfa_roles"] == ()
    done = client.post(PAGE, {**wanted, "understood": "1"})
    assert done["Location"] == PAGE
    assert rules(tenant_a)["mfa_roles"] == ("admin",)
    assert client.get(PAGE)["Location"] == "/accounts/2fa/totp/activate/"


def test_no_question_for_who_has_a_factor(
    as_admin: Any, tenant_a: Any, admin_a: Any, inside: Any
) -> None:
    from tremplin.identity.mfa import enrol_totp

    with inside(tenant_a):
        enrol_totp(admin_a, "JBSWY3DPEHPK3PXP")
    assert as_admin.post(PAGE, {**DEFAULTS, "mfa_roles": ["admin"]})["Location"] == PAGE


def test_each_role_says_how_many_lack_a_factor(
    as_admin: Any, tenant_a: Any, make_person: Any, inside: Any
) -> None:
    from tremplin.identity.mfa import enrol_totp

    for number in range(3):
        person = make_person(tenant_a, f"t{number}@x.example", "trainer")
        if number == 0:
            with inside(tenant_a):
                enrol_totp(person, "JBSWY3DPEHPK3PXP")
    choices = dict(as_admin.get(PAGE).context["form"].fields["mfa_roles"].choices)
    assert choices["trainer"] == "Formateur·rice (2 sur 3 n’en ont pas)"
    assert choices["coach"] == "Coach"


def test_who_may_see_the_page(
    client_for: Any, tenant_a: Any, tenant_b: Any, make_person: Any
) -> None:
    found = {}
    for role in ("admin", "manager", "trainer", "learner", "dpo"):
        person = make_person(tenant_a, f"{role}@x.example", role)
        found[role] = client_for(tenant_a, person).get(PAGE).status_code
    assert found == {"admin": 200, "manager": 403, "trainer": 403, "learner": 403, "dpo": 403}
    assert client_for(tenant_a).get(PAGE)["Location"].startswith("/accounts/login/")


def test_what_the_provider_fixes_stays(as_admin: Any, tenant_a: Any, rules: Any) -> None:
    from tremplin.identity.identity_settings import IdentitySettings
    from tremplin.kernel import settings_store

    settings_store.write(
        "platform",
        None,
        "identity",
        {"idle_minutes": 30},
        locked={"idle_minutes"},
        model=IdentitySettings,
    )
    page = as_admin.get(PAGE)
    assert page.context["form"].fields["idle_minutes"].disabled
    assert as_admin.post(PAGE, {**DEFAULTS, "idle_minutes": "0"})["Location"] == PAGE
    assert rules(tenant_a)["idle_minutes"] == 30


def test_the_platform_s_own_roles_are_always_required(hq: Any, inside: Any) -> None:
    from tremplin.identity.policy_forms import SignInForm

    with inside(hq):
        form = SignInForm(tenant=hq)
        codes = {code for code, _label in form.fields["mfa_roles"].choices}  # type: ignore[attr-defined]
    assert len(form.always_required) == 3
    assert codes & {"platform_admin", "support", "billing"} == set()
