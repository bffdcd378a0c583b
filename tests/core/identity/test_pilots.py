"""Temporary accounts: a sheet shown once, an end at the very instant, sessions, a way to stay."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail

pytestmark = pytest.mark.django_db

NEW = "/console/people/pilots/new/"


def in_days(days: int) -> str:
    from django.utils import timezone

    return (timezone.localdate() + timedelta(days=days)).isoformat()


def fill(**fields: str) -> dict[str, str]:
    return {
        "prefix": "Pilote été",
        "count": "3",
        "role": "learner",
        "ends_on": in_days(30),
        "locale": "fr",
        "token": "a" * 32,
        **fields,
    }


def accounts(page: Any) -> list[tuple[str, str]]:
    return [(a.person.email, a.password) for a in page.context["accounts"]]


def sign_in(client_for: Any, tenant: Any, email: str, password: str) -> Any:
    client = client_for(tenant)
    client.post("/accounts/login/", {"login": email, "password": password})
    return client


def test_accounts_are_made_and_their_passwords_shown_once(
    as_admin: Any, admin_a: Any, tenant_a: Any, client_for: Any, inside: Any
) -> None:
    from tremplin.identity.models import User
    from tremplin.kernel.models import AuditEvent

    page = as_admin.post(NEW, fill())
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    made = accounts(page)
    assert [email for email, _password in made] == [
        f"pilote-ete-{n:02}@mecaformation.invalid" for n in (1, 2, 3)
    ]
    assert all(re.fullmatch(r"(?:[a-z2-9]{4}-){3}[a-z2-9]{4}", password) for _e, password in made)
    with inside(tenant_a):
        people = User.objects.filter(email__endswith=".invalid")
        ends = {person.expires_at for person in people}
        (end,) = ends
        # Midnight after the last day, in the time zone of the space.
        assert end.astimezone(UTC).isoformat()[10:] in {"T22:00:00+00:00", "T23:00:00+00:00"}
        assert {tuple(p.role_codes()) for p in people} == {("learner",)}
        events = AuditEvent.objects.filter(kind="security.pilot_created")
        assert (events.count(), set(events.values_list("actor", flat=True))) == (3, {admin_a.pk})
        assert not any(password in str(list(events.values())) for _email, password in made)
    assert mail.outbox == []
    client = sign_in(client_for, tenant_a, *made[0])
    assert client.get("/api/v1/me").json()["email"] == made[0][0]
    listing = as_admin.get("/console/people/pilots/")
    assert made[0][1] not in listing.content.decode()
    assert [row["sessions"] for row in listing.context["rows"]] == [1, 0, 0]

    sealed = re.search(r'name="sealed" value="([^"]+)"', page.content.decode())
    sheet = as_admin.post("/console/people/pilots/sheet/", {"sealed": sealed[1]})
    rows = list(csv.reader(io.StringIO(sheet.content.decode("utf-8-sig")), delimiter=";"))
    assert [(row[1], row[2]) for row in rows[1:]] == made
    for other in ("", "nonsense"):
        assert as_admin.post("/console/people/pilots/sheet/", {"sealed": other}).status_code == 404


def test_the_sheet_belongs_to_who_made_it(
    as_admin: Any, tenant_a: Any, tenant_b: Any, admin_b: Any, make_person: Any, client_for: Any
) -> None:
    page = as_admin.post(NEW, fill())
    sealed = re.search(r'name="sealed" value="([^"]+)"', page.content.decode())[1]
    colleague = client_for(tenant_a, make_person(tenant_a, "autre@x.example", "admin"))
    for client in (colleague, client_for(tenant_b, admin_b)):
        assert client.post("/console/people/pilots/sheet/", {"sealed": sealed}).status_code == 404


def test_a_double_click_makes_them_once_and_numbers_go_on(
    as_admin: Any, tenant_a: Any, inside: Any
) -> None:
    from tremplin.identity.models import User

    as_admin.post(NEW, fill())
    assert as_admin.post(NEW, fill()).status_code == 422
    page = as_admin.post(NEW, fill(count="1", token="b" * 32))
    assert accounts(page)[0][0] == "pilote-ete-04@mecaformation.invalid"
    with inside(tenant_a):
        assert User.objects.filter(email__endswith=".invalid").count() == 4


def test_given_addresses_are_used(as_admin: Any, tenant_a: Any, client_for: Any) -> None:
    page = as_admin.post(NEW, fill(emails="Un@x.example, deux@x.example un@x.example"))
    made = accounts(page)
    assert [email for email, _password in made] == ["un@x.example", "deux@x.example"]
    assert sign_in(client_for, tenant_a, *made[1]).get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"count": "0"},
        {"count": "21"},
        {"count": ""},
        {"prefix": "***"},
        {"prefix": ""},
        {"ends_on": "2020-01-01"},
        {"ends_on": "2999-01-01"},
        {"ends_on": "tomorrow"},
        {"role": "platform_admin"},
        {"role": "owner"},
        {"emails": "x@y.invalid"},
        {"emails": "pas une adresse"},
        {"emails": "nadia@mecaformation.example"},
        {"emails": " ".join(f"p{n}@x.example" for n in range(21))},
    ],
)
def test_mistakes_make_no_account(
    as_admin: Any, tenant_a: Any, inside: Any, fields: dict[str, str]
) -> None:
    from tremplin.identity.models import User

    with inside(tenant_a):
        before = User.objects.count()
    assert as_admin.post(NEW, fill(**fields)).status_code == 422
    with inside(tenant_a):
        assert User.objects.count() == before


def test_a_manager_gives_only_ordinary_roles(
    tenant_a: Any, make_person: Any, client_for: Any
) -> None:
    manager = client_for(tenant_a, make_person(tenant_a, "chef@x.example", "manager"))
    assert manager.post(NEW, fill(role="admin")).status_code == 422
    assert manager.post(NEW, fill(role="candidate")).status_code == 200


def test_the_end_is_exact_for_sessions_and_every_sign_in(
    as_admin: Any,
    tenant_a: Any,
    client_for: Any,
    inside: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without any job: one second before the end the session works, at the end it does not."""
    from tremplin.identity.models import User
    from tremplin.kernel.state.models import Reminder

    email, password = accounts(as_admin.post(NEW, fill(count="1")))[0]
    client = sign_in(client_for, tenant_a, email, password)
    with inside(tenant_a):
        person = User.objects.get(email=email)
        reminder = Reminder.objects.get(key=f"identity.expiry.{person.pk}")
        assert reminder.due_at == person.expires_at
        # Sessions last two weeks: the end is brought within their life.
        end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        User.objects.filter(pk=person.pk).update(expires_at=end)
    monkeypatch.setattr("django.utils.timezone.now", lambda: end - timedelta(microseconds=1))
    assert client.get("/api/v1/me").status_code == 200
    monkeypatch.setattr("django.utils.timezone.now", lambda: end)
    assert client.get("/api/v1/me").status_code == 401
    answer = client_for(tenant_a).post("/accounts/login/", {"login": email, "password": password})
    assert answer["Location"] == "/accounts/inactive/"


