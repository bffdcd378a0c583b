"""Clients of a reseller: who sees them, what a new one takes over, what never crosses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection, connections

from tenants import registry
from tenants.branding import presets
from tenants.branding import services as branding
from tenants.context import public_write
from tenants.models import Tenant
from tremplin.kernel import gate, settings_store
from tremplin.kernel.state.models import SettingValue
from tremplin.licensing import plans_catalogue, seats
from tremplin.licensing import services as licensing

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

Inside = Callable[["TenantInfo"], AbstractContextManager[None]]
NEW = "/reseller/clients/new/"


def found(slug: str) -> TenantInfo:
    tenant = registry.by_slug(slug)
    assert tenant is not None, slug
    return tenant


def adopt(slug: str, reseller: str) -> TenantInfo:
    with public_write("test"):
        Tenant.objects.filter(slug=slug).update(reseller_id=found(reseller).pk)
        registry.bump_epoch()
    return found(slug)


@pytest.fixture
def reseller(tenant_a: TenantInfo) -> TenantInfo:
    return found("passerelle")


@pytest.fixture
def horizon(tenant_a: TenantInfo, reseller: TenantInfo) -> TenantInfo:
    """A client that people work in: the template of the tests."""
    return adopt(tenant_a.slug, reseller.slug)


@pytest.fixture
def julien(
    reseller: TenantInfo,
    make_person: Callable[..., Any],
    client_for: Callable[..., Client],
    inside: Inside,
) -> Client:
    return _signed_in(reseller, "reseller_owner", make_person, client_for, inside)


def _signed_in(
    space: TenantInfo, role: str, make_person: Any, client_for: Any, inside: Inside
) -> Client:
    from tremplin.identity import mfa

    person = make_person(space, f"{role}-{uuid4().hex[:6]}@passerelle.example", role)
    with inside(space):
        mfa.enrol_totp(person, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    client: Client = client_for(space, person)
    return client


@pytest.fixture
def plans(db: None) -> None:
    """Every plan with its prices, as in the demo."""
    from tremplin.billing.demo import make_prices
    from tremplin.operations.demo import world

    plans_catalogue.sync()
    make_prices(world.load())


def fields(**changes: Any) -> dict[str, Any]:
    return {
        "key": str(uuid4()),
        "name": "Campus Atlas",
        "slug": "campus-atlas",
        "kind": "school",
        "locale": "fr",
        "email": "direction@atlas.example",
        "plan": "starter",
        "template": "",
        **changes,
    }


def people_rows(tenant: TenantInfo) -> dict[str, int]:
    """Return how many rows every table of a space holds, structural tables left out."""
    from tenants import steps

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s",
            [tenant.schema_name],
        )
        names = sorted(row[0] for row in cursor.fetchall())
        rows = {}
        for name in names:
            if name in steps.template_rows():
                continue
            cursor.execute(f'SELECT count(*) FROM "{tenant.schema_name}"."{name}"')  # noqa: S608
            rows[name] = cursor.fetchone()[0]
    return rows


# --- who sees what --------------------------------------------------------------------------------


def test_other_clients_and_direct_spaces_do_not_exist(
    julien: Client, horizon: TenantInfo, tenant_b: TenantInfo
) -> None:
    stranger = adopt("volteo", "autre")
    page = julien.get("/reseller/")
    assert page.status_code == 200
    text = page.content.decode()
    assert 'data-testid="client-mecaformation"' in text
    for absent in (tenant_b, stranger):
        assert absent.name not in text
        assert julien.get(f"/reseller/clients/{absent.uuid}/").status_code == 404
    assert julien.get(f"/reseller/clients/{uuid4()}/").status_code == 404
    assert julien.get(f"/reseller/clients/{horizon.uuid}/").status_code == 200
    search = julien.get("/reseller/", {"q": tenant_b.name})
    assert tenant_b.name not in search.content.decode().replace(f'value="{tenant_b.name}"', "")
    moved = julien.get("/reseller/clients/")
    assert (moved.status_code, moved["Location"]) == (302, "/reseller/")


def test_the_console_exists_in_a_reseller_only(
    hq: TenantInfo,
    tenant_b: TenantInfo,
    reseller: TenantInfo,
    make_person: Callable[..., Any],
    client_for: Callable[..., Client],
    inside: Inside,
) -> None:
    for space, role in ((hq, "platform_admin"), (tenant_b, "admin")):
        outsider = _signed_in(space, role, make_person, client_for, inside)
        for path in ("/reseller/", NEW, "/reseller/brand/"):
            assert outsider.get(path).status_code == 404
    plain = _signed_in(reseller, "admin", make_person, client_for, inside)
    assert plain.get("/reseller/").status_code == 403
    staff = _signed_in(reseller, "reseller_staff", make_person, client_for, inside)
    assert staff.get("/reseller/").status_code == 200
    assert 'data-testid="new-client"' not in staff.get("/reseller/").content.decode()
    for path in (NEW, "/reseller/brand/"):
        assert staff.get(path).status_code == 403
    assert client_for(reseller).get("/reseller/").status_code == 302


# --- a new client ---------------------------------------------------------------------------------


def test_a_client_made_like_another_takes_its_configuration_and_no_people(
    julien: Client,
    reseller: TenantInfo,
    horizon: TenantInfo,
    plans: None,
    make_person: Callable[..., Any],
    inside: Inside,
    freeze: Callable[[str], datetime],
) -> None:
    now = freeze("2027-03-01T09:00:00+01:00")
    with inside(reseller):
        presets.publish(
            reseller,
            presets.PresetValues(
                primary="#0f766e", legal_footer="Passerelle", sender="bonjour@passerelle.example"
            ),
            frozenset({"legal_footer"}),
            author=None,
        )
    for number in range(5):
        make_person(horizon, f"learner{number}@horizon.example", "learner")
    make_person(horizon, "grace@horizon.example", "admin")
    licensing.grant_module(horizon, "quiz", source="manual")
    with inside(horizon):
        gate.activate(horizon, "quiz")
        from plugins.quiz.internal.packs import packs
        from plugins.quiz.services import library
        from tremplin.api import services as api_services

        library.install(api_services.contexts().current(), packs()["python-basics"])
        branding.publish(
            horizon,
            branding.Inputs(primary="#166534", radius=4, sidebar="dark", short_name="Horizon"),
            author=None,
        )
    settings_store.write("tenant", horizon, "quiz", {"default_pass_percent": 82})
    with public_write("test"):
        for module, key, value in (
            ("identity", "invitation_days", 21),
            ("identity", "allowed_networks", ["192.0.2.0/24"]),
            ("identity", "contact_email", "grace@horizon.example"),
            ("quiz", "default_minutes", {"$secret": "ciphertext"}),
            ("branding", "legal_footer", "Horizon SAS"),
        ):
            SettingValue.objects.create(
                level="tenant", owner=horizon.pk, module=module, key=key, value=value
            )
    settings_store.forget_cache()
    before = people_rows(horizon)
    answer = julien.post(NEW, fields(template=str(horizon.uuid)))
    atlas = found("campus-atlas")
    assert (answer.status_code, answer["Location"]) == (302, f"/reseller/clients/{atlas.uuid}/")
    assert people_rows(horizon) == before
    assert (atlas.reseller_pk, atlas.kind, atlas.status) == (reseller.pk, "school", "active")
    assert gate.enabled(atlas) == {"quiz"}
    copied = SettingValue.objects.filter(level="tenant", owner=atlas.pk)
    assert sorted(copied.values_list("module", "key", "value")) == [
        ("identity", "invitation_days", 21),
        ("identity", "support_access", True),
        ("quiz", "default_pass_percent", 82),
    ]
    assert "ciphertext" not in json.dumps(list(copied.values_list("value", flat=True)))
    row = branding.published(atlas)
    assert row is not None
    assert (row.inputs["primary"], row.inputs["radius"], row.logo_file) == ("#166534", 4, "")
    assert "short_name" not in row.inputs
    rows = people_rows(atlas)
    with inside(atlas):
        from plugins.quiz.models import Quiz
        from tremplin.identity.models import User

        assert list(User.objects.values_list("email", flat=True)) == ["direction@atlas.example"]
        assert list(Quiz.objects.values_list("source_id", flat=True)) == ["pack:python-basics"]
    assert (rows["quiz_attempt"], rows["quiz_assignment"]) == (0, 0)
    held = seats.plan_license(atlas)
    assert held is not None
    assert held.plan_version is not None
    assert (held.plan_version.plan.key, held.state, held.source) == ("starter", "trialing", "trial")
    assert held.valid_until == now + timedelta(days=14)
    with inside(atlas):
        from tremplin.identity.internal.invitation_mail import send_invitation
        from tremplin.identity.models import Invitation

        invitation = Invitation.objects.get()
        assert invitation.roles == ["admin"]
        assert send_invitation(invitation.pk) is True
    letters = [letter for letter in mail.outbox if letter.to == ["direction@atlas.example"]]
    assert len(letters) == 1
    assert letters[0].from_email == "Campus Atlas <bonjour@passerelle.example>"
    assert "Passerelle" in letters[0].body


def test_a_free_plan_is_given_and_no_trial(
    julien: Client, plans: None, horizon: TenantInfo
) -> None:
    assert julien.post(NEW, fields(plan="gratuit")).status_code == 302
    held = seats.plan_license(found("campus-atlas"))
    assert held is not None
    assert (held.state, held.source, held.valid_until) == ("active", "manual", None)


def test_the_same_wish_makes_one_space(julien: Client, plans: None, horizon: TenantInfo) -> None:
    wish = fields()
    first = julien.post(NEW, wish)
    again = julien.post(NEW, wish)
    assert (first.status_code, again.status_code) == (302, 302)
    assert first["Location"] == again["Location"]
    assert Tenant.objects.filter(slug__startswith="campus-atlas").count() == 1
    other = julien.post(NEW, {**wish, "slug": "campus-atlas-2"})
    assert other["Location"] == f"/reseller/clients/{found('campus-atlas-2').uuid}/"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"slug": "mecaformation"}, "slug"),
        ({"slug": "admin"}, "slug"),
        ({"slug": "Campus Atlas!"}, "slug"),
        ({"slug": "a"}, "slug"),
        ({"slug": "x" * 41}, "slug"),
        ({"slug": "a--b"}, "slug"),
        ({"name": "x"}, "name"),
        ({"name": "N" * 101}, "name"),
        ({"email": "nobody"}, "email"),
        ({"plan": "unknown"}, "plan"),
        ({"plan": ""}, "plan"),
        ({"kind": "reseller"}, "kind"),
        ({"kind": "hq"}, "kind"),
        ({"locale": "xx"}, "locale"),
        ({"key": "1"}, "key"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(
    julien: Client, plans: None, horizon: TenantInfo, changes: dict[str, str], field: str
) -> None:
    before = Tenant.objects.count()
    answer = julien.post(NEW, fields(**changes))
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert Tenant.objects.count() == before


def test_a_template_of_somebody_else_is_not_found(
    julien: Client, plans: None, horizon: TenantInfo, tenant_b: TenantInfo, reseller: TenantInfo
) -> None:
    stranger = adopt("volteo", "autre")
    before = Tenant.objects.count()
    for template in (stranger.uuid, tenant_b.uuid, reseller.uuid, found("hq").uuid, uuid4(), "x"):
        assert julien.post(NEW, fields(template=str(template))).status_code == 404
    assert Tenant.objects.count() == before


def test_a_creation_that_fails_leaves_nothing_and_may_be_tried_again(
    julien: Client, plans: None, horizon: TenantInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tremplin.operations.reseller import cloning

    def fail(*args: object) -> None:
        raise RuntimeError("no more disk")

    wish = fields(template=str(horizon.uuid))
    with monkeypatch.context() as broken:
        broken.setattr(cloning, "_switch_on", fail)
        answer = julien.post(NEW, wish)
    assert answer.status_code == 422
    row = Tenant.objects.get(slug="campus-atlas")
    assert row.status == "failed"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM information_schema.schemata WHERE schema_name = %s",
            [row.schema_name],
        )
        assert cursor.fetchone() == (0,)
    assert SettingValue.objects.filter(level="tenant", owner=row.pk).count() == 0
    assert julien.post(NEW, wish).status_code == 302
    assert found("campus-atlas").status == "active"


# --- the preset's page ----------------------------------------------------------------------------


def test_a_sender_must_be_proven(
    julien: Client, reseller: TenantInfo, horizon: TenantInfo, inside: Inside
) -> None:
    from django.utils import timezone

    from tremplin.sso.models import EmailDomain

    page = "/reseller/brand/"
    sent = {"primary": "#0f766e", "sender": "ceo@bank.example"}
    refused = julien.post(page, sent)
    assert refused.status_code == 422
    assert "bank.example" in str(refused.context["form"].errors["sender"])
    assert presets.versions(reseller) == []
    with inside(reseller):
        EmailDomain.objects.create(domain="bank.example", verified_at=timezone.now())
    assert julien.post(page, sent).status_code == 302
    for body, field in (
        ({"primary": "#ffd54f"}, "primary"),
        ({"primary": "red"}, "primary"),
        ({"primary": "#0f766e", "lock_accent": "on"}, "accent"),
        ({"support_email": "nobody"}, "support_email"),
        ({"legal_footer": "x" * 401}, "legal_footer"),
    ):
        answer = julien.post(page, body)
        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == [field]
    assert len(presets.versions(reseller)) == 1
    assert julien.post(f"{page}versions/7/").status_code == 404
    assert julien.post(f"{page}versions/1/").status_code == 302
    assert [row.number for row in presets.versions(reseller)] == [2, 1]


# --- two at once ----------------------------------------------------------------------------------


@pytest.fixture
def committed(own_database: str) -> Iterator[None]:
    yield
    connections.close_all()


def test_a_double_click_creates_one_space(committed: None, inside: Inside) -> None:
    from tremplin.operations.models import ClientRequest
    from tremplin.operations.reseller import clients

    home = found("passerelle")
    key, by = uuid4(), uuid4()
    wish = clients.Wish("Campus Atlas", "campus-atlas", "school", "a@atlas.example", "fr", "")
    answers: list[str] = []

    def click() -> None:
        try:
            with inside(home):
                answers.append(clients.create(home, wish, key=key, by=by).slug)
        except clients.StillRunning:
            answers.append("running")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(answers)) in (["campus-atlas"], ["campus-atlas", "running"])
    assert Tenant.objects.filter(slug="campus-atlas").count() == 1
    with inside(home):
        assert ClientRequest.objects.get().state == "done"
        assert clients.create(home, wish, key=key, by=by).slug == "campus-atlas"
