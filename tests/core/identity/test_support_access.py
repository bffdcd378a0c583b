"""Visits of support: consent, a minute to enter, thirty to stay, and what ends them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from tests.core.identity.visits import REASON, Visitor, visitors

pytestmark = pytest.mark.django_db
__all__ = ["visitors"]


def events(tenant: Any, inside: Any) -> list[tuple[str, str, Any, str, dict[str, Any]]]:
    from tremplin.kernel.models import AuditEvent

    with inside(tenant):
        return [
            (row.kind, row.actor_label, row.actor, row.target, row.data)
            for row in AuditEvent.objects.filter(kind__startswith="security.support").order_by("id")
        ]


def visit_rows(tenant: Any, inside: Any) -> list[Any]:
    from tremplin.identity.models import SupportAccess

    with inside(tenant):
        return list(SupportAccess.objects.order_by("created_at"))


# --- opening ------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["hq", "reseller"])
def test_a_visit_is_told_in_both_spaces(
    visitors: dict[str, Visitor], side: str, inside: Any
) -> None:
    visitor = visitors[side]
    client = visitor.visit()
    (row,) = visit_rows(visitor.target, inside)
    assert (row.viewer_tenant, row.viewer_account) == (visitor.space.uuid, visitor.person.pk)
    assert (row.viewer_name, row.viewer_space) == ("Ada Verdier", visitor.space.name)
    assert row.reason == REASON
    assert row.person_id == visitor.owner.pk
    assert row.expires_at - row.opened_at == timedelta(minutes=30)
    assert row.expires_at - row.created_at > timedelta(minutes=29, seconds=59)
    facts = {"visit": str(row.pk), "viewer": str(visitor.person.pk)}
    started = ("security.support_started", "support", visitor.person.pk)
    assert events(visitor.target, inside) == [
        (
            *started,
            f"person:{visitor.owner.pk}",
            {**facts, "viewer_space": str(visitor.space.uuid)},
        )
    ]
    assert events(visitor.space, inside) == [
        (*started, f"space:{visitor.target.uuid}", {**facts, "person": str(visitor.owner.pk)})
    ]
    assert REASON not in str(events(visitor.target, inside) + events(visitor.space, inside))
    page = client.get("/app/").content.decode()
    assert 'data-testid="support-banner"' in page
    seconds = int(re.search(r'data-support-seconds="(\d+)"', page)[1])  # type: ignore[index]
    assert seconds in {1797, 1798, 1799, 1800}
    assert f"Ada Verdier ({visitor.space.name})" in page
    assert client.get("/api/v1/me").json()["email"] == visitor.owner.email


def test_the_person_who_is_viewed_did_not_sign_in(
    visitors: dict[str, Visitor], inside: Any
) -> None:
    from allauth.usersessions.models import UserSession

    visitor = visitors["hq"]
    client = visitor.visit()
    client.get("/app/")
    with inside(visitor.target):
        visitor.owner.refresh_from_db()
        assert visitor.owner.last_login is None
        assert UserSession.objects.filter(user=visitor.owner).count() == 0


@pytest.mark.parametrize("side", ["hq", "reseller"])
def test_without_consent_nothing_opens(
    visitors: dict[str, Visitor], side: str, inside: Any
) -> None:
    visitor = visitors[side]
    visitor.consent(False)
    page = visitor.client.get(visitor.form)
    assert page.status_code == 200
    assert 'data-testid="view-as-start"' not in page.content.decode()
    assert visitor.ask().status_code == 409
    assert visit_rows(visitor.target, inside) == []


@pytest.mark.parametrize(
    ("reason", "status"),
    [("", 422), ("help", 422), ("x" * 301, 422), ("ticket 12", 303), ("x" * 300, 303)],
)
def test_a_reason_of_5_to_300_characters_is_required(
    visitors: dict[str, Visitor], reason: str, status: int, inside: Any
) -> None:
    visitor = visitors["hq"]
    answer = visitor.ask(reason=reason)
    assert answer.status_code == status
    assert len(visit_rows(visitor.target, inside)) == (status == 303)
    if status == 422:
        assert "Write a reason of 5 to 300 characters." in answer.content.decode()


def test_who_can_be_viewed(visitors: dict[str, Visitor], make_person: Any, inside: Any) -> None:
    from tremplin.identity import services

    visitor = visitors["hq"]
    lina = make_person(visitor.target, "lina@view.example", "learner")
    make_person(visitor.target, "claire@view.example", "dpo")
    gone = make_person(visitor.target, "gone@view.example", "learner")
    with inside(visitor.target):
        services.suspend(gone, "left")
    page = visitor.client.get(visitor.form).content.decode()
    offered = re.findall(r'<option value="(\w+)"', page)
    assert offered == ["admin", "learner"]
    assert visitor.ask(role="learner").status_code == 303
    assert visit_rows(visitor.target, inside)[-1].person_id == lina.pk
    assert visitor.ask(email="LINA@view.example").status_code == 303
    assert visit_rows(visitor.target, inside)[-1].person_id == lina.pk
    before = len(visit_rows(visitor.target, inside))
    for fields, words in (
        ({"email": "claire@view.example"}, "are never viewed"),
        ({"email": "gone@view.example"}, "Nobody active in this space"),
        ({"email": "nobody@view.example"}, "Nobody active in this space"),
        ({"role": "dpo"}, "Select a valid choice"),
        ({"role": "platform_admin"}, "Select a valid choice"),
    ):
        refused = visitor.ask(**fields)
        assert (refused.status_code, words in refused.content.decode()) == (422, True), fields
    assert len(visit_rows(visitor.target, inside)) == before


def test_a_platform_account_is_never_viewed(
    visitors: dict[str, Visitor], space: Any, make_person: Any, inside: Any
) -> None:
    """The operator may view a reseller's space, as somebody who has no power over its clients."""
    visitor = visitors["hq"]
    reseller = space("passerelle")
    visitors["reseller"].consent_of(reseller, True)
    make_person(reseller, "coach@passerelle.example", "coach")
    form = f"/platform/spaces/{reseller.uuid}/view-as/"
    fields = {"role": "coach", "reason": REASON}
    refused = visitor.client.post(form, {**fields, "email": "owner@passerelle.example"})
    assert refused.status_code == 422
    assert "are never viewed" in refused.content.decode()
    assert visitor.client.post(form, fields).status_code == 303
    hq = f"/platform/spaces/{visitor.space.uuid}/view-as/"
    assert visitor.client.get(hq).status_code == 404