def test_extending_ending_and_keeping(
    as_admin: Any, tenant_a: Any, client_for: Any, inside: Any
) -> None:
    from tremplin.identity.models import User
    from tremplin.kernel.models import AuditEvent
    from tremplin.kernel.state.models import Reminder

    email, password = accounts(as_admin.post(NEW, fill(count="1")))[0]
    client = sign_in(client_for, tenant_a, email, password)
    with inside(tenant_a):
        person = User.objects.get(email=email)
    page = f"/console/people/pilots/{person.pk}/"
    assert as_admin.post(page, {"action": "end"}).status_code == 302
    assert client.get("/api/v1/me").status_code == 401
    with inside(tenant_a):
        person.refresh_from_db()
        assert (person.is_active, person.suspended_reason) == (False, "expired")
        assert Reminder.objects.filter(key=f"identity.expiry.{person.pk}").count() == 0
    assert as_admin.post(page, {"action": "extend", "ends_on": "2020-01-01"}).status_code == 422
    assert as_admin.post(page, {"action": "extend", "ends_on": in_days(5)}).status_code == 302
    assert client.get("/api/v1/me").status_code == 401  # the former session stays dead
    again = sign_in(client_for, tenant_a, email, password)
    assert again.get("/api/v1/me").status_code == 200
    assert as_admin.get(page).context["last_day"].isoformat() == in_days(5)

    for wrong in ("", "x@y.invalid", "nadia@mecaformation.example", "nope"):
        assert as_admin.post(page, {"action": "keep", "email": wrong}).status_code == 422
    kept = as_admin.post(page, {"action": "keep", "email": "Lea@X.example"})
    assert kept["Location"] == f"/console/people/{person.pk}/"
    with inside(tenant_a):
        person.refresh_from_db()
        assert (person.email, person.expires_at, person.is_active) == ("lea@x.example", None, True)
        address = person.emailaddress_set.get()
        assert (address.email, address.primary, address.verified) == ("lea@x.example", True, False)
        kinds = AuditEvent.objects.filter(target=f"person:{person.pk}").order_by("id")
        theirs = {"security.login", "security.new_device"}
        assert [kind for kind in kinds.values_list("kind", flat=True) if kind not in theirs] == [
            "security.pilot_created",
            "security.person_expired",
            "security.pilot_extended",
            "security.pilot_kept",
        ]
    assert again.get("/api/v1/me").status_code == 401
    assert as_admin.get(page).status_code == 404


