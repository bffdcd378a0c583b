"""A lost second factor: who may take it away, what ends with it, and who is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from tests.core.identity.test_suspension import run_notice
from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXP"


def enrol(tenant: Any, person: Any, inside: Any) -> None:
    """Give ``person`` an authenticator app, a passkey and recovery codes."""
    from allauth.mfa.models import Authenticator

    from tremplin.identity import mfa

    with inside(tenant):
        mfa.enrol_totp(person, SECRET)
        for kind in (Authenticator.Type.WEBAUTHN, Authenticator.Type.RECOVERY_CODES):
            Authenticator.objects.create(user=person, type=kind, data={})


def factors(tenant: Any, person: Any, inside: Any) -> int:
    from allauth.mfa.models import Authenticator

    with inside(tenant):
        return int(Authenticator.objects.filter(user=person).count())


def url(person: Any) -> str:
    return f"/console/people/{person.pk}/second-factor/"


def test_everything_ends_and_the_person_is_told(
    as_admin: Any, client_for: Any, tenant_a: Any, admin_a: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.kernel.models import AuditEvent
    from tremplin.kernel.state.models import JobStatus

    learner = client_for(tenant_a)
    learner.post("/accounts/login/", {"login": learner_a.email, "password": PASSWORD})
    assert learner.get("/api/v1/me").status_code == 200
    enrol(tenant_a, learner_a, inside)
    page = as_admin.get(url(learner_a))
    assert (page.status_code, page.context["sessions"], page.context["problem"]) == (200, 1, "")
    assert page.context["names"] == [
        "Application d’authentification",
        "1 clé d’accès",
        "Codes de secours",
    ]
    assert (
        as_admin.post(url(learner_a), {"reason": "Lina a perdu son téléphone"}).status_code == 422
    )
    assert factors(tenant_a, learner_a, inside) == 3
    done = as_admin.post(url(learner_a), {"reason": "lost"})
    assert (done.status_code, done["Location"]) == (302, f"/console/people/{learner_a.pk}/")
    assert factors(tenant_a, learner_a, inside) == 0
    assert learner.get("/api/v1/me").status_code == 401
    with inside(tenant_a):
        event = AuditEvent.objects.get(kind="security.mfa_cleared")
        assert (event.actor, event.target) == (admin_a.pk, f"person:{learner_a.pk}")
        assert event.data == {
            "factors": ["recovery_codes", "totp", "webauthn"],
            "sessions": 1,
            "reason": "lost",
        }
    (job,) = JobStatus.objects.filter(task="tremplin.identity.tasks.send_notice")
    assert job.args == {"person": str(learner_a.pk), "what": "factor_reset", "with_reason": False}
    run_notice(tenant_a, inside, learner_a, "factor_reset", False)
    (letter,) = mail.outbox
    assert letter.to == [learner_a.email]
    assert letter.subject == "Votre connexion en deux étapes a été réinitialisée"
    assert "salle B12" not in letter.body
    # The password alone opens the account, and nothing is left to reset.
    assert (
        learner.post(
            "/accounts/login/", {"login": learner_a.email, "password": PASSWORD}
        ).status_code
        == 302
    )
    assert learner.get("/api/v1/me").status_code == 200
    assert as_admin.post(url(learner_a), {"reason": "other"}).status_code == 422


def test_a_required_second_step_is_asked_again(
    as_admin: Any, client_for: Any, tenant_a: Any, learner_a: Any, inside: Any, policy: Any
) -> None:
    policy(tenant_a, mfa_roles=("learner",))
    enrol(tenant_a, learner_a, inside)
    assert as_admin.post(url(learner_a), {"reason": "replaced"}).status_code == 302
    learner = client_for(tenant_a)
    learner.post("/accounts/login/", {"login": learner_a.email, "password": PASSWORD})
    assert learner.get("/app/")["Location"] == "/accounts/2fa/totp/activate/"


def test_who_is_out_of_reach(
    as_admin: Any,
    client_for: Any,
    tenant_a: Any,
    admin_a: Any,
    admin_b: Any,
    tenant_b: Any,
    make_person: Any,
    inside: Any,
) -> None:
    from tremplin.identity import services

    owner = make_person(tenant_a, "proprietaire@mecaformation.example", "admin")
    with inside(tenant_a):
        services.set_owner(owner)
    other = make_person(tenant_a, "other@mecaformation.example", "admin")
    trainer = make_person(tenant_a, "karim@mecaformation.example", "trainer")
    manager = make_person(tenant_a, "manager@mecaformation.example", "manager")
    for person in (owner, other, admin_a):
        enrol(tenant_a, person, inside)
    enrol(tenant_b, admin_b, inside)
    for person in (owner, admin_a):
        answer = as_admin.post(url(person), {"reason": "replaced"})
        assert (answer.status_code, factors(tenant_a, person, inside)) == (422, 3)
    assert as_admin.post(url(admin_b), {"reason": "replaced"}).status_code == 404
    assert factors(tenant_b, admin_b, inside) == 3
    for person in (trainer, manager):
        refused = client_for(tenant_a, person).post(url(other), {"reason": "replaced"})
        assert (refused.status_code, factors(tenant_a, other, inside)) == (403, 3)
    assert as_admin.post(url(other), {"reason": "replaced"}).status_code == 302
    assert factors(tenant_a, other, inside) == 0


def test_roles_of_the_platform_are_for_the_platform(
    space: Any, make_person: Any, client_for: Any, inside: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.mfa import enrol_totp

    tenant_hq = space("hq")

    def person(name: str, *roles: str) -> Any:
        return make_person(tenant_hq, f"{name}@tremplin.example", *roles)

    ada, owner = person("ada", "admin", "platform_admin"), person("owner", "admin")
    clerk, admin = person("clerk", "billing", "member"), person("admin", "admin")
    with inside(tenant_hq):
        services.set_owner(owner)
        enrol_totp(ada, SECRET)
    for actor, target, status in (
        (admin, clerk, 422),
        (admin, owner, 422),
        (owner, clerk, 302),
        (ada, clerk, 302),
        (ada, owner, 302),
    ):
        with inside(tenant_hq):
            enrol_totp(target, SECRET)
        answer = client_for(tenant_hq, actor).post(url(target), {"reason": "replaced"})
        left = factors(tenant_hq, target, inside)
        assert (answer.status_code, left) == (status, 1 if status == 422 else 0), target.email


def test_the_page_of_a_person_leads_there(
    as_admin: Any, client_for: Any, tenant_a: Any, learner_a: Any, make_person: Any, inside: Any
) -> None:
    page = f"/console/people/{learner_a.pk}/"
    assert "person-factor-reset" not in as_admin.get(page).content.decode()
    enrol(tenant_a, learner_a, inside)
    assert f'href="{url(learner_a)}"' in as_admin.get(page).content.decode()
    trainer = make_person(tenant_a, "karim@mecaformation.example", "trainer")
    assert "person-factors" not in client_for(tenant_a, trainer).get(page).content.decode()


def test_the_operator_gives_a_locked_out_owner_a_way_back(
    tenant_a: Any, tenant_b: Any, hq: Any, inside: Any
) -> None:
    from io import StringIO

    from django.core.management import call_command
    from django.core.management.base import CommandError

    from tremplin.identity import mfa, services
    from tremplin.kernel.models import AuditEvent

    for tenant in (tenant_a, tenant_b):
        with inside(tenant):
            owner = services.create_person(email="owner@example.org", roles=["admin"])
            services.set_owner(owner)
            mfa.enrol_totp(owner, "JBSWY3DPEHPK3PXP")
    said = StringIO()
    call_command("second_factor", tenant_a.slug, "Owner@example.org", stdout=said)
    assert said.getvalue() == "totp\n"
    call_command("second_factor", tenant_a.slug, "owner@example.org", reset="lost", stdout=said)
    with inside(tenant_a):
        event = AuditEvent.objects.filter(kind="security.mfa_cleared").get()
        assert (event.actor_label, event.data["reason"], event.data["factors"]) == (
            "command",
            "lost",
            ["totp"],
        )
    with inside(hq):
        event = AuditEvent.objects.filter(kind="security.mfa_cleared").get()
        assert (event.target, event.data) == (
            f"tenant:{tenant_a.uuid}",
            {"reason": "lost", "by": "operator"},
        )
    with pytest.raises(CommandError, match="no second factor"):
        call_command("second_factor", tenant_a.slug, "owner@example.org", reset="lost")
    with pytest.raises(CommandError, match="no account in"):
        call_command("second_factor", tenant_a.slug, "nobody@example.org")
    said = StringIO()
    call_command("second_factor", tenant_b.slug, "owner@example.org", stdout=said)
    assert said.getvalue() == "totp\n"