# --- who may ask --------------------------------------------------------------------------------


def test_role_right_and_kind_are_all_needed(
    visitors: dict[str, Visitor], client_for: Any, make_person: Any, inside: Any, space: Any
) -> None:
    from django.contrib.auth.models import Group, Permission

    from tremplin.identity import mfa

    visitor, school = visitors["hq"], visitors["hq"].target
    pages = [visitor.form, visitors["reseller"].form, "/reseller/"]
    # A group of that name in a school, with the right itself, opens nothing.
    with inside(school):
        group = Group.objects.create(name="platform_admin")
        group.permissions.set(
            Permission.objects.filter(content_type__app_label="identity", codename="support_access")
        )
    false = make_person(school, "false@school.example", "admin", "platform_admin")
    with inside(school):
        mfa.enrol_totp(false, "JBSWY3DPEHPK3PXP")
    for path in pages:
        assert client_for(school, false).get(path).status_code == 404, path
    # In the operator's space: the right without the role, then the role alone.
    with inside(visitor.space):
        other = Group.objects.create(name="helper")
        other.permissions.set(
            Permission.objects.filter(content_type__app_label="identity", codename="support_access")
        )
    helper = make_person(visitor.space, "helper@hq.example", "helper")
    billing = make_person(visitor.space, "billing@hq.example", "member", "billing")
    support = make_person(visitor.space, "support@hq.example", "support")
    with inside(visitor.space):
        for person in (billing, support):
            mfa.enrol_totp(person, "JBSWY3DPEHPK3PXP")
    for person in (helper, billing):
        assert client_for(visitor.space, person).get(visitor.form).status_code == 403
    assert client_for(visitor.space, support).get(visitor.form).status_code == 200
    # The pages of the other kind do not exist.
    assert visitor.client.get("/reseller/").status_code == 404
    assert visitor.client.get(visitors["reseller"].form).status_code == 404
    assert visitors["reseller"].client.get(visitor.form).status_code == 404


