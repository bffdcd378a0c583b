"""Credentials and single sign-on of a furnished school: one of each kind, every text marked."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from tests.support.soft_passkey import SoftPasskey

if TYPE_CHECKING:
    from tests.isolation.world import World


METADATA = (
    '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" '
    'entityID="https://idp.{m}.example/metadata"><IDPSSODescriptor '
    'protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing">'
    '<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{certificate}'
    "</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService "
    'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
    'Location="https://idp.{m}.example/sso"/></IDPSSODescriptor></EntityDescriptor>'
)


def furnish_access(world: World) -> None:
    """Make keys, applications, tokens, visits, roles, connections and directory records."""
    for make in (_api, _tokens, _second_factor, _support, _sso, _directory):
        make(world)


def _second_factor(world: World) -> None:
    from allauth.mfa.models import Authenticator
    from allauth.usersessions.models import UserSession

    m, admin = world.marker, world.people["admin"]
    # A real credential: the library reads it again at each ceremony of its owner.
    device = SoftPasskey(f"http://{world.host}")
    asked = {"user": {"id": "AA"}, "rp": {"id": world.host}, "challenge": "AA"}
    passkey = Authenticator.objects.create(
        user=admin,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": m, "credential": device.create({"publicKey": asked})},
    )
    session, _made = UserSession.objects.get_or_create(
        session_key=world.cookies["admin"],
        defaults={"user": admin, "ip": "192.0.2.1", "user_agent": m},
    )
    session.user_agent = m
    session.save()
    world.ids |= {"passkey": str(passkey.pk), "session": str(session.pk)}


def _api(world: World) -> None:
    from tremplin.identity.api_access import clients, keys

    m, admin = world.marker, world.people["admin"]
    scopes = ["identity:read", "scim"]
    key, world.ids["api_key_secret"] = keys.create(name=m, scopes=scopes, created_by=admin)
    client, world.ids["client_secret"] = clients.create(name=m, scopes=scopes, created_by=admin)
    world.ids |= {"api_key": str(key.pk), "api_client": str(client.pk)}


def _tokens(world: World) -> None:
    """Sign the learner in by an application, and ask a token for the client."""
    from django.test import Client

    m = world.marker
    app = Client(headers={"host": world.host})
    signed = app.post(
        "/_allauth/app/v1/auth/login",
        {"email": f"learner-{m}@people.example", "password": f"a long enough phrase {m} 7"},
        content_type="application/json",
    )
    assert signed.status_code == 200, signed.content
    meta = signed.json()["meta"]
    world.ids |= {
        "access_token": meta["access_token"],
        "refresh_token": meta["refresh_token"],
        "session_token": meta["session_token"],
    }
    granted = Client(headers={"host": world.host}).post(
        "/identity/o/api/token",
        {
            "grant_type": "client_credentials",
            "client_id": world.ids["api_client"],
            "client_secret": world.ids["client_secret"],
            "scope": "identity:read scim",
        },
    )
    assert granted.status_code == 200, granted.content
    world.ids["client_token"] = granted.json()["access_token"]


def _support(world: World) -> None:
    from uuid import UUID

    from tremplin.identity.models import SupportAccess
    from tremplin.identity.services import new_token

    m = world.marker
    token, digest = new_token()
    now = timezone.now()
    visit = SupportAccess.objects.create(
        person=world.people["learner"], viewer_tenant=UUID(int=1), viewer_account=UUID(int=2),
        viewer_name=f"Visitor {m}", viewer_space=f"Space {m}", reason=f"Reason {m}",
        token_hash=digest, expires_at=now + timedelta(seconds=60),
    )  # fmt: skip
    world.ids |= {"visit": str(visit.pk), "visit_token": token}


@cache
def _pair(name: str) -> Any:
    """Return the key pair of one school; making one takes half a second."""
    from tremplin.sso.saml import keys

    return keys.make(name, timezone.now())


def _sso(world: World) -> None:
    from allauth.socialaccount.models import SocialAccount

    from tremplin.sso.models import Connection, EmailDomain, LoginTrace, ServiceKey
    from tremplin.sso.saml import keys
    from tremplin.sso.saml import services as saml_services
    from tremplin.sso.saml.metadata import Certificate, IdpMetadata
    from tremplin.sso.services import OidcValues, create_oidc, seal

    m, now = world.marker, timezone.now()
    oidc = create_oidc(
        "generic",
        OidcValues(f"Sign in {m}", m, f"secret {m}", f"https://op.{m}.example", "learner"),
    )
    pair = _pair(m)
    ServiceKey.objects.create(
        state="current", certificate=pair.certificate, private_key=seal(pair.private_key),
        expires_at=now + timedelta(days=900),
    )  # fmt: skip
    found = IdpMetadata(
        entity_id=f"https://idp.{m}.example/metadata", sso_url=f"https://idp.{m}.example/sso",
        slo_url=f"https://idp.{m}.example/slo", wants_signed_requests=False, name_id_formats=(),
        certificates=(
            Certificate(
                keys.body(pair.certificate), f"CN={m}", now + timedelta(days=900),
                keys.fingerprint(pair.certificate).replace(":", "").lower(),
            ),
        ),
        xml=METADATA.format(m=m, certificate=keys.body(pair.certificate)),
    )  # fmt: skip
    choices = saml_services.defaults_for("generic", f"SAML {m}")
    saml = saml_services.connect(
        found, preset="generic", choices=choices, metadata_url=found.entity_id, slug=f"saml-{m}"
    )
    Connection.objects.filter(pk=saml.pk).update(
        role_attribute=f"role {m}", role_map={m: "learner"}
    )
    EmailDomain.objects.create(domain=f"{m}.example", verified_at=now)
    trace = LoginTrace.objects.create(
        connection=saml, person=world.people["admin"], failed_check="audience",
        document={"attributes": {"mail": [f"{m}@people.example"]}},
    )  # fmt: skip
    SocialAccount.objects.create(
        user=world.people["learner"], provider=oidc.slug, uid=f"uid {m}", extra_data={"name": m}
    )
    world.ids |= {
        "oidc_slug": oidc.slug,
        "oidc": str(oidc.pk),
        "saml_slug": saml.slug,
        "trace": str(trace.pk),
        "mail_domain": f"{m}.example",
    }


def _directory(world: World) -> None:
    from tremplin.identity.models import Cohort
    from tremplin.identity.services import create_person
    from tremplin.sso.models import CohortRole, ScimRecord

    m = world.marker
    person = create_person(email=f"dir-{m}@people.example", first_name=m, last_name=m)
    record = ScimRecord.objects.create(
        resource_type="User", unique_key=f"dir-{m}@people.example", external_id=m, user=person,
        document={"userName": f"dir-{m}@people.example", "displayName": m, "active": True},
    )  # fmt: skip
    cohort = Cohort.objects.get(slug=world.ids["cohort_slug"])
    CohortRole.objects.create(cohort=cohort, role="learner")
    world.ids |= {"scim_id": str(record.pk), "scim_path": f"Users/{record.pk}"}
