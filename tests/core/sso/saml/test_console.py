"""The pages on which an administrator connects a provider."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from tests.core.sso.saml.conftest import leaving_to, speak_english
from tests.support.saml_idp import NAMES, Idp, encode, make_key, request_of

pytestmark = pytest.mark.django_db
PAGE = "/console/sso/saml/campus/"


@pytest.fixture
def admin(tenant_a: Any, make_person: Any, client_for: Any) -> Any:
    person = make_person(tenant_a, "nadia@mecaformation.example", "admin", locale="en")
    return speak_english(client_for(tenant_a, person))


def text_of(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def upload(client: Any, content: bytes, **data: str) -> Any:
    file = SimpleUploadedFile("idp.xml", content, "application/xml")
    values = {"label": "Campus", "preset": "renater", "metadata_file": file, **data}
    return client.post("/console/sso/saml/new/", values)


def test_a_provider_is_added_tested_and_switched_on(
    tenant_a: Any, admin: Any, idp: Idp, inside: Any, walk: Any, make_person: Any, written: Any
) -> None:
    from tremplin.sso.models import Connection, LoginTrace

    answer = upload(admin, idp.metadata())
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    with inside(tenant_a):
        made = Connection.objects.select_related("app").get(slug="campus")
        assert (made.is_active, made.kind, made.preset) == (False, "saml", "renater")
        assert made.app.provider_id == "https://idp.example/metadata"
        assert made.app.settings["idp"]["metadata_url"] == "stored:"
        assert made.app.settings["sp"]["entity_id"] == (
            f"http://{tenant_a.primary_host}/accounts/saml/campus/metadata/"
        )
        assert "private_key" not in made.app.settings["advanced"]
    assert f"http://{tenant_a.primary_host}/accounts/saml/campus/acs/" in text_of(admin.get(PAGE))

    browser = walk(tenant_a)
    browser.client = admin
    before = written(tenant_a)
    sent = request_of(leaving_to(admin.post(f"{PAGE}test/")))
    answer = browser.post(idp.encoded(browser.answer(in_response_to=sent["id"])))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/console/sso/doctor/")
    assert written(tenant_a) == before
    page = text_of(admin.get(answer["Location"]))
    assert "This person would sign in." in page
    assert "marc@campus.example" in page
    with inside(tenant_a):
        trace = LoginTrace.objects.get()
        assert (trace.is_success, trace.failed_check) == (True, "")
        assert all(check["is_ok"] for check in trace.document["checks"])
        assert trace.document["roles"] == ["learner"]

    admin.post(f"{PAGE}switch/", {"action": "on"})
    with inside(tenant_a):
        assert Connection.objects.get(slug="campus").is_active


MISTAKES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "audience": ({"audience": "https://other.example"}, "audience",
                 "/accounts/saml/campus/metadata/", "https://other.example"),
    "destination": ({"destination": "https://other.example"}, "destination",
                    "/accounts/saml/campus/acs/", "https://other.example"),
    "recipient": ({"recipient": "https://other.example"}, "recipient",
                  "/accounts/saml/campus/acs/", "https://other.example"),
    "mail": ({"attributes": [("nom", "", ["Marc"])]}, "email", "mail", "nom"),
    "clock": ({"not_before": 600}, "not_before", "", ""),
    "certificate": ({"key": make_key("thief")}, "certificate", "", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_the_doctor_says_what_is_wrong(
    name: str, tenant_a: Any, admin: Any, connect: Any, walk: Any, inside: Any, written: Any
) -> None:
    from tremplin.sso.models import LoginTrace

    values, code, expected, received = MISTAKES[name]
    connect(tenant_a, active=False)
    before = written(tenant_a)
    browser = walk(tenant_a)
    browser.client = admin
    browser.begin(f"{PAGE}test/")
    answer = browser.come_back(**values)
    page = text_of(admin.get(answer["Location"]))
    with inside(tenant_a):
        trace = LoginTrace.objects.get()
        assert (trace.is_success, trace.failed_check) == (False, code)
        check = next(row for row in trace.document["checks"] if row["code"] == code)
        assert expected in check["expected"]
        assert received in check["received"]
    assert f'data-testid="trace-failed-{code}"' in page
    assert written(tenant_a) == before


def test_a_test_answered_for_another_request_is_named(
    tenant_a: Any, admin: Any, connect: Any, walk: Any, inside: Any
) -> None:
    from tremplin.sso.models import LoginTrace

    connect(tenant_a, active=False)
    browser = walk(tenant_a)
    browser.client = admin
    browser.begin(f"{PAGE}test/")
    browser.come_back(in_response_to="_another")
    with inside(tenant_a):
        assert LoginTrace.objects.get().failed_check == "in_response_to"


def test_a_trace_stays_in_its_space(
    tenant_a: Any, tenant_b: Any, admin: Any, connect: Any, walk: Any, make_person: Any,
    client_for: Any,
) -> None:  # fmt: skip
    connect(tenant_a, active=False)
    browser = walk(tenant_a)
    browser.client = admin
    browser.begin(f"{PAGE}test/")
    where = browser.come_back()["Location"]
    other = client_for(tenant_b, make_person(tenant_b, "nadia@lycee.example", "admin"))
    assert other.get(where).status_code == 404
    assert other.get(PAGE).status_code == 404
    assert client_for(tenant_a).get(where)["Location"].startswith("/accounts/login/")
    trainer = client_for(tenant_a, make_person(tenant_a, "t@mecaformation.example", "trainer"))
    assert trainer.get(where).status_code == 403
    assert trainer.post(f"{PAGE}test/").status_code == 403


BAD = {
    "doctype": (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "document type or entities"),
    "external": (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "document type or entities"),
    "utf-16": (
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x [<!ENTITY a "b">]><x/>'.encode("utf-16"),
        "document type or entities",
    ),
    "text": (b"hello", "This is not XML."),
    "html": (b"<html><body/></html>", "does not describe an identity provider"),
    "bomb": (b"<a>" * 40_000, "This is not XML."),
    "ours": (
        b'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="x">'
        b'<SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"/>'
        b"</EntityDescriptor>",
        "We need that of your provider.",
    ),
    "script": (
        Idp(base="javascript:alert(1)//").metadata(),
        "The addresses of the provider must start with https://.",
    ),
    "plain": (
        Idp(base="http://idp.example").metadata(),
        "The addresses of the provider must start with https://.",
    ),
    "no certificate": (
        Idp().metadata().replace(b"X509Data", b"KeyName"), "holds no signing certificate"
    ),
    "broken certificate": (
        Idp().metadata().replace(Idp().key.body.encode(), b"AAAA"), "is not readable"
    ),
    "no redirect": (
        Idp().metadata().replace(b"HTTP-Redirect", b"HTTP-POST"), "HTTP-Redirect binding"
    ),
    "two": (
        b'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">'
        + Idp().metadata() + Idp(entity_id="https://two.example").metadata()
        + b"</md:EntitiesDescriptor>",
        "say which entity ID is yours",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_metadata_is_refused_in_words(
    name: str, tenant_a: Any, admin: Any, inside: Any
) -> None:
    from tremplin.sso.models import Connection

    content, message = BAD[name]
    answer = upload(admin, content)
    assert answer.status_code == 422
    assert message in text_of(answer)
    with inside(tenant_a):
        assert not Connection.objects.filter(kind="saml").exists()


def test_one_provider_is_chosen_among_several(tenant_a: Any, admin: Any, inside: Any) -> None:
    from tremplin.sso.models import Connection

    upload(admin, BAD["two"][0], entity_id="https://two.example")
    with inside(tenant_a):
        made = Connection.objects.select_related("app").get(kind="saml")
        assert made.app.provider_id == "https://two.example"
        assert "idp.example/metadata" not in made.app.settings["idp"]["metadata_xml"]


def test_metadata_above_a_megabyte_is_refused(admin: Any) -> None:
    answer = upload(admin, Idp().metadata() + b" " * 1_048_576)
    assert answer.status_code == 422
    assert "larger than 1 MB" in text_of(answer)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "The address must start with https://."),
        ("http://idp.example/metadata", "The address must start with https://."),
        ("https://127.0.0.1/metadata", "its address is private"),
        ("https://[::1]/metadata", "its address is private"),
        ("https://10.0.0.8/metadata", "its address is private"),
        ("https://169.254.169.254/latest/meta-data/", "its address is private"),
        ("https://192.168.1.1:8443/", "its address is private"),
        ("https://idp.example:22/", "The address may only use port 443 or 8443."),
    ],
)
def test_an_address_that_is_not_public_is_refused(
    url: str, message: str, tenant_a: Any, admin: Any, inside: Any
) -> None:
    from tremplin.sso.models import Connection

    answer = admin.post(
        "/console/sso/saml/new/", {"label": "Campus", "preset": "generic", "metadata_url": url}
    )
    assert answer.status_code == 422
    assert message in text_of(answer)
    with inside(tenant_a):
        assert not Connection.objects.filter(kind="saml").exists()


def test_file_or_address_not_both(admin: Any) -> None:
    both = upload(admin, Idp().metadata(), metadata_url="https://idp.example/")
    none = admin.post("/console/sso/saml/new/", {"label": "Campus", "preset": "generic"})
    for answer in (both, none):
        assert answer.status_code == 422
        assert "Choose a file or type an address." in text_of(answer)


def test_the_same_provider_is_connected_once(tenant_a: Any, admin: Any, connect: Any) -> None:
    connect(tenant_a)
    answer = upload(admin, Idp().metadata())
    assert answer.status_code == 422
    assert "This provider is connected already." in text_of(answer)


def edited(**changes: str) -> dict[str, str]:
    return {
        "label": "Campus", "role_attribute": "groups", "default_role": "learner",
        "signs_message": "on", "signs_assertion": "on", "map_email": "mail\n\nemail ",
        "value_0": "Élèves", "role_0": "learner", "value_1": "profs", "role_1": "trainer",
        **changes,
    }  # fmt: skip


def test_names_and_roles_are_edited(tenant_a: Any, admin: Any, connect: Any, inside: Any) -> None:
    from tremplin.sso.models import Connection

    connect(tenant_a)
    assert admin.get(f"{PAGE}edit/").status_code == 200
    assert admin.post(f"{PAGE}edit/", edited()).status_code == 302
    with inside(tenant_a):
        made = Connection.objects.select_related("app").get(slug="campus")
        assert made.role_map == {"Élèves": "learner", "profs": "trainer"}
        assert made.app.settings["attribute_mapping"]["email"] == ["mail", "email"]
        assert (made.creates_people, made.updates_profile) == (False, False)
        assert made.app.settings["advanced"]["reject_idp_initiated_sso"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signs_message": "", "signs_assertion": ""}, "Require a signature"),
        ({"role_0": ""}, "Fill both cells of the row, or none."),
        ({"value_1": ""}, "Fill both cells of the row, or none."),
        ({"role_0": "platform_admin"}, "platform_admin"),
        ({"default_role": "owner"}, "owner"),
        ({"label": ""}, "This field is required."),
    ],
)
def test_wrong_settings_change_nothing(
    changes: dict[str, str], message: str, tenant_a: Any, admin: Any, connect: Any, inside: Any
) -> None:
    from tremplin.sso.models import Connection

    connect(tenant_a)
    answer = admin.post(f"{PAGE}edit/", edited(**changes))
    assert answer.status_code == 422
    assert message in text_of(answer)
    with inside(tenant_a):
        assert Connection.objects.get(slug="campus").role_map == {"staff": "trainer"}


def test_nobody_lets_a_provider_give_what_she_may_not_give(
    tenant_a: Any, connect: Any, make_person: Any, client_for: Any, inside: Any
) -> None:
    from django.contrib.auth.models import Group, Permission

    from tremplin.sso.models import Connection

    connect(tenant_a)
    integrator = make_person(tenant_a, "integrator@x.example", locale="en")
    with inside(tenant_a):
        group = Group.objects.create(name="custom-integrators")
        group.permissions.add(
            Permission.objects.get(codename="manage_sso", content_type__app_label="sso")
        )
        integrator.groups.add(group)
    client = speak_english(client_for(tenant_a, integrator))
    for changes in ({"default_role": "admin"}, {"role_0": "admin"}, {"role_0": "manager"}):
        answer = client.post(f"{PAGE}edit/", edited(**changes))
        assert answer.status_code == 422
        assert "is not one of the available choices" in text_of(answer)
    kept = edited(role_0="trainer")  # what the connection gives already
    assert client.post(f"{PAGE}edit/", kept).status_code == 302
    with inside(tenant_a):
        made = Connection.objects.get(slug="campus")
        assert (made.default_role, made.role_map["profs"]) == ("learner", "trainer")


def test_metadata_is_replaced_by_that_of_the_same_provider_only(
    tenant_a: Any, admin: Any, connect: Any, inside: Any
) -> None:
    from tremplin.kernel.models import AuditEvent
    from tremplin.sso.models import Connection

    connect(tenant_a)
    idp, following = Idp(), make_key("idp-next", 20)

    def send(content: bytes) -> str:
        file = SimpleUploadedFile("idp.xml", content)
        answer = admin.post(f"{PAGE}metadata/", {"metadata_file": file}, follow=True)
        return text_of(answer)

    assert "describes another provider" in send(Idp(entity_id="https://evil.example").metadata())
    assert "The certificates are the same." in send(idp.metadata())
    assert "The certificates changed." in send(idp.metadata(following))
    with inside(tenant_a):
        made = Connection.objects.select_related("app").get(slug="campus")
        assert len(made.app.settings["idp"]["certificates"]) == 1
        assert (made.certificate_expires_at - timezone.now()).days in {19, 20}
        event = AuditEvent.objects.get(kind="security.sso_certificates_changed")
        assert (len(event.data["added"]), len(event.data["removed"])) == (1, 1)
    assert "A certificate ends soon" in text_of(admin.get(PAGE))


def test_the_owner_is_written_to_before_a_certificate_ends(
    tenant_a: Any, connect: Any, inside: Any, mailoutbox: list[Any]
) -> None:
    from tremplin.sso.models import Connection
    from tremplin.sso.saml import expiry, tasks

    connect(tenant_a, document=Idp().metadata(make_key("idp-late", 25)))
    with inside(tenant_a):
        tasks.refresh_metadata()
        tasks.refresh_metadata()
        assert [mail.to for mail in mailoutbox] == [["owner@mecaformation.example"]]
        assert "Campus" in mailoutbox[0].subject
        Connection.objects.update(certificate_expires_at=timezone.now() + timedelta(days=6))
        assert expiry.warn() == 1
        assert expiry.warn() == 0


def test_the_address_is_read_again_every_day(tenant_a: Any, connect: Any, inside: Any) -> None:
    """The former description goes on working when the address fails."""
    from tremplin.sso.models import Connection
    from tremplin.sso.saml import tasks

    connect(tenant_a)
    with inside(tenant_a):
        Connection.objects.filter(slug="campus").update(metadata_url="https://127.0.0.1/x")
        tasks.refresh_metadata()
        made = Connection.objects.select_related("app").get(slug="campus")
        assert "its address is private" in made.metadata_error
        assert "IDPSSODescriptor" in made.app.settings["idp"]["metadata_xml"]


def test_a_connection_is_deleted_with_its_identities(
    tenant_a: Any, admin: Any, connect: Any, walk: Any, inside: Any, written: Any
) -> None:
    from allauth.socialaccount.models import SocialApp

    connect(tenant_a, domains=("campus.example",))
    browser = walk(tenant_a)
    browser.begin()
    browser.come_back()
    people, addresses, linked = written(tenant_a)
    assert "1 linked identity is forgotten" in text_of(admin.get(f"{PAGE}delete/"))
    answer = admin.post(f"{PAGE}delete/")
    assert (answer.status_code, answer["Location"]) == (302, "/console/sso/")
    assert written(tenant_a) == (people, addresses, linked - 1)
    with inside(tenant_a):
        assert not SocialApp.objects.filter(provider="saml").exists()
    assert admin.get(PAGE).status_code == 404


def test_the_pages_of_the_keys(tenant_a: Any, admin: Any, inside: Any) -> None:
    from tremplin.sso.models import ServiceKey

    page = reverse("sso_console:saml_keys")

    def states() -> list[str]:
        with inside(tenant_a):
            return sorted(ServiceKey.objects.values_list("state", flat=True))

    assert text_of(admin.get(page)).count('data-testid="service-key"') == 1
    assert "Prepare a new key first." in text_of(
        admin.post(page, {"action": "promote"}, follow=True)
    )
    admin.post(page, {"action": "prepare"})
    assert states() == ["current", "next"]
    assert "A new key is prepared already." in text_of(
        admin.post(page, {"action": "prepare"}, follow=True)
    )
    admin.post(page, {"action": "drop"})
    assert states() == ["current"]
    admin.post(page, {"action": "prepare"})
    admin.post(page, {"action": "promote"})
    assert states() == ["current", "retired"]
    assert admin.post(page, {"action": "dance"}).status_code == 404
    with inside(tenant_a):
        assert all(
            key.private_key.startswith("fernet:") or key.state == "retired"
            for key in ServiceKey.objects.all()
        )


def test_a_library_that_does_not_load_is_explained(
    tenant_a: Any, admin: Any, settings: Any
) -> None:
    settings.SAML_AVAILABLE, settings.SAML_PROBLEM = False, "libxml2 mismatch"
    for path in ("new/", "keys/", "campus/"):
        answer = admin.get(f"/console/sso/saml/{path}")
        assert answer.status_code == 503
        assert "libxml2 mismatch" in text_of(answer)
    assert "libxml2 mismatch" in text_of(admin.get("/console/sso/doctor/"))


def test_the_examined_document_is_shown_as_text(
    tenant_a: Any, admin: Any, connect: Any, walk: Any
) -> None:
    """A hostile value of an attribute stays text on the page."""
    connect(tenant_a, active=False)
    browser = walk(tenant_a)
    browser.client = admin
    browser.begin(f"{PAGE}test/")
    document = browser.idp.document(browser.answer())
    node = document.find(".//saml:Attribute/saml:AttributeValue", NAMES)
    node.text = "<script>alert(1)</script>"
    answer = browser.post(encode(document))
    page = admin.get(answer["Location"]).content.decode()
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)" in page