def test_a_reseller_sees_its_clients_only(
    visitors: dict[str, Visitor], space: Any, client_for: Any, make_person: Any, inside: Any
) -> None:
    visitor = visitors["reseller"]
    page = visitor.client.get("/reseller/")
    shown = re.findall(r'data-testid="client-([\w-]+)"', page.content.decode())
    assert shown == [visitor.target.slug]
    assert "MécaFormation" not in page.content.decode()
    stranger = space("mecaformation")
    visitors["hq"].consent_of(stranger, True)
    assert visitor.client.get(f"/reseller/clients/{stranger.uuid}/view-as/").status_code == 404
    asked = visitor.client.post(
        f"/reseller/clients/{stranger.uuid}/view-as/", {"role": "admin", "reason": REASON}
    )
    assert asked.status_code == 404
    assert visit_rows(stranger, inside) == []
    from tremplin.identity import mfa

    rival = space("autre")
    person = make_person(rival, "rival@autre.example", "reseller_owner")
    with inside(rival):
        mfa.enrol_totp(person, "JBSWY3DPEHPK3PXP")
    other = client_for(rival, person)
    assert other.get("/reseller/").status_code == 200
    assert other.get(visitor.form).status_code == 404


# --- the way in ---------------------------------------------------------------------------------


def test_a_link_opens_once_within_a_minute_in_its_space_only(
    visitors: dict[str, Visitor], space: Any, inside: Any
) -> None:
    from tremplin.identity.models import SupportAccess

    visitor = visitors["hq"]
    path = visitor.link()
    for other in (space("lycee"), visitor.space, space("volteo")):
        refused = visitor.browser(other).get(path)
        assert refused.status_code == 410
        assert "sessionid" not in refused.cookies
    assert visit_rows(visitor.target, inside)[0].opened_at is None
    opened = visitor.browser(visitor.target).get(path)
    assert (opened.status_code, opened.headers["Location"]) == (302, "/console/")
    again = visitor.browser(visitor.target)
    assert again.get(path).status_code == 410
    assert again.get("/app/").status_code == 302
    late = visitor.link()
    with inside(visitor.target):
        SupportAccess.objects.filter(opened_at=None).update(expires_at=timezone.now())
    assert visitor.browser(visitor.target).get(late).status_code == 410
    assert len([e for e in events(visitor.target, inside) if e[0].endswith("started")]) == 1


def test_the_form_may_lead_to_the_other_host_and_nowhere_else(visitors: dict[str, Visitor]) -> None:
    visitor = visitors["hq"]
    policy = visitor.client.get(visitor.form).headers["Content-Security-Policy"]
    actions = next(part for part in policy.split("; ") if part.startswith("form-action"))
    assert actions.split()[1:] == ["'self'", f"http://{visitor.target.primary_host}"]
    inner = visitor.visit().get("/app/").headers
    policy = inner["Content-Security-Policy"]
    actions = next(part for part in policy.split("; ") if part.startswith("form-action"))
    assert actions.split()[1:] == ["'self'", f"http://{visitor.space.primary_host}"]
    assert inner["Cache-Control"] == "no-store"


