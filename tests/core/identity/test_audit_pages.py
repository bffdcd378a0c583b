"""Security events and the audit log: filters, pages by key, exports, check of the chain."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tremplin.identity import audit_check
from tremplin.kernel import audit, audit_export
from tremplin.kernel.models import AuditEvent
from tremplin.testing import freeze as frozen

pytestmark = pytest.mark.django_db
EVENTS, AUDIT = "/console/security/", "/console/security/audit/"
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def log(
    tenant_a: Any,
    tenant_b: Any,
    inside: Any,
    as_admin: Any,
    admin_a: Any,
    learner_a: Any,
    admin_b: Any,
) -> Any:
    """Two logs that hold known rows only, signing in left out; returns the first space."""
    with inside(tenant_b):
        connection.cursor().execute("TRUNCATE kernel_auditevent")
        with frozen(START), audit.actor(admin_b.pk, "person", "203.0.113.200"):
            audit.record("security.login", target=f"person:{admin_b.pk}", data={"n": "foreign"})
    with inside(tenant_a):
        connection.cursor().execute("TRUNCATE kernel_auditevent")
        steps = [
            ("security.login", admin_a, "192.0.2.1", admin_a, {}),
            ("security.login_failed", None, "198.51.100.9", learner_a, {"known": True}),
            ("security.roles_changed", admin_a, "192.0.2.1", learner_a, {"added": ["coach"]}),
            ("settings.changed", admin_a, "192.0.2.1", None, {"fields": ["signup"]}),
            ("people.exported", admin_a, "192.0.2.2", None, {"count": 3}),
        ]
        for day, (kind, who, address, target, data) in enumerate(steps):
            capacity = "person" if who else "anonymous"
            with (
                frozen(START + timedelta(days=day)),
                audit.actor(who.pk if who else None, capacity, address),
            ):
                audit.record(kind, target=f"person:{target.pk}" if target else "x:1", data=data)
    return tenant_a


def _shown(page: str) -> list[str]:
    return re.findall(r'data-testid="(?:security|audit)-event" data-kind="([a-z_.]+)"', page)


@pytest.mark.parametrize(
    ("query", "events", "everything"),
    [
        ("", 4, 5),
        ("kind=security.login", 1, 1),
        ("kind=security.", 3, 3),
        ("kind=settings.changed", 0, 1),
        ("person=moreau", 2, 2),
        ("person=lina@mecaformation.example", 2, 2),
        ("person=nadia", 3, 4),
        ("person=nobody", 0, 0),
        ("address=192.0.2.1", 2, 3),
        ("address=::ffff:192.0.2.1", 2, 3),
        ("address=203.0.113.200", 0, 0),
        ("since=2026-03-04", 2, 3),
        ("until=2026-03-03", 2, 2),
        ("since=2026-03-03&until=2026-03-03", 1, 1),
        ("since=tomorrow&until=9999-12-31", 4, 5),
        ("kind=security.login&person=lina", 0, 0),
        ("before=x&after=-3", 4, 5),
        ("person=%00&kind=%00", None, None),
    ],
)
def test_filters(
    log: Any, as_admin: Any, query: str, events: int | None, everything: int | None
) -> None:
    for path, count in ((EVENTS, events), (AUDIT, everything)):
        response = as_admin.get(f"{path}?{query}")
        if count is None:
            assert response.status_code == 400
            continue
        assert response.status_code == 200
        assert len(_shown(response.content.decode())) == count
        assert "foreign" not in response.content.decode()


def test_rows_speak_in_words_and_link_to_people(
    log: Any, as_admin: Any, learner_a: Any, admin_a: Any
) -> None:
    as_admin.cookies["language"] = "en"
    page = as_admin.get(EVENTS).content.decode()
    assert _shown(page) == [
        "people.exported",
        "security.roles_changed",
        "security.login_failed",
        "security.login",
    ]
    assert "Roles changed" in page
    assert f'href="/console/people/{learner_a.pk}/">Lina Moreau</a>' in page
    assert '<span class="text-muted-foreground">added:</span> coach' in page
    assert '<span class="text-muted-foreground">known account:</span> yes' in page
    assert "Nobody signed in" in page


def test_pages_follow_each_other_both_ways(log: Any, as_admin: Any, inside: Any) -> None:
    with inside(log):
        for number in range(120):
            audit.record("module.activated", target=f"n:{number}")
        newest = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first()
    seen: list[int] = []
    url = AUDIT
    sizes = []
    while url:
        page = as_admin.get(url).content.decode()
        ids = [int(found) for found in re.findall(r'data-testid="audit-open">(\d+)<', page)]
        sizes.append(len(ids))
        seen += ids
        older = re.search(r'href="\?([^"]*)"[^>]*data-testid="page-older"', page)
        newer = re.search(r'href="\?([^"]*)"[^>]*data-testid="page-newer"', page)
        url = f"{AUDIT}?{older.group(1)}" if older else ""
    assert sizes == [50, 50, 25]
    assert seen == list(range(newest, newest - 125, -1))
    assert newer is not None
    back = as_admin.get(f"{AUDIT}?{newer.group(1)}").content.decode()
    ids = [int(found) for found in re.findall(r'data-testid="audit-open">(\d+)<', back)]
    assert ids == seen[50:100]


def test_the_details_of_a_row(log: Any, as_admin: Any, inside: Any, tenant_b: Any) -> None:
    with inside(log):
        row = AuditEvent.objects.get(kind="security.roles_changed")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE kernel_auditevent SET address = '192.0.2.66' WHERE id = %s",
                [AuditEvent.objects.get(kind="people.exported").pk],
            )
        forged = AuditEvent.objects.get(kind="people.exported")
    as_admin.cookies["language"] = "en"
    page = as_admin.get(f"{AUDIT}{row.pk}/").content.decode()
    assert row.row_hash in page
    assert row.prev_hash in page
    assert "Intact" in page
    assert "<html" in page
    drawer = as_admin.get(f"{AUDIT}{forged.pk}/", headers={"hx-request": "true"}).content.decode()
    assert "<html" not in drawer
    assert "Changed" in drawer
    assert as_admin.get(f"{AUDIT}999999999/").status_code == 404
    assert as_admin.get(f"{AUDIT}99999999999999999999/").status_code == 404


def test_the_events_are_exported_as_the_filters_keep_them(
    log: Any, as_admin: Any, inside: Any
) -> None:
    as_admin.cookies["language"] = "en"
    response = as_admin.get(f"{EVENTS}events.csv?person=lina")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="mecaformation-security-\d{4}-\d\d-\d\d\.csv"',
        response["Content-Disposition"],
    )
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0][:4] == ["When (UTC)", "Event", "Code", "Done by"]
    assert [row[2:7] for row in rows[1:]] == [
        [
            "security.login_failed",
            "Nobody signed in",
            "Lina Moreau",
            "198.51.100.9",
            "known account=yes",
        ],
        ["security.roles_changed", "Nadia Lefèvre", "Lina Moreau", "192.0.2.1", "added=coach"],
    ]
    with inside(log):
        row = AuditEvent.objects.get(kind="security.events_exported")
        assert row.data == {"filters": ["person"]}


def test_the_log_is_exported_signed(log: Any, as_admin: Any, inside: Any) -> None:
    response = as_admin.post(f"{AUDIT}export/", {"kind": "security."})
    assert response["Content-Type"] == "application/zip"
    file = io.BytesIO(b"".join(response.streaming_content))
    with inside(log):
        key = audit_export.public_key()
        assert AuditEvent.objects.get(kind="security.audit_exported").data == {"filters": ["kind"]}
    assert audit_export.check(file, expected_key=key) == []
    with zipfile.ZipFile(file) as archive:
        lines = archive.read("events.jsonl").decode().splitlines()
    assert len(lines) == 4  # three events of security and the export itself
    assert as_admin.get(f"{AUDIT}export/").status_code == 405


def test_the_chain_is_checked_in_the_background(log: Any, as_admin: Any, inside: Any) -> None:
    page = as_admin.get(AUDIT).content.decode()
    assert 'data-testid="audit-check" data-state="never"' in page
    assert as_admin.post(f"{AUDIT}check/")["Location"] == AUDIT
    fragment = as_admin.get(f"{AUDIT}check/").content.decode()
    assert 'data-state="running"' in fragment
    assert 'hx-trigger="load delay:2s"' in fragment
    as_admin.post(f"{AUDIT}check/")  # a second one is not asked while the first runs
    with inside(log):
        asked = AuditEvent.objects.get(kind="security.audit_check_asked")
        assert audit_check.check(asked.data["run"]) is True
        assert audit_check.check(asked.data["run"]) is False
        done = audit_check.last_check()
        assert done is not None
        assert (done.state, done.rows) == ("ok", 6)
    assert 'data-state="ok"' in as_admin.get(AUDIT).content.decode()


def test_a_broken_chain_names_its_first_row(log: Any, as_admin: Any, inside: Any) -> None:
    as_admin.cookies["language"] = "en"
    with inside(log):
        row = AuditEvent.objects.get(kind="security.login_failed")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE kernel_auditevent SET data = '{}' WHERE id = %s", [row.pk])
        run = audit_check.ask()
        audit_check.check(run)
        found = AuditEvent.objects.get(kind="security.audit_broken")
        assert (found.data["broken_id"], found.data["rows"]) == (row.pk, 1)
    page = as_admin.get(AUDIT).content.decode()
    assert 'data-state="broken"' in page
    assert f"First broken row: {row.pk} (its content was changed)." in page
    assert f'href="{AUDIT}{row.pk}/"' in page


def test_a_check_that_never_ended_may_be_asked_again(log: Any, inside: Any, freeze: Any) -> None:
    freeze(START + timedelta(days=10))
    with inside(log):
        assert audit_check.ask() != ""
        assert audit_check.ask() == ""
    freeze(START + timedelta(days=10, minutes=16))
    with inside(log):
        last = audit_check.last_check()
        assert last is not None
        assert last.state == "lost"
        assert audit_check.ask() != ""


def test_a_check_says_how_far_it_is(log: Any, inside: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(audit, "_BATCH", 2)
    seen: list[int] = []
    with inside(log):
        assert audit.verify(seen.append).rows == 5
    assert seen == [2, 4]


PAGES = [EVENTS, f"{EVENTS}events.csv", AUDIT, f"{AUDIT}check/"]


@pytest.mark.parametrize("path", PAGES)
def test_the_log_is_for_administrators_and_data_protection_officers(
    log: Any, client_for: Any, make_person: Any, learner_a: Any, path: str
) -> None:
    dpo = make_person(log, "dpo@mecaformation.example", "dpo")
    manager = make_person(log, "manager@mecaformation.example", "manager")
    assert client_for(log, dpo).get(path).status_code == 200
    assert client_for(log, manager).get(path).status_code == 403
    assert client_for(log, learner_a).get(path).status_code == 403
    assert client_for(log).get(path).status_code == 302


@pytest.mark.parametrize("path", [EVENTS, AUDIT, f"{EVENTS}events.csv"])
def test_another_space_shows_its_own_log_only(
    log: Any, client_for: Any, tenant_b: Any, admin_b: Any, path: str
) -> None:
    response = client_for(tenant_b, admin_b).get(path)
    body = b"".join(response) if response.streaming else response.content
    page = body.decode()
    assert "foreign" in page or path == AUDIT
    for secret in ("Lina", "198.51.100.9", "Lefèvre", "192.0.2.1"):
        assert secret not in page
    assert "203.0.113.200" in page


def _fill(count: int) -> None:
    """Write rows straight to the table: their chain does not matter to the time of a page."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO kernel_auditevent"
            " (at, kind, actor, actor_label, target, address, request_id, data, prev_hash, row_hash)"
            " SELECT now() - n * interval '1 minute', 'security.kind_' || (n %% 40), NULL, 'task',"
            " 'thing:' || n, '10.0.' || (n %% 200) || '.1', '', '{}', '', ''"
            " FROM generate_series(1, %s) AS n",
            [count],
        )
        cursor.execute("ANALYZE kernel_auditevent")


@pytest.mark.parametrize(
    "query",
    ["", "before=50000", "kind=security.kind_7", "address=10.0.5.1", "person=lina", "kind=nothing"],
)
def test_a_hundred_thousand_rows_cost_the_same_queries(
    log: Any, as_admin: Any, inside: Any, query: str
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_admin.get(f"{AUDIT}?{query}").status_code == 200
        return sum("kernel_auditevent" in item["sql"] for item in captured.captured_queries)

    as_admin.get(AUDIT)  # whatever is read once per process
    few = queries()
    with inside(log):
        _fill(100_000)
    many = queries()
    assert (few, many) == (3, 3)  # the page, the kinds, the last check
    with inside(log), connection.cursor() as cursor:
        where = {
            "kind=security.kind_7": "kind = 'security.kind_7'",
            "address=10.0.5.1": "address = '10.0.5.1'",
            "before=50000": "id < 50000",
        }.get(query)
        if where:
            cursor.execute(
                "EXPLAIN SELECT * FROM kernel_auditevent WHERE " + where + " ORDER BY id DESC"
                " LIMIT 51"
            )
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Index Scan" in plan
            assert "Seq Scan" not in plan