def test_someone_suspended_is_not_opened_by_a_new_end(
    as_admin: Any, tenant_a: Any, inside: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import User

    email, _password = accounts(as_admin.post(NEW, fill(count="1")))[0]
    with inside(tenant_a):
        person = User.objects.get(email=email)
        services.suspend(person, "triche")
    as_admin.post(
        f"/console/people/pilots/{person.pk}/", {"action": "extend", "ends_on": in_days(5)}
    )
    with inside(tenant_a):
        person.refresh_from_db()
        assert (person.is_active, person.suspended_reason) == (False, "triche")


def test_several_are_extended_or_none(
    as_admin: Any, tenant_a: Any, make_person: Any, client_for: Any, inside: Any
) -> None:
    from tremplin.identity.models import User

    as_admin.post(NEW, fill())
    as_admin.post(NEW, fill(role="trainer", prefix="formateur", count="1", token="c" * 32))
    with inside(tenant_a):
        people = [
            str(pk)
            for pk in User.objects.filter(expires_at__isnull=False).values_list("pk", flat=True)
        ]
        before = set(User.objects.values_list("pk", "expires_at"))
    act = "/console/people/pilots/act/"
    chosen = {"person": people, "action": "extend", "ends_on": in_days(60)}
    manager = client_for(tenant_a, make_person(tenant_a, "chef@x.example", "manager"))
    assert manager.post(act, chosen).status_code == 422  # one of them is a trainer
    with inside(tenant_a):
        assert before <= set(User.objects.values_list("pk", "expires_at"))
    for wrong in ({"action": ""}, {"ends_on": ""}, {"person": []}):
        assert as_admin.post(act, {**chosen, **wrong}).status_code == 422
    assert as_admin.post(act, chosen)["Location"] == "/console/people/pilots/"
    with inside(tenant_a):
        assert (
            User.objects.filter(expires_at__isnull=False).values("expires_at").distinct().count()
            == 1
        )
    as_admin.post(act, {"person": people, "action": "end"})
    with inside(tenant_a):
        assert User.objects.filter(suspended_reason="expired").count() == 4


def test_no_mail_is_sent_to_an_address_of_nobody(as_admin: Any, tenant_a: Any, inside: Any) -> None:
    from tremplin.identity import mails, services
    from tremplin.identity.internal.notices import send_notice
    from tremplin.identity.models import User

    email, _password = accounts(as_admin.post(NEW, fill(count="1")))[0]
    with inside(tenant_a):
        person = User.objects.get(email=email)
        services.suspend(person, "fin", notify="reason")
        assert send_notice(person.pk, "suspended", with_reason=True) is False
        assert mails.send("account/email/resumed", "x@y.invalid", {}) is False
    assert mail.outbox == []


def test_the_list_costs_the_same_whatever_its_length(as_admin: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def measure() -> int:
        as_admin.get("/console/people/pilots/")
        with CaptureQueriesContext(connection) as asked:
            as_admin.get("/console/people/pilots/")
        return sum("epoch" not in query["sql"] for query in asked.captured_queries)

    as_admin.post(NEW, fill(count="1"))
    few = measure()
    as_admin.post(NEW, fill(count="20", token="d" * 32))
    assert measure() == few


def test_pilots_of_another_school_do_not_exist(
    as_admin: Any, tenant_a: Any, client_for: Any, tenant_b: Any, admin_b: Any, inside: Any
) -> None:
    from tremplin.identity.models import User

    as_admin.post(NEW, fill(count="1"))
    with inside(tenant_a):
        person = User.objects.get(expires_at__isnull=False)
    neighbour = client_for(tenant_b, admin_b)
    assert neighbour.get(f"/console/people/pilots/{person.pk}/").status_code == 404
    assert neighbour.get("/console/people/pilots/").context["rows"] == []
    assert (
        neighbour.post(
            "/console/people/pilots/act/", {"person": [str(person.pk)], "action": "end"}
        ).status_code
        == 422
    )
    with inside(tenant_a):
        person.refresh_from_db()
        assert person.is_active