# --- the way out --------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["hq", "reseller"])
@pytest.mark.parametrize("door", ["/support/stop/", "/accounts/logout/"])
def test_stop_returns_to_where_the_visitor_came_from(
    visitors: dict[str, Visitor], side: str, door: str, inside: Any
) -> None:
    visitor = visitors[side]
    client = visitor.visit()
    assert client.get("/support/stop/").status_code == 405
    answer = client.post(door)
    back = {
        "hq": f"http://{visitor.space.primary_host}/platform/spaces/{visitor.target.uuid}/",
        "reseller": f"http://{visitor.space.primary_host}/reseller/",
    }[side]
    assert (answer.status_code, answer.headers["Location"]) == (302, back)
    assert client.get("/api/v1/me").status_code == 401
    for tenant in (visitor.target, visitor.space):
        kind, label, actor, _target, data = events(tenant, inside)[-1]
        assert (kind, label, actor) == (
            "security.support_ended", "support", visitor.person.pk
        )  # fmt: skip
        assert data["cause"] == "stopped"
    assert visitor.client.get("/api/v1/me").status_code == 200


def test_thirty_minutes_are_the_limit(visitors: dict[str, Visitor], inside: Any) -> None:
    from tremplin.identity.models import SupportAccess

    visitor = visitors["hq"]
    client = visitor.visit()
    with inside(visitor.target):
        SupportAccess.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = client.get("/console/people/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/support/ended/")
    client.cookies["language"] = "en"
    over = client.get("/support/ended/").content.decode()
    assert "The thirty minutes of the visit are over." in over
    assert f"http://{visitor.space.primary_host}/platform/spaces/" in over
    (row,) = visit_rows(visitor.target, inside)
    assert row.ended_at == row.expires_at
    for tenant in (visitor.target, visitor.space):
        assert [e[0] for e in events(tenant, inside)] == [
            "security.support_started", "security.support_expired"
        ]  # fmt: skip


def test_a_visit_that_nobody_closes_is_ended_by_the_task(
    visitors: dict[str, Visitor], inside: Any
) -> None:
    from tremplin.identity.models import SupportAccess
    from tremplin.identity.support import ending

    visitor = visitors["hq"]
    visitor.visit()
    visitor.link()  # never followed: ends without an event
    with inside(visitor.target):
        assert ending.finish_expired() == 0
        SupportAccess.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert ending.finish_expired() == 2
        assert ending.finish_expired() == 0
    assert [e[0] for e in events(visitor.target, inside)] == [
        "security.support_started", "security.support_expired"
    ]  # fmt: skip


def _suspend(visitor: Visitor, inside: Any) -> None:
    from tremplin.identity import services

    with inside(visitor.space):
        services.suspend(visitor.person, "left the company")


def _take_role(visitor: Visitor, inside: Any) -> None:
    from tremplin.identity import services

    with inside(visitor.space):
        services.set_roles(visitor.person, ["member"] if visitor.space.kind == "hq" else ["coach"])


def _end_session(visitor: Visitor, inside: Any) -> None:
    visitor.client.post("/accounts/logout/")


def _end_all_sessions(visitor: Visitor, inside: Any) -> None:
    from tremplin.identity import services

    with inside(visitor.space):
        services.end_sessions(visitor.person)


def _switch_off(visitor: Visitor, inside: Any) -> None:
    visitor.consent(False)


def _close(visitor: Visitor, inside: Any) -> None:
    from tremplin.identity.support import ending

    with inside(visitor.target):
        assert ending.finish_all("closed") == 1


def _sign_out_viewed(visitor: Visitor, inside: Any) -> None:
    from tremplin.identity import services

    with inside(visitor.target):
        services.end_sessions(visitor.owner)


@pytest.mark.parametrize("side", ["hq", "reseller"])
@pytest.mark.parametrize(
    ("ends", "cause"),
    [
        (_suspend, "viewer"),
        (_take_role, "viewer"),
        (_end_session, "session"),
        (_end_all_sessions, "session"),
        (_switch_off, "switched_off"),
        (_close, "closed"),
        (_sign_out_viewed, "person"),
    ],
)
def test_what_ends_a_visit_at_once(
    visitors: dict[str, Visitor], side: str, ends: Any, cause: str, inside: Any
) -> None:
    visitor = visitors[side]
    client = visitor.visit()
    assert client.get("/api/v1/me").status_code == 200
    ends(visitor, inside)
    assert client.get("/api/v1/me").status_code == 401
    answer = visitor.visit_ended = client.get("/console/people/")
    assert answer.status_code == 302
    for tenant in (visitor.target, visitor.space):
        kind, *_rest, data = events(tenant, inside)[-1]
        assert (kind, data["cause"]) == ("security.support_ended", cause)
    assert visit_rows(visitor.target, inside)[0].ended_at is not None


