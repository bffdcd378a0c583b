"""The networks of a space: who is refused, where, in which words, and that nobody locks himself out."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from tremplin.identity.errors import IdentityError
from tremplin.identity.network import service
from tremplin.identity.network.allow_list import Rules, canonical, in_force, state
from tremplin.identity.network.dry_run import dry_run
from tremplin.kernel import audit, clock
from tremplin.kernel.models import AuditEvent

pytestmark = pytest.mark.django_db
OFFICE, OUTSIDE = "192.0.2.10", "198.51.100.7"
PAGE = "/console/security/networks/"


@pytest.fixture
def bounded(policy: Any, tenant_a: Any) -> Any:
    """Return ``bounded(apply_to)``: bound the first space to its office."""

    def bound(apply_to: str = "everything") -> None:
        policy(tenant_a, allowed_networks=("192.0.2.0/24",), networks_apply_to=apply_to)

    return bound


def _kinds(inside: Any, tenant: Any) -> list[str]:
    with inside(tenant):
        rows = AuditEvent.objects.filter(kind__startswith="security.network").order_by("id")
        return list(rows.values_list("kind", flat=True))


def test_an_address_outside_is_refused_in_this_space_only(
    bounded: Any, client_for: Any, tenant_a: Any, tenant_b: Any
) -> None:
    bounded()
    assert client_for(tenant_a, REMOTE_ADDR=OFFICE).get("/accounts/login/").status_code == 200
    refused = client_for(tenant_a, REMOTE_ADDR=OUTSIDE).get("/accounts/login/")
    assert refused.status_code == 403
    assert refused.headers["Cache-Control"] == "no-store"
    assert "sessionid" not in refused.cookies
    page = refused.content.decode()
    assert f'data-testid="seen-address">{OUTSIDE}</code>' in page
    assert client_for(tenant_b, REMOTE_ADDR=OUTSIDE).get("/accounts/login/").status_code == 200


def test_the_refusal_names_the_space_and_whom_to_ask_in_the_readers_language(
    bounded: Any, policy: Any, client_for: Any, tenant_a: Any
) -> None:
    bounded()
    policy(tenant_a, contact_email="it@mecaformation.example")
    client = client_for(tenant_a, REMOTE_ADDR=OUTSIDE)
    english = client.get("/", headers={"accept-language": "en-GB,en;q=0.8"})
    assert english.headers["Content-Language"] == "en"
    assert "Your network is not allowed" in english.content.decode()
    assert 'href="mailto:it@mecaformation.example"' in english.content.decode()
    assert tenant_a.name in english.content.decode()
    french = client.get("/", headers={"accept-language": "fr"})
    assert french.headers["Content-Language"] == "fr"
    assert "Votre réseau n’est pas autorisé" in french.content.decode()
    assert "frame-ancestors 'none'" in french.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "everything", "console"),
    [
        ("/", 403, 200),
        ("/accounts/login/", 403, 200),
        ("/app/", 403, 302),
        ("/console/", 403, 403),
        ("/console/quiz/", 403, 403),
        ("/api/v1/openapi.json", 403, 403),
        ("/scim/v2/Users", 403, 403),
        ("/_allauth/browser/v1/config", 403, 403),
        ("/nowhere/", 403, 404),
        ("/health/live", 200, 200),
        ("/brand/none.png", 404, 404),
        ("/theme/none.css", 404, 404),
    ],
)
def test_what_the_list_bounds(
    bounded: Any, client_for: Any, tenant_a: Any, path: str, everything: int, console: int
) -> None:
    client = client_for(tenant_a, REMOTE_ADDR=OUTSIDE)
    found = {}
    for apply_to in ("everything", "console"):
        bounded(apply_to)
        found[apply_to] = client.get(path).status_code
    assert found == {"everything": everything, "console": console}


def test_machines_get_a_problem_and_scim_its_own_error(
    bounded: Any, client_for: Any, tenant_a: Any
) -> None:
    bounded("console")
    client = client_for(tenant_a, REMOTE_ADDR=OUTSIDE)
    client.cookies["language"] = "en"
    problem = client.get("/api/v1/me")
    assert problem.headers["Content-Type"] == "application/problem+json"
    body = problem.json()
    assert (body["status"], body["code"], body["address"]) == (403, "network_not_allowed", OUTSIDE)
    assert body["detail"] == f"This space cannot be reached from your network ({OUTSIDE})."
    scim = client.get("/scim/v2/Users")
    assert scim.headers["Content-Type"] == "application/scim+json"
    assert scim.json() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "403",
        "detail": body["detail"],
    }


def test_a_signed_in_person_who_leaves_the_network_is_refused(
    bounded: Any, client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    client = client_for(tenant_a, learner_a)
    bounded()
    assert client.get("/app/", REMOTE_ADDR=OFFICE).status_code == 200
    assert client.get("/app/", REMOTE_ADDR=OUTSIDE).status_code == 403
    assert client.get("/app/", REMOTE_ADDR=OFFICE).status_code == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        (OFFICE, "", 200),
        (OUTSIDE, OFFICE, 403),
        ("10.0.0.1", OFFICE, 200),
        ("10.0.0.1", f"{OFFICE}, {OUTSIDE}", 403),
        ("10.0.0.1", f"{OUTSIDE}, {OFFICE}", 200),
        ("10.0.0.1", f"::ffff:{OFFICE}", 200),
        ("10.0.0.1", f"{OFFICE}:50000", 200),
        ("10.0.0.1", "garbage", 400),
    ],
)
def test_a_forged_header_opens_nothing(
    bounded: Any,
    client_for: Any,
    tenant_a: Any,
    settings: Any,
    peer: str,
    forwarded: str,
    status: int,
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    bounded()
    meta = {"REMOTE_ADDR": peer, **({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})}
    assert client_for(tenant_a).get("/accounts/login/", **meta).status_code == status


def test_refusals_are_recorded_once_an_hour_per_address(
    bounded: Any, client_for: Any, tenant_a: Any, inside: Any
) -> None:
    bounded()
    client = client_for(tenant_a)
    for address in (OUTSIDE, OUTSIDE, "198.51.100.8"):
        client.get("/", REMOTE_ADDR=address)
    with inside(tenant_a):
        rows = AuditEvent.objects.filter(kind="security.network_refused").order_by("id")
        assert list(rows.values_list("address", flat=True)) == [OUTSIDE, "198.51.100.8"]


@pytest.mark.parametrize(
    ("text", "network"),
    [
        (" 192.0.2.7 ", "192.0.2.7/32"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:db8::7", "2001:db8::7/128"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
    ],
)
def test_ranges_are_kept_in_one_form(text: str, network: str) -> None:
    assert canonical(text) == network


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_network"),
        ("office", "bad_network"),
        ("192.0.2.0/33", "bad_network"),
        ("192.0.2.0/24; DROP", "bad_network"),
        ("0.0.0.0/0", "every_network"),
        ("::/0", "every_network"),
    ],
)
def test_what_is_no_range_is_refused(text: str, code: str) -> None:
    with pytest.raises(IdentityError) as refused:
        canonical(text)
    assert refused.value.code == code


def test_a_list_without_ones_own_address_cannot_be_saved(tenant_a: Any, inside: Any) -> None:
    with inside(tenant_a), pytest.raises(IdentityError) as refused:
        service.begin(Rules(("192.0.2.0/24",)), address=OUTSIDE)
    assert refused.value.code == "own_address"
    with inside(tenant_a):
        assert state().trial is None
        assert in_force() == Rules()


def test_a_trial_acts_at_once_and_ends_by_itself(
    tenant_a: Any, tenant_b: Any, inside: Any, freeze: Any
) -> None:
    freeze(clock.now())
    rules = Rules(("192.0.2.0/24",), "console")
    with inside(tenant_a):
        until = service.begin(rules, address=OFFICE)
        assert until == clock.now() + timedelta(minutes=10)
        assert in_force() == rules
    with inside(tenant_b):
        assert in_force() == Rules()
    freeze(until - timedelta(seconds=1))
    with inside(tenant_a):
        assert in_force() == rules
    freeze(until)
    with inside(tenant_a):
        assert in_force() == Rules()
        with pytest.raises(IdentityError) as late:
            service.confirm(address=OFFICE)
        assert late.value.code == "trial_over"
        from tremplin.identity.tasks import end_network_trial

        end_network_trial()
        end_network_trial()
        assert state().trial is None
    assert _kinds(inside, tenant_a) == ["security.networks_tried", "security.networks_rolled_back"]
    assert _kinds(inside, tenant_b) == []


def test_a_trial_is_confirmed_from_an_allowed_address_only(
    tenant_a: Any, inside: Any, freeze: Any
) -> None:
    freeze(clock.now())
    rules = Rules(("192.0.2.0/24",), "everything")
    with inside(tenant_a):
        service.begin(rules, address=OFFICE)
        with pytest.raises(IdentityError) as foreign:
            service.confirm(address=OUTSIDE)
        assert foreign.value.code == "own_address"
        assert service.confirm(address=OFFICE) == rules
        assert state().trial is None
        row = AuditEvent.objects.filter(kind="security.networks_changed").get()
        assert row.data == {
            "before": {"networks": [], "apply_to": "everything"},
            "after": {"networks": ["192.0.2.0/24"], "apply_to": "everything"},
        }
    freeze(clock.now() + timedelta(days=1))
    with inside(tenant_a):
        assert in_force() == rules


def test_the_reminder_that_ends_a_trial_is_kept_and_forgotten(tenant_a: Any, inside: Any) -> None:
    from tremplin.kernel.state.models import Reminder

    waiting = Reminder.objects.filter(tenant_id=tenant_a.pk, key="identity.networks")
    with inside(tenant_a):
        until = service.begin(Rules(("192.0.2.0/24",)), address=OFFICE)
        row = waiting.get()
        assert (row.due_at, row.task) == (until, "tremplin.identity.tasks.end_network_trial")
        service.confirm(address=OFFICE)
        assert waiting.count() == 0


def test_the_page_from_first_range_to_confirmation(
    client_for: Any, tenant_a: Any, admin_a: Any, inside: Any
) -> None:
    client = client_for(tenant_a, admin_a, REMOTE_ADDR=OFFICE)
    empty = client.get(PAGE)
    assert 'data-testid="networks-empty"' in empty.content.decode()
    draft = client.post(PAGE, {"add": "192.0.2.0/24, 2001:db8::/32", "action": "add"})
    assert draft.status_code == 200
    page = draft.content.decode()
    assert page.count('data-testid="network-remove"') == 2
    assert 'data-testid="networks-unsaved"' in page
    with inside(tenant_a):
        assert in_force() == Rules()
    removed = client.post(
        PAGE, {"network": ["192.0.2.0/24", "2001:db8::/32"], "remove": "2001:db8::/32"}
    )
    assert removed.content.decode().count('data-testid="network-remove"') == 1
    tried = client.post(
        PAGE, {"network": ["192.0.2.0/24"], "apply_to": "everything", "action": "try"}
    )
    assert (tried.status_code, tried["Location"]) == (302, PAGE)
    assert 'data-testid="networks-trial"' in client.get(PAGE).content.decode()
    assert client.get(PAGE, REMOTE_ADDR=OUTSIDE).status_code == 403
    assert client.post(f"{PAGE}confirm/", REMOTE_ADDR=OUTSIDE).status_code == 403
    assert client.post(f"{PAGE}confirm/").status_code == 302
    with inside(tenant_a):
        assert state().confirmed == Rules(("192.0.2.0/24",), "everything")
        assert state().trial is None
    reopened = client.post(PAGE, {"apply_to": "everything", "action": "try"})
    assert reopened.status_code == 302
    with inside(tenant_a):
        assert in_force() == Rules()


def test_the_enter_key_adds_and_removes_nothing(
    client_for: Any, tenant_a: Any, admin_a: Any
) -> None:
    client = client_for(tenant_a, admin_a, REMOTE_ADDR=OFFICE)
    page = client.post(PAGE, {"add": "192.0.2.0/24"}).content.decode()
    form = page[page.index('data-testid="networks-form"') :]
    first = form[form.index("<button") :].split(">")[0]
    assert 'name="action" value="add"' in first


@pytest.mark.parametrize(
    ("add", "sentence"),
    [
        ("198.51.100.0/24", "This list excludes your own address, 192.0.2.10"),
        ("office", "“office” is not a network"),
        ("0.0.0.0/0", "is every address there is"),
    ],
)
def test_the_page_says_what_is_wrong_and_keeps_what_was_typed(
    client_for: Any, tenant_a: Any, admin_a: Any, inside: Any, add: str, sentence: str
) -> None:
    client = client_for(tenant_a, admin_a, REMOTE_ADDR=OFFICE)
    client.cookies["language"] = "en"
    response = client.post(PAGE, {"add": add, "action": "try"})
    assert response.status_code == 422
    assert sentence in response.content.decode()
    with inside(tenant_a):
        assert (in_force(), state().trial) == (Rules(), None)


def test_giving_up_brings_the_former_list_back(
    client_for: Any, tenant_a: Any, admin_a: Any, inside: Any, policy: Any
) -> None:
    policy(tenant_a, allowed_networks=("192.0.2.0/24",))
    client = client_for(tenant_a, admin_a, REMOTE_ADDR=OFFICE)
    client.post(PAGE, {"network": ["192.0.2.10/32"], "action": "try"})
    with inside(tenant_a):
        assert in_force().networks == ("192.0.2.10/32",)
    assert client.post(f"{PAGE}give-up/").status_code == 302
    with inside(tenant_a):
        assert in_force().networks == ("192.0.2.0/24",)
    assert _kinds(inside, tenant_a) == ["security.networks_tried", "security.networks_rolled_back"]


def test_the_dry_run_names_who_would_be_locked_out(
    tenant_a: Any, tenant_b: Any, admin_a: Any, learner_a: Any, admin_b: Any, inside: Any
) -> None:
    from allauth.usersessions.models import UserSession
    from django.utils import timezone

    def session(person: Any, key: str, address: str, days: int) -> None:
        row = UserSession.objects.create(
            user_id=person.pk, session_key=key, ip=address, user_agent="x"
        )
        seen = timezone.now() - timedelta(days=days)
        UserSession.objects.filter(pk=row.pk).update(last_seen_at=seen)

    with inside(tenant_b):
        session(admin_b, "b" * 32, "203.0.113.99", 1)
    with inside(tenant_a):
        session(admin_a, "a" * 32, OFFICE, 1)
        session(learner_a, "c" * 32, OUTSIDE, 2)
        session(learner_a, "d" * 32, "203.0.113.5", 31)
        with audit.actor(admin_a.pk, "person", f"::ffff:{OUTSIDE}"):
            audit.record("security.login", target=f"person:{admin_a.pk}")
        found = dry_run(Rules(("192.0.2.0/24",)), clock.now())
        assert (found.people_seen, found.addresses_seen) == (2, 2)
        assert (found.locked_out, found.partly, found.more) == (1, 1, 0)
        assert [(row.address, row.people) for row in found.refused] == [
            (OUTSIDE, ((learner_a.pk, "Lina Moreau"), (admin_a.pk, "Nadia Lefèvre")))
        ]
        staff = dry_run(Rules(("192.0.2.0/24",), "console"), clock.now())
        assert (staff.people_seen, staff.locked_out, staff.partly) == (1, 0, 1)
        assert [row.people for row in staff.refused] == [((admin_a.pk, "Nadia Lefèvre"),)]


def test_the_operator_lets_a_locked_out_owner_in(
    policy: Any, tenant_a: Any, tenant_b: Any, hq: Any, inside: Any, client_for: Any
) -> None:
    policy(tenant_a, allowed_networks=("192.0.2.0/24", "2001:db8::/32"))
    policy(tenant_b, allowed_networks=("192.0.2.0/24",))
    assert client_for(tenant_a, REMOTE_ADDR=OUTSIDE).get("/").status_code == 403
    out = StringIO()
    call_command("space_networks", tenant_a.slug, stdout=out)
    assert out.getvalue() == "192.0.2.0/24\n2001:db8::/32\nmecaformation: everything\n"
    out = StringIO()
    call_command("space_networks", tenant_a.slug, clear=True, stdout=out)
    assert out.getvalue() == "mecaformation: 2 ranges removed, reachable from everywhere\n"
    assert client_for(tenant_a, REMOTE_ADDR=OUTSIDE).get("/").status_code == 200
    assert client_for(tenant_b, REMOTE_ADDR=OUTSIDE).get("/").status_code == 403
    with inside(tenant_a):
        row = AuditEvent.objects.get(kind="security.networks_cleared")
        assert (row.actor, row.actor_label) == (None, "command")
        assert row.data["before"]["networks"] == ["192.0.2.0/24", "2001:db8::/32"]
    with inside(hq):
        row = AuditEvent.objects.get(kind="security.networks_cleared")
        assert (row.target, row.data["ranges"]) == (f"tenant:{tenant_a.uuid}", 2)
    with pytest.raises(CommandError):
        call_command("space_networks", "nobody")


def test_a_list_kept_by_the_provider_is_shown_and_not_changed(
    client_for: Any, tenant_a: Any, admin_a: Any, inside: Any
) -> None:
    from tremplin.identity.identity_settings import IdentitySettings
    from tremplin.kernel import settings_store

    settings_store.write(
        "platform",
        None,
        "identity",
        {"allowed_networks": ("192.0.2.0/24",)},
        locked=["allowed_networks"],
        model=IdentitySettings,
    )
    client = client_for(tenant_a, admin_a, REMOTE_ADDR=OFFICE)
    page = client.get(PAGE).content.decode()
    assert "192.0.2.0/24" in page
    assert 'data-testid="networks-try"' not in page
    assert client.post(PAGE, {"network": ["192.0.2.10/32"], "action": "try"}).status_code == 422
    with inside(tenant_a):
        assert in_force().networks == ("192.0.2.0/24",)
        assert state().trial is None


def test_only_who_may_set_the_rules_opens_the_page(
    client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    assert reverse("people:networks") == PAGE
    client = client_for(tenant_a, learner_a)
    assert client.get(PAGE).status_code == 403
    assert client.post(f"{PAGE}confirm/").status_code == 403
    assert client.post(f"{PAGE}give-up/").status_code == 403
    assert client_for(tenant_a).get(PAGE).status_code == 302


def test_a_stream_is_refused_outside(bounded: Any, tenant_a: Any, inside: Any) -> None:
    from tremplin.config import realtime_auth
    from tremplin.kernel.realtime.endpoint import Asked, Denied

    bounded()
    with inside(tenant_a), pytest.raises(Denied, match="network_not_allowed"):
        realtime_auth._reader(tenant_a, Asked(tenant_a.primary_host, "", OUTSIDE, ("space",)))
