"""Self-service creation of a space: the pending row, the link, the hand-over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from tremplin.identity.models import SpaceOwner, User
from tremplin.operations import services
from tremplin.operations.models import HandOver, PendingSpace

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

Inside = Callable[["TenantInfo"], AbstractContextManager[None]]
WANTED = services.SpaceRequest(
    name="Lycée Garnier",
    slug="lycee-garnier",
    kind="school",
    email="camille@garnier.example",
    password="une-phrase-pour-Garnier",  # noqa: S106  of a test
    locale="fr",
)
FORM = {
    "name": "Lycée Garnier",
    "slug": "lycee-garnier",
    "kind": "school",
    "email": "Camille@Garnier.example",
    "password": "une-phrase-pour-Garnier",
    "terms": "on",
}

CHOSEN = {"password": "une-phrase-pour-Garnier"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the tokens instead of mailing them."""
    tokens: list[str] = []
    monkeypatch.setattr(services, "send_confirmation", lambda _row, token: tokens.append(token))
    return tokens


def test_the_form_makes_one_pending_row(
    hq: TenantInfo, inside: Inside, client_for: Callable[..., Client], sent: list[str]
) -> None:
    answer = client_for(hq).post("/start/", FORM)
    assert (answer.status_code, answer["Location"]) == (302, "/start/sent/")
    with inside(hq):
        row = PendingSpace.objects.get()
        assert (row.slug, row.email) == ("lycee-garnier", "camille@garnier.example")
        assert "une-phrase" not in row.password_hash
        assert row.token_hash != sent[0]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "www"}, "slug"),
        ({"slug": "Ça va"}, "slug"),
        ({"slug": "mecaformation"}, "slug"),
        ({"kind": "hq"}, "kind"),
        ({"email": "nobody"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "motdepasse1234"[:11]}, "password"),
        ({"terms": ""}, "terms"),
        ({"name": ""}, "name"),
    ],
)
def test_a_bad_field_changes_nothing(
    hq: TenantInfo,
    inside: Inside,
    client_for: Callable[..., Client],
    sent: list[str],
    change: dict[str, str],
    field: str,
) -> None:
    answer = client_for(hq).post("/start/", {**FORM, **change})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    with inside(hq):
        assert PendingSpace.objects.count() == 0
    assert sent == []


def test_confirmation_creates_the_space_once(
    hq: TenantInfo,
    tenant_a: TenantInfo,
    inside: Inside,
    client_for: Callable[..., Client],
    sent: list[str],
) -> None:
    with inside(hq):
        services.request_space(WANTED)
    answer = client_for(hq).post(f"/start/confirm/{sent[0]}/", CHOSEN)
    assert answer.status_code == 302
    assert "//lycee-garnier.localhost" in answer["Location"]
    token = answer["Location"].rstrip("/").rsplit("/", 1)[1]
    from tenants import registry

    created = registry.by_slug("lycee-garnier")
    assert created is not None
    assert (created.kind, created.status) == ("school", "active")
    with inside(created):
        owner = User.objects.get()
        assert owner.email == "camille@garnier.example"
        assert owner.check_password("une-phrase-pour-Garnier")
        assert SpaceOwner.objects.get().person_id == owner.pk
    with inside(hq):
        assert PendingSpace.objects.count() == 0
        assert User.objects.filter(email="camille@garnier.example").count() == 0
    assert client_for(hq).get(f"/start/confirm/{sent[0]}/").status_code == 410
    assert client_for(tenant_a).get(f"/start/enter/{token}/")["Location"] == "/accounts/login/"
    entered = client_for(created).get(f"/start/enter/{token}/")
    assert entered["Location"] == "/console/welcome/"
    assert client_for(created).get(f"/start/enter/{token}/")["Location"] == "/accounts/login/"


def test_the_browser_that_asked_confirms_by_opening_the_link(
    hq: TenantInfo, inside: Inside, client_for: Callable[..., Client], sent: list[str]
) -> None:
    browser = client_for(hq)
    browser.post("/start/", FORM)
    answer = browser.get(f"/start/confirm/{sent[0]}/")
    assert answer.status_code == 302
    assert "//lycee-garnier.localhost" in answer["Location"]
    with inside(hq):
        assert PendingSpace.objects.count() == 0


def test_opening_the_link_elsewhere_creates_nothing(
    hq: TenantInfo, inside: Inside, client_for: Callable[..., Client], sent: list[str]
) -> None:
    """A program that follows links, or somebody whose address a stranger gave."""
    from tenants import registry

    with inside(hq):
        services.request_space(WANTED)
    elsewhere, link = client_for(hq), f"/start/confirm/{sent[0]}/"
    assert elsewhere.head(link).status_code == 405
    page = elsewhere.get(link)
    assert (page.status_code, page.templates[0].name) == (200, "operations/start_confirm.html")
    assert elsewhere.post(link, {"password": ""}).status_code == 422
    tries = [elsewhere.post(link, {"password": "guess"}).status_code for _ in range(10)]
    assert tries == [422] * 9 + [429]
    assert elsewhere.post(link, CHOSEN).status_code == 429
    assert registry.by_slug("lycee-garnier") is None
    with inside(hq):
        assert PendingSpace.objects.count() == 1


def test_the_name_of_a_space_is_one_line(
    hq: TenantInfo, inside: Inside, client_for: Callable[..., Client], sent: list[str]
) -> None:
    client_for(hq).post("/start/", {**FORM, "name": "Lycée\r\nBcc: a@b.example"})
    with inside(hq):
        assert PendingSpace.objects.get().name == "Lycée Bcc: a@b.example"


def test_an_old_link_is_gone(
    hq: TenantInfo, inside: Inside, client_for: Callable[..., Client], sent: list[str]
) -> None:
    with inside(hq):
        services.request_space(WANTED)
        PendingSpace.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client_for(hq).get(f"/start/confirm/{sent[0]}/").status_code == 410
    with inside(hq):
        from tremplin.operations.tasks import forget_pending

        assert forget_pending.run() == 1


def test_an_address_taken_meanwhile_keeps_the_request(
    hq: TenantInfo, inside: Inside, client_for: Callable[..., Client], sent: list[str]
) -> None:
    with inside(hq):
        services.request_space(WANTED)
        PendingSpace.objects.update(slug="lycee")
    answer = client_for(hq).post(f"/start/confirm/{sent[0]}/", CHOSEN)
    assert answer.status_code == 409
    with inside(hq):
        assert PendingSpace.objects.count() == 1


def test_a_hand_over_expires(tenant_a: TenantInfo, inside: Inside) -> None:
    with inside(tenant_a):
        person = User.objects.get(email="owner@mecaformation.example")
        token = services.hand_over(tenant_a, person.email)
        HandOver.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert services.redeem(token) is None


@pytest.mark.parametrize("path", ["/start/", "/start/sent/", "/platform/", "/start/confirm/x/"])
def test_sign_up_and_platform_exist_on_hq_only(
    tenant_a: TenantInfo, client_for: Callable[..., Client], path: str
) -> None:
    assert client_for(tenant_a).get(path).status_code == 404