def test_a_client_that_leaves_its_reseller_is_no_longer_viewed(
    visitors: dict[str, Visitor], inside: Any
) -> None:
    from tenants.context import public_write
    from tenants.models import Tenant

    visitor = visitors["reseller"]
    client = visitor.visit()
    with public_write("tests"):
        Tenant.objects.filter(pk=visitor.target.pk).update(reseller=None)
    from tenants import registry

    registry.invalidate()
    assert client.get("/api/v1/me").status_code == 401


# --- inside -------------------------------------------------------------------------------------


def test_everything_done_inside_is_the_visitors(
    visitors: dict[str, Visitor], make_person: Any, inside: Any
) -> None:
    from tremplin.kernel.models import AuditEvent

    visitor = visitors["hq"]
    lina = make_person(visitor.target, "lina@view.example", "learner")
    client = visitor.visit()
    answer = client.post(f"/console/people/{lina.pk}/suspend/", {"reason": "ticket 12"})
    assert answer.status_code == 302
    with inside(visitor.target):
        row = AuditEvent.objects.get(kind="security.person_suspended")
    assert (row.actor, row.actor_label) == (visitor.person.pk, "support")


def test_no_visit_from_a_visit(visitors: dict[str, Visitor], space: Any, inside: Any) -> None:
    """Even where the person who is viewed could start one herself."""
    reseller = space("passerelle")
    hq, visitor = visitors["hq"], visitors["reseller"]
    hq.consent_of(reseller, True)
    from django.contrib.auth.models import Permission

    with inside(reseller):
        from tremplin.identity.services import create_person

        person = create_person(email="both@passerelle.example", roles=("coach",))
        person.user_permissions.set(
            Permission.objects.filter(content_type__app_label="identity", codename="support_access")
        )
    asked = hq.client.post(
        f"/platform/spaces/{reseller.uuid}/view-as/",
        {"role": "coach", "email": "both@passerelle.example", "reason": REASON},
    )
    client = hq.browser(reseller)
    client.get(urlsplit(asked.headers["Location"]).path)
    assert client.get("/api/v1/me").json()["email"] == "both@passerelle.example"
    for path in ("/reseller/", visitor.form):
        assert client.get(path).status_code == 403
    assert client.post(visitor.form, {"role": "admin", "reason": REASON}).status_code == 403
    assert visit_rows(visitor.target, inside) == []


def test_rights_over_others_are_not_given_in_a_visit(
    visitors: dict[str, Visitor], inside: Any
) -> None:
    from tremplin.identity.models import User

    visitor = visitors["hq"]
    client = visitor.visit()
    form = {"emails": "spy@view.example", "roles": ["admin"]}
    assert client.post("/console/people/invite/", form).status_code == 422
    with inside(visitor.target):
        assert User.objects.filter(email="spy@view.example").count() == 0


def test_no_account_with_a_password_is_made_in_a_visit(
    visitors: dict[str, Visitor], inside: Any
) -> None:
    """The sheet of temporary accounts shows passwords: they would outlive the visit."""
    from tremplin.identity.models import User

    visitor = visitors["hq"]
    client = visitor.visit()
    form = {"prefix": "spy", "count": "1", "role": "learner", "ends_on": "2027-01-31", "token": "1"}
    for path in ("", "new/", "sheet/", "act/"):
        assert client.post(f"/console/people/pilots/{path}", form).status_code == 403, path
    with inside(visitor.target):
        assert User.objects.exclude(expires_at=None).count() == 0


