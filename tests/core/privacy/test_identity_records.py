"""Keys, tokens, visits, bulk actions, directories: exported to whom they concern, then erased."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from allauth.idp.oidc.models import Client, Token
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.sessions.models import Session

from tremplin.identity.api_access import clients, keys
from tremplin.identity.models import ApiKey, BulkAction, SupportAccess, TenantMembership, User
from tremplin.identity.services import create_person
from tremplin.privacy import services as privacy
from tremplin.sso.models import Connection, GivenRole, LoginTrace, ScimRecord
from tremplin.testing import freeze

if TYPE_CHECKING:
    from tenants.registry import TenantInfo

Inside = Callable[["TenantInfo"], AbstractContextManager[None]]
THEN = datetime(2026, 11, 1, 9, tzinfo=UTC)
STAMP = "2026-11-01T09:00:00+00:00"
EMAIL = "lea@example.org"

# Every reference to a person in the tables of accounts, and what becomes of it when she is erased.
ERASED, KEPT_NAMELESS = "erased", "kept, names nobody"
REFERENCES = {
    "account.EmailAddress.user": ERASED,
    "allauth_idp_oidc.Client.owner": ERASED,
    "allauth_idp_oidc.Token.user": ERASED,
    "identity.ApiKey.created_by": ERASED,
    "identity.BulkAction.actor": KEPT_NAMELESS,
    "identity.CohortMembership.person": ERASED,
    "identity.CustomRole.created_by": KEPT_NAMELESS,
    "identity.ImportUpload.person": ERASED,
    "identity.Invitation.invited_by": KEPT_NAMELESS,
    "identity.Invitation.person": ERASED,
    "identity.PasswordResetToken.person": ERASED,
    "identity.SpaceOwner.person": KEPT_NAMELESS,
    "identity.SupportAccess.person": KEPT_NAMELESS,
    "identity.TenantMembership.account": ERASED,
    "mfa.Authenticator.user": ERASED,
    "socialaccount.SocialAccount.user": ERASED,
    "sso.GivenRole.person": ERASED,
    "sso.LoginTrace.person": ERASED,
    "sso.ScimRecord.user": ERASED,
    "usersessions.UserSession.user": ERASED,
}


def references() -> Iterator[str]:
    """Yield every reference to a person of the applications that make accounts."""
    labels = {name.partition(".")[0] for name in REFERENCES}
    for model in apps.get_models():
        if model._meta.app_label in labels and not model._meta.auto_created:
            for field in model._meta.get_fields():
                if field.concrete and field.related_model is User and not field.many_to_many:
                    yield f"{model._meta.label}.{field.name}"


def test_no_reference_to_a_person_is_forgotten() -> None:
    assert sorted(references()) == sorted(REFERENCES)


@dataclass(frozen=True, slots=True)
class Trail:
    person: User
    other: User
    key: str
    scim: str


def leave_a_trail(tenant: TenantInfo, inside: Inside) -> Trail:
    """Give Léa one row of everything, and her neighbour of the same space another."""
    with inside(tenant), freeze(THEN):
        person = create_person(email=EMAIL, first_name="Léa", last_name="Roux")
        other = create_person(email=f"x{EMAIL}", first_name="Léo", last_name="Roux")
        key, _secret = keys.create(name="paie", scopes=["identity:read"], created_by=person)
        client, _secret = clients.create(
            name="bulletin", scopes=["identity:read"], created_by=person
        )
        Token.objects.create(
            client=client, user=person, type=Token.Type.ACCESS_TOKEN, hash="h", created_at=THEN
        )
        TenantMembership.objects.create(
            account=person, tenant_uuid=tenant.uuid, role_hint="learner", created_at=THEN
        )
        ApiKey.objects.update(created_at=THEN)
        Client.objects.filter(pk=client.pk).update(created_at=THEN)
        for who, token in ((person, "a"), (other, "b")):
            SupportAccess.objects.create(
                person=who, viewer_tenant=uuid4(), viewer_account=uuid4(), viewer_name="Ada V.",
                viewer_space="Tremplin", reason="ticket 12", token_hash=token, created_at=THEN,
                opened_at=THEN, expires_at=THEN, ended_at=THEN,
            )  # fmt: skip
        done = {"started_at": THEN, "finished_at": THEN, "created_at": THEN, "state": "done"}
        BulkAction.objects.create(
            actor=other, action="suspend", reason="fin du stage de Léa", people=[person.pk], **done
        )
        BulkAction.objects.create(
            actor=other, action="suspend", reason="autre", people=[other.pk], **done
        )
        BulkAction.objects.create(actor=person, action="remove", people=[other.pk], created_at=THEN)
        app = SocialApp.objects.create(provider="saml", provider_id="idp", client_id="campus")
        made = Connection.objects.create(app=app, kind="saml", slug="campus", label="Campus")
        for by, mail in ((other, EMAIL), (person, f"x{EMAIL}"), (other, f"x{EMAIL}")):
            LoginTrace.objects.create(
                connection=made, person=by, document={"fields": {"email": mail}}, created_at=THEN
            )
        GivenRole.objects.create(connection=made, person=person, role="learner", created_at=THEN)
        SocialAccount.objects.create(user=person, provider="idp", uid="lea", extra_data={})
        scim = ScimRecord.objects.create(
            resource_type="User", unique_key="lea", user=person, document={"userName": "lea"}
        )
        UserSession.objects.create(
            user=person, session_key="s", ip="192.0.2.7", user_agent="Firefox", last_seen_at=THEN
        )
    return Trail(person, other, key.prefix, str(scim.pk))


def archive_of(tenant: TenantInfo, inside: Inside, person: User) -> dict[str, Any]:
    with inside(tenant):
        archive = zipfile.ZipFile(io.BytesIO(privacy.export_person(person.pk)))
        return {
            name: json.loads(archive.read(name))
            for name in archive.namelist()
            if name.startswith(("directory/", "identity/", "sso/"))
        }


def test_the_export_holds_every_record(tenant_a: TenantInfo, inside: Inside) -> None:
    trail = leave_a_trail(tenant_a, inside)
    found = archive_of(tenant_a, inside, trail.person)
    assert sorted(found) == [
        "directory/directory.json",
        "identity/account.json",
        "identity/bulk-actions.json",
        "identity/programs.json",
        "identity/spaces.json",
        "identity/visits.json",
        "sso/given-roles.json",
        "sso/identities.json",
        "sso/test-sign-ins.json",
    ]
    assert found["identity/spaces.json"] == [
        {"space": tenant_a.name, "role": "learner", "since": STAMP}
    ]
    programs = found["identity/programs.json"]
    assert [(row["prefix"], row["scopes"]) for row in programs["keys"]] == [
        (trail.key, ["identity:read"])
    ]
    assert [row["name"] for row in programs["applications"]] == ["bulletin"]
    assert [row["application"] for row in programs["tokens"]] == ["bulletin"]
    assert "hash" not in json.dumps(programs)
    assert found["identity/visits.json"] == [
        {"by": "Tremplin", "reason": "ticket 12", "asked": STAMP, "opened": STAMP, "ended": STAMP}
    ]
    bulk = found["identity/bulk-actions.json"]
    shown = [(row["action"], row["by_you"], row["about_you"], row["people"]) for row in bulk]
    assert sorted(shown) == [("remove", True, False, 1), ("suspend", False, True, 1)]
    assert {row["reason"] for row in bulk} == {"fin du stage de Léa", ""}
    tests = found["sso/test-sign-ins.json"]
    assert sorted((row["ran_by_you"], row["received"] is not None) for row in tests) == [
        (False, True),
        (True, False),
    ]
    assert f"x{EMAIL}" not in json.dumps(found)
    assert found["sso/given-roles.json"] == [
        {"connection": "Campus", "role": "learner", "since": STAMP}
    ]
    assert found["sso/identities.json"][0]["identifier"] == "lea"
    assert found["directory/directory.json"]["document"] == {"userName": "lea"}
    assert [row["address"] for row in found["identity/account.json"]["sessions"]] == ["192.0.2.7"]


def test_erasure_takes_them_away_and_leaves_the_neighbours(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside
) -> None:
    trail, elsewhere = leave_a_trail(tenant_a, inside), leave_a_trail(tenant_b, inside)
    with inside(tenant_a):
        privacy.erase_person(trail.person.pk)
        erased = (ApiKey, Client, Token, TenantMembership, SocialAccount, ScimRecord, GivenRole)
        for model in erased:
            assert model.objects.count() == 0, model.__name__
        assert UserSession.objects.filter(user=trail.person).count() == 0
        assert list(LoginTrace.objects.values_list("document", flat=True)) == [
            {"fields": {"email": f"x{EMAIL}"}}
        ]
        visits = dict(SupportAccess.objects.values_list("person_id", "reason"))
        assert visits == {trail.person.pk: "", trail.other.pk: "ticket 12"}
        bulk = BulkAction.objects.order_by("reason").values_list("action", "reason")
        assert list(bulk) == [("suspend", ""), ("suspend", "autre")]
        assert EMAIL not in str(list(User.objects.filter(pk=trail.person.pk).values()))
    found = archive_of(tenant_b, inside, elsewhere.person)
    assert [row["prefix"] for row in found["identity/programs.json"]["keys"]] == [elsewhere.key]
    assert len(found) == 9


def test_every_record_ends_with_its_term(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside
) -> None:
    from tremplin.identity.tasks import forget_uploads
    from tremplin.kernel.tasks.base import TENANT_HEADER

    leave_a_trail(tenant_a, inside)
    leave_a_trail(tenant_b, inside)
    with inside(tenant_a):
        for days, left in ((7, 3), (8, 0)):
            with freeze(THEN + timedelta(days=days, minutes=-1)):
                privacy.apply_retention()
            assert LoginTrace.objects.count() == left
        for days, left in ((365, 2), (366, 0)):
            with freeze(THEN + timedelta(days=days, minutes=-1)):
                privacy.apply_retention()
            assert SupportAccess.objects.count() == left
        assert BulkAction.objects.filter(finished_at__isnull=False).count() == 0
        assert UserSession.objects.count() == 0
    with inside(tenant_b):
        assert (SupportAccess.objects.count(), UserSession.objects.count()) == (2, 1)
        now = datetime.now(UTC)
        for name, minutes in (("over", -1), ("open", 1)):
            Session.objects.create(
                session_key=name, expire_date=now + timedelta(minutes=minutes), session_data=""
            )
        UserSession.objects.update(last_seen_at=now - timedelta(days=14, minutes=1))
    forget_uploads.apply(headers={TENANT_HEADER: str(tenant_b.uuid)}, throw=True)
    with inside(tenant_b):
        assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]
        assert UserSession.objects.count() == 0
