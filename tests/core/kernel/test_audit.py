"""The audit log: complete, append-only, chained, exportable, cut by whole prefixes."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tremplin.kernel import audit
from tremplin.kernel.models import AppendOnlyError, AuditCheckpoint, AuditEvent
from tremplin.testing import freeze as frozen

pytestmark = pytest.mark.django_db
ADA = UUID("00000000-0000-4000-8000-0000000000ad")
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def log(tenant_a: Any, inside: Any) -> Any:
    """Stand inside a space whose log holds three rows, one a day."""
    with inside(tenant_a):
        connection.cursor().execute("TRUNCATE kernel_auditevent")
        for day, kind in enumerate(["security.login", "module.activated", "security.logout"]):
            with (
                frozen(START + timedelta(days=day)),
                audit.actor(ADA, "person", "192.0.2.7"),
            ):
                audit.record(kind, target=f"thing:{day}", data={"n": day, "who": ADA})
        yield tenant_a


def test_a_row_says_who_what_when_from_where(log: Any) -> None:
    row = AuditEvent.objects.order_by("id").first()
    assert row is not None
    assert (row.kind, row.actor, row.actor_label, row.address, row.target, row.at) == (
        "security.login",
        ADA,
        "person",
        "192.0.2.7",
        "thing:0",
        START,
    )
    assert row.data == {"n": 0, "who": str(ADA)}
    assert row.prev_hash == audit.GENESIS
    assert row.row_hash == audit.row_hash(row)


def test_the_chain_holds(log: Any) -> None:
    rows = list(AuditEvent.objects.order_by("id"))
    assert [row.prev_hash for row in rows[1:]] == [row.row_hash for row in rows[:-1]]
    assert audit.verify() == audit.AuditReport(3, rows[-1].row_hash)


def test_rows_are_neither_changed_nor_deleted_by_code(log: Any) -> None:
    row = AuditEvent.objects.order_by("id").first()
    assert row is not None
    row.kind = "other"
    for attempt in (
        row.save,
        row.delete,
        AuditEvent.objects.all().delete,
        lambda: AuditEvent.objects.update(kind="other"),
        lambda: AuditEvent.objects.bulk_create([AuditEvent()]),
        lambda: AuditEvent.objects.bulk_update([row], ["kind"]),
    ):
        with pytest.raises(AppendOnlyError):
            attempt()
    assert audit.verify().ok
    assert AuditEvent.objects.filter(kind="other").count() == 0


@pytest.mark.parametrize(
    ("statement", "index", "reason"),
    [
        ("UPDATE kernel_auditevent SET data = '{}' WHERE id = %s", 1, "its content was changed"),
        ("UPDATE kernel_auditevent SET actor = NULL WHERE id = %s", 0, "its content was changed"),
        (
            "DELETE FROM kernel_auditevent WHERE id = %s",
            1,
            "a row before it was removed or changed",
        ),
    ],
)
def test_a_change_around_the_code_is_shown(
    log: Any, statement: str, index: int, reason: str
) -> None:
    ids = list(AuditEvent.objects.order_by("id").values_list("id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(statement, [ids[index]])
    report = audit.verify()
    assert not report.ok
    shown = ids[index] if statement.startswith("UPDATE") else ids[index + 1]
    assert (report.broken_id, report.reason, report.rows) == (shown, reason, index)


def test_retention_cuts_a_prefix_and_the_chain_still_holds(log: Any) -> None:
    last = AuditEvent.objects.order_by("id").last()
    assert last is not None
    assert audit.apply_retention(START + timedelta(days=1, hours=1)) == 2
    checkpoint = AuditCheckpoint.objects.get()
    assert (checkpoint.removed, checkpoint.last_hash) == (2, last.prev_hash)
    assert audit.verify() == audit.AuditReport(1, last.row_hash)
    audit.record("module.deactivated")
    assert audit.verify().rows == 2
    assert audit.apply_retention(START - timedelta(days=1)) == 0
    assert AuditCheckpoint.objects.count() == 1


def test_retention_of_everything_keeps_the_chain(log: Any) -> None:
    last = AuditEvent.objects.order_by("id").last()
    assert last is not None
    assert audit.apply_retention(START + timedelta(days=30)) == 3
    assert audit.verify() == audit.AuditReport(0, last.row_hash)
    audit.record("security.login")
    row = AuditEvent.objects.get()
    assert row.prev_hash == last.row_hash
    assert audit.verify().ok


def test_export_as_csv_defuses_formulas(log: Any) -> None:
    audit.record("security.export", target="=HYPERLINK(1)")
    rows = list(csv.reader(io.StringIO("".join(audit.export("csv")))))
    assert rows[0] == list(audit.COLUMNS)
    assert [row[2] for row in rows[1:]] == [
        "security.login",
        "module.activated",
        "security.logout",
        "security.export",
    ]
    assert rows[4][5] == "'=HYPERLINK(1)"
    assert rows[1][8] == json.dumps({"n": 0, "who": str(ADA)})


def test_export_as_json_filters_by_kind_and_date(log: Any) -> None:
    lines = [json.loads(line) for line in audit.export("json", kind_prefix="security.")]
    assert [line["kind"] for line in lines] == ["security.login", "security.logout"]
    day = START + timedelta(days=1)
    lines = [json.loads(line) for line in audit.export("json", since=day, until=day + timedelta(1))]
    assert [(line["kind"], line["actor"]) for line in lines] == [("module.activated", str(ADA))]


def test_data_that_is_not_plain_is_refused(log: Any) -> None:
    with pytest.raises(TypeError, match="JSON values, not object"):
        audit.record("x", data={"thing": object()})
    assert AuditEvent.objects.count() == 3


def test_logs_of_two_spaces_are_two_chains(log: Any, tenant_b: Any, inside: Any) -> None:
    with inside(tenant_b):
        before = AuditEvent.objects.count()
        audit.record("security.login")
        assert AuditEvent.objects.count() == before + 1
        assert audit.verify().ok
    assert AuditEvent.objects.count() == 3


def test_a_person_receives_her_own_events_and_retention_ends_them(log: Any) -> None:
    from tremplin.api import services
    from tremplin.kernel.privacy import AuditPersonalData

    with audit.actor(UUID(int=2), "person", "198.51.100.1"):
        audit.record("security.role_changed", target=f"person:{ADA}")
    keeper, ctx = AuditPersonalData(), services.contexts().current()
    (file,) = keeper.export(ctx, ADA)
    assert file.name == "audit/events.json"
    assert [(row["kind"], row["by_you"], row["address"]) for row in file.data] == [
        ("security.login", True, "192.0.2.7"),
        ("module.activated", True, "192.0.2.7"),
        ("security.logout", True, "192.0.2.7"),
        ("security.role_changed", False, ""),
    ]
    assert keeper.erase(ctx, ADA) == 0
    assert AuditEvent.objects.count() == 4
    assert keeper.retain(ctx, START + timedelta(days=2)) == 2
    assert audit.verify().ok


def test_the_command_names_the_broken_row(log: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_audit_chain", tenant=log.slug)
    assert capsys.readouterr().out == f"{log.slug}: 3 rows, chain holds\n"
    row = AuditEvent.objects.order_by("id").first()
    assert row is not None
    with connection.cursor() as cursor:
        cursor.execute("UPDATE kernel_auditevent SET kind = 'x' WHERE id = %s", [row.id])
    with pytest.raises(CommandError, match="1 of 1 chains are broken"):
        call_command("verify_audit_chain", tenant=log.slug)
    assert capsys.readouterr().out == f"{log.slug}: row {row.id}: its content was changed\n"
    with pytest.raises(CommandError, match="no active space 'nobody'"):
        call_command("verify_audit_chain", tenant="nobody")
