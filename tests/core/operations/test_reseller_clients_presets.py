"""Brand presets: clients follow, locks win, a client's own value comes back when unlocked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

from tenants import registry
from tenants.branding import look, presets, texts
from tenants.branding import services as branding
from tenants.branding.errors import ContrastRefused, LockedByReseller, LockWithoutValue
from tenants.branding.logo import LogoFiles
from tenants.branding.mail import Letter, compose
from tenants.context import public_write
from tenants.models import Tenant
from tremplin.kernel import settings_store

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

Inside = Callable[["TenantInfo"], AbstractContextManager[None]]
GREEN = presets.PresetValues(primary="#0f766e", accent="#9a3412")
FOOTER = "Passerelle Conseil, 3 quai Rambaud, 69002 Lyon"
NONE: frozenset[str] = frozenset()
BRAND_PAGE = "/console/branding/"


def fresh(tenant: TenantInfo) -> TenantInfo:
    found = registry.by_pk(tenant.pk)
    assert found is not None
    return found


@pytest.fixture
def reseller(tenant_a: TenantInfo) -> TenantInfo:
    found = registry.by_slug("passerelle")
    assert found is not None
    return found


@pytest.fixture
def client_space(tenant_a: TenantInfo, reseller: TenantInfo) -> TenantInfo:
    """The first school of the tests as a client of the reseller."""
    with public_write("test"):
        Tenant.objects.filter(pk=tenant_a.pk).update(reseller_id=reseller.pk)
        registry.bump_epoch()
    return fresh(tenant_a)


@pytest.fixture
def publish(reseller: TenantInfo, inside: Inside) -> Callable[..., Any]:
    def do(values: presets.PresetValues, *locks: str, logo: LogoFiles | None = None) -> Any:
        with inside(reseller):
            return presets.publish(reseller, values, frozenset(locks), author=None, logo=logo)

    return do


def test_a_client_without_a_look_follows_every_version(
    client_space: TenantInfo, reseller: TenantInfo, publish: Callable[..., Any], inside: Inside
) -> None:
    assert fresh(client_space).brand.css_hash == ""
    first = publish(GREEN)
    before = fresh(client_space).brand
    assert before.primary == look.tokens_of(branding.Inputs("#0f766e", "#9a3412").brand()).primary
    assert branding.stylesheet_text(fresh(client_space), before.css_hash) is not None
    second = publish(presets.PresetValues(primary="#0f766e", accent="#1d4ed8"))
    after = fresh(client_space).brand
    assert after.css_hash != before.css_hash
    assert (first.number, second.number) == (1, 2)
    assert [(v.number, v.state) for v in presets.versions(reseller)] == [
        (2, "published"),
        (1, "archived"),
    ]
    # A page that was open meanwhile still gets the stylesheet that it was made with.
    assert branding.stylesheet_text(fresh(client_space), before.css_hash) is not None
    assert branding.stylesheet_text(fresh(client_space), "0" * 12) is None
    with inside(reseller):
        third = presets.restore(reseller, 1, author=None)
    assert third is not None
    assert (third.number, fresh(client_space).brand.css_hash) == (3, before.css_hash)


def test_nobody_else_follows(
    tenant_b: TenantInfo, client_space: TenantInfo, reseller: TenantInfo, publish: Any
) -> None:
    before = (fresh(tenant_b).brand, fresh(reseller).brand)
    publish(presets.PresetValues(primary="#0f766e", legal_footer=FOOTER), "legal_footer")
    assert (fresh(tenant_b).brand, fresh(reseller).brand) == before
    assert texts.of(fresh(tenant_b)).legal_footer == ""
    assert texts.of(fresh(reseller)).legal_footer == ""
    assert texts.of(fresh(client_space)).legal_footer == FOOTER


def test_own_colours_stay_until_they_are_locked_and_come_back_unlocked(
    client_space: TenantInfo, publish: Callable[..., Any], inside: Inside
) -> None:
    publish(GREEN)
    with inside(client_space):
        row = branding.publish(
            client_space, branding.Inputs(primary="#166534", accent="#9a3412"), author=None
        )
    # The accent equals the preset's: it follows. The main colour is the client's own.
    assert "accent" not in row.inputs
    assert row.inputs["primary"] == "#166534"
    publish(presets.PresetValues(primary="#5b21b6", accent="#1d4ed8"))
    shown = branding.shown_inputs(fresh(client_space), row)
    assert (shown.primary, shown.accent) == ("#166534", "#1d4ed8")
    publish(presets.PresetValues(primary="#5b21b6", accent="#1d4ed8"), "primary")
    assert fresh(client_space).brand.primary == "#5b21b6"
    with inside(client_space):
        locked = branding.publish(
            client_space, branding.Inputs("#5b21b6", "#1d4ed8", radius=4), author=None
        )
        with pytest.raises(LockedByReseller) as refused:
            branding.publish(client_space, branding.Inputs("#166534", "#1d4ed8"), author=None)
    assert refused.value.fields == ["primary"]
    assert locked.inputs["primary"] == "#166534"
    publish(presets.PresetValues(primary="#5b21b6", accent="#1d4ed8"))
    assert fresh(client_space).brand.primary == "#166534"


def test_texts_follow_the_same_rules(
    client_space: TenantInfo, publish: Callable[..., Any], inside: Inside
) -> None:
    with inside(client_space):
        texts.write_own(client_space, legal_footer="Ours", support_email="HELP@lycee.example")
    publish(presets.PresetValues(legal_footer=FOOTER, support_email="aide@passerelle.example"))
    said = texts.of(fresh(client_space))
    assert (said.legal_footer, said.support_email) == ("Ours", "help@lycee.example")
    publish(presets.PresetValues(legal_footer=FOOTER), "legal_footer")
    assert texts.of(fresh(client_space)).legal_footer == FOOTER
    with inside(client_space), pytest.raises(settings_store.LockedSetting) as refused:
        texts.write_own(client_space, legal_footer="By hand", support_email="help@lycee.example")
    assert (refused.value.field, refused.value.level) == ("legal_footer", "reseller")
    publish(presets.PresetValues(legal_footer=FOOTER))
    assert texts.of(fresh(client_space)).legal_footer == "Ours"
    with inside(client_space):
        assert texts.write_own(
            client_space, legal_footer="", support_email="help@lycee.example"
        ) == ["legal_footer"]
    assert texts.of(fresh(client_space)).legal_footer == FOOTER


def test_a_preset_that_cannot_be_is_refused_whole(
    client_space: TenantInfo, reseller: TenantInfo, publish: Callable[..., Any]
) -> None:
    with pytest.raises(ContrastRefused):
        publish(presets.PresetValues(primary="#ffd54f"))
    with pytest.raises(LockWithoutValue) as bare:
        publish(GREEN, "legal_footer", "logo", "primary")
    assert bare.value.fields == ["legal_footer", "logo"]
    with pytest.raises(ValueError, match="short_name"):
        publish(GREEN, "short_name")
    with pytest.raises(settings_store.InvalidSettings):
        publish(presets.PresetValues(primary="#0f766e", support_email="nobody"))
    assert presets.versions(reseller) == []
    assert fresh(client_space).brand.css_hash == ""


def test_the_logo_of_the_preset_is_served_by_the_client_and_no_other_file(
    client_space: TenantInfo,
    tenant_b: TenantInfo,
    reseller: TenantInfo,
    publish: Callable[..., Any],
    inside: Inside,
    client_for: Callable[..., Client],
) -> None:
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    shown, hidden = "branding/0123456789ab-logo.png", "branding/0123456789ac-logo.png"
    with inside(reseller):
        default_storage.save(shown, ContentFile(b"picture"))
        default_storage.save(hidden, ContentFile(b"secret"))
    publish(GREEN, logo=LogoFiles(shown, "", ""))
    assert fresh(client_space).brand.logo_url == "/brand/0123456789ab-logo.png"
    visitor, stranger = client_for(client_space), client_for(tenant_b)
    assert visitor.get("/brand/0123456789ab-logo.png").content == b"picture"
    assert visitor.get("/brand/0123456789ac-logo.png").status_code == 404
    assert stranger.get("/brand/0123456789ab-logo.png").status_code == 404


def test_mails_of_a_client_leave_under_the_address_of_its_reseller(
    client_space: TenantInfo, tenant_b: TenantInfo, publish: Callable[..., Any], inside: Inside
) -> None:
    publish(presets.PresetValues(legal_footer=FOOTER, sender="bonjour@passerelle.example"))
    with inside(fresh(client_space)):
        mail = compose("x@y.example", Letter("Hello", ["You are here."]))
    assert mail.from_email.endswith("<bonjour@passerelle.example>")
    assert mail.body.endswith(f"{FOOTER}\n")
    assert FOOTER in str(mail.alternatives[0][0])
    with inside(fresh(tenant_b)):
        other = compose("x@y.example", Letter("Hello", []))
    assert "passerelle" not in other.from_email


def test_a_locked_field_posted_by_hand_is_refused(
    client_space: TenantInfo,
    publish: Callable[..., Any],
    make_person: Callable[..., Any],
    client_for: Callable[..., Client],
) -> None:
    publish(
        presets.PresetValues(primary="#0f766e", accent="#1d4ed8", legal_footer=FOOTER),
        "accent",
        "legal_footer",
    )
    admin = client_for(fresh(client_space), make_person(client_space, "a@lycee.example", "admin"))
    page = admin.get(BRAND_PAGE).content.decode()
    for name in ("accent", "legal_footer"):
        assert f'data-testid="lock-{name}"' in page
    assert 'data-testid="lock-primary"' not in page
    sent = {
        "primary": "#166534",
        "short_name": "",
        "theme": "base",
        "font_heading": "inter",
        "font_body": "inter",
        "pack": "vega",
        "sidebar": "light",
        "radius": "12",
    }
    by_hand = admin.post(f"{BRAND_PAGE}publish/", {**sent, "accent": "#9a3412"})
    assert by_hand.status_code == 422
    assert list(by_hand.context["form"].errors) == ["accent"]
    assert "Passerelle Conseil" in by_hand.context["form"].errors["accent"][0]
    assert fresh(client_space).brand.version == 0
    assert admin.post(f"{BRAND_PAGE}publish/", sent).status_code == 302
    row = branding.published(fresh(client_space))
    assert row is not None
    assert row.inputs["primary"] == "#166534"
    assert "accent" not in row.inputs
    for name, value in (("legal_footer", "By hand"), ("support_email", "x@y.example")):
        answer = admin.post(f"{BRAND_PAGE}texts/", {name: value})
        assert answer.status_code == (422 if name == "legal_footer" else 302)
    said = texts.of(fresh(client_space))
    assert (said.legal_footer, said.support_email) == (FOOTER, "x@y.example")