def test_the_cookie_of_a_visit_is_no_token(visitors: dict[str, Visitor]) -> None:
    """An application sends a session's key in a header: the rules of visits would not see it."""
    visitor = visitors["hq"]
    key = visitor.visit().cookies["sessionid"].value
    app = visitor.browser(visitor.target)
    for path in ("/_allauth/app/v1/auth/session", "/_allauth/app/v1/account/email"):
        answer = app.get(path, headers={"X-Session-Token": key})
        assert answer.status_code in {401, 410}, path
        assert "access_token" not in answer.content.decode()
    assert app.get("/api/v1/me", headers={"X-Session-Token": key}).status_code == 401
    assert visitor.visit_client.get("/api/v1/me").status_code == 200


def test_private_streams_are_closed(
    visitors: dict[str, Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tremplin.config import realtime_auth
    from tremplin.kernel.realtime.endpoint import Asked, Denied

    visitor = visitors["hq"]
    client = visitor.visit()
    monkeypatch.setattr(realtime_auth, "close_old_connections", lambda: None)
    monkeypatch.setattr(realtime_auth.connection, "close", lambda: None)
    key = client.cookies["sessionid"].value
    asked = Asked(
        visitor.target.primary_host,
        f"sessionid={key}",
        "192.0.2.1",
        (f"person.{visitor.owner.pk}",),
    )
    with pytest.raises(Denied) as denied:
        realtime_auth.authorise(asked)
    assert (denied.value.status, denied.value.code) == (403, "support_closed")
    assert "sse-connect" not in client.get("/app/").content.decode()


# --- the page of the space ----------------------------------------------------------------------


def test_the_owner_allows_and_administrators_withdraw(
    visitors: dict[str, Visitor], make_person: Any, client_for: Any, inside: Any
) -> None:
    visitor = visitors["hq"]
    client = visitor.visit()
    admin = client_for(visitor.target, make_person(visitor.target, "adm@view.example", "admin"))
    page = admin.get("/console/security/support/").content.decode()
    assert page.count('data-testid="support-visit"') == 1
    assert REASON in page
    assert "Ada Verdier" in page
    assert admin.post("/console/security/support/switch/", {"allowed": "0"}).status_code == 302
    assert client.get("/api/v1/me").status_code == 401
    page = admin.get("/console/security/support/").content.decode()
    assert page.count('data-testid="support-past-visit"') == 1
    assert 'data-testid="support-owner-only"' in page
    admin.post("/console/security/support/switch/", {"allowed": "1"})
    assert visitor.ask().status_code == 409
    owner = client_for(visitor.target, visitor.owner)
    owner.post("/console/security/support/switch/", {"allowed": "1"})
    assert visitor.ask().status_code == 303
    assert [e[0] for e in events(visitor.target, inside)][1:] == [
        "security.support_refused", "security.support_ended", "security.support_allowed"
    ]  # fmt: skip


def test_a_space_ends_one_visit(
    visitors: dict[str, Visitor], client_for: Any, space: Any, inside: Any
) -> None:
    visitor = visitors["hq"]
    client = visitor.visit()
    (row,) = visit_rows(visitor.target, inside)
    from tremplin.identity.models import SpaceOwner

    stranger = space("lycee")
    with inside(stranger):
        other = client_for(stranger, SpaceOwner.objects.get().person)
    assert other.post(f"/console/security/support/{row.pk}/end/").status_code == 404
    assert client.get("/api/v1/me").status_code == 200
    owner = client_for(visitor.target, visitor.owner)
    assert owner.post(f"/console/security/support/{row.pk}/end/").status_code == 302
    assert client.get("/api/v1/me").status_code == 401
    kind, label, actor, _target, data = events(visitor.space, inside)[-1]
    # Who closed it is written at home, not in the visitor's space.
    assert (kind, label, actor, data["cause"]) == (
        "security.support_ended", "space", None, "closed"
    )  # fmt: skip
    assert events(visitor.target, inside)[-1][1:3] == ("person", visitor.owner.pk)
