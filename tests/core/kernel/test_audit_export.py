"""The signed archive of the audit log: what it holds, and that no change of it goes unseen."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tremplin.kernel import audit, audit_export
from tremplin.kernel.models import AuditEvent

pytestmark = pytest.mark.django_db
ADA = UUID("00000000-0000-4000-8000-0000000000ad")


@pytest.fixture
def archive(tenant_a: Any, inside: Any) -> io.BytesIO:
    """Return the archive of a log of three events."""
    with inside(tenant_a):
        connection.cursor().execute("TRUNCATE kernel_auditevent")
        for number in range(3):
            with audit.actor(ADA, "person", "192.0.2.7"):
                audit.record("security.login", target="=1+1", data={"n": number, "name": "Zoé"})
        file = io.BytesIO()
        audit_export.write(file, AuditEvent.objects.all(), filters={}, by=ADA)
    return file


def _read(file: io.BytesIO) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _written(parts: dict[str, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file


def _key(inside: Any, tenant: Any) -> str:
    with inside(tenant):
        return audit_export.public_key()


def test_the_archive_holds_the_events_twice_and_a_signed_manifest(
    archive: io.BytesIO, tenant_a: Any, inside: Any
) -> None:
    parts = _read(archive)
    assert list(parts) == ["events.jsonl", "events.csv", "manifest.json", "manifest.sig"]
    lines = [json.loads(line) for line in parts["events.jsonl"].splitlines()]
    assert [(line["data"], line["target"]) for line in lines] == [
        ({"n": number, "name": "Zoé"}, "=1+1") for number in range(3)
    ]
    cells = list(csv.reader(io.StringIO(parts["events.csv"].decode())))
    assert cells[0] == list(audit.COLUMNS)
    assert [row[5] for row in cells[1:]] == ["'=1+1"] * 3
    manifest = json.loads(parts["manifest.json"])
    assert manifest["space"]["uuid"] == str(tenant_a.uuid)
    assert (manifest["rows"], manifest["made_by"], manifest["filters"]) == (3, str(ADA), {})
    assert manifest["chain"]["before_first"] == audit.GENESIS
    assert manifest["chain"]["last"] == lines[-1]["row_hash"]
    assert manifest["public_key"] == _key(inside, tenant_a)
    assert audit_export.check(archive, expected_key=manifest["public_key"]) == []


def _line(parts: dict[str, bytes], change: Callable[[list[bytes]], list[bytes]]) -> None:
    parts["events.jsonl"] = b"".join(change(parts["events.jsonl"].splitlines(keepends=True)))


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        (
            lambda parts: _line(parts, lambda lines: lines[:1] + lines[2:]),
            ["events.jsonl was changed"],
        ),
        (
            lambda parts: parts.update({"events.csv": parts["events.csv"] + b"x"}),
            ["events.csv was changed"],
        ),
        (
            lambda parts: parts.update(
                {"manifest.json": parts["manifest.json"].replace(b'"rows": 3', b'"rows": 2')}
            ),
            ["the signature does not fit the manifest"],
        ),
        (
            lambda parts: parts.update({"manifest.sig": base64.b64encode(bytes(64))}),
            ["the signature does not fit the manifest"],
        ),
        (
            lambda parts: parts.pop("manifest.json"),
            ["this is not an archive of an audit log (KeyError)"],
        ),
    ],
)
def test_a_change_is_seen(
    archive: io.BytesIO, change: Callable[[dict[str, bytes]], Any], problems: list[str]
) -> None:
    parts = _read(archive)
    change(parts)
    assert audit_export.check(_written(parts)) == problems


def test_a_row_changed_before_the_export_is_seen_by_who_receives_it(
    tenant_a: Any, inside: Any, archive: io.BytesIO
) -> None:
    with inside(tenant_a):
        second = AuditEvent.objects.order_by("id")[1]
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE kernel_auditevent SET kind = 'security.logout' WHERE id = %s", [second.id]
            )
        file = io.BytesIO()
        audit_export.write(file, AuditEvent.objects.all(), filters={})
    assert audit_export.check(file) == [f"row {second.id}: its content was changed"]


def test_each_space_signs_with_its_own_key(
    archive: io.BytesIO, tenant_a: Any, tenant_b: Any, inside: Any
) -> None:
    assert _key(inside, tenant_a) != _key(inside, tenant_b)
    assert audit_export.check(archive, expected_key=_key(inside, tenant_b)) == [
        "it was signed with another key than that of the space"
    ]


def test_what_is_no_archive_is_said_so() -> None:
    assert audit_export.check(io.BytesIO(b"hello")) == [
        "this is not an archive of an audit log (BadZipFile)"
    ]


def test_the_command_checks_an_archive(
    archive: io.BytesIO,
    tenant_a: Any,
    tenant_b: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "audit.zip"
    path.write_bytes(archive.getvalue())
    call_command("verify_audit_export", str(path), tenant=tenant_a.slug)
    assert capsys.readouterr().out == "the archive is what the space signed\n"
    with pytest.raises(CommandError, match="cannot be trusted"):
        call_command("verify_audit_export", str(path), tenant=tenant_b.slug)
    with pytest.raises(CommandError, match="No such file"):
        call_command("verify_audit_export", str(tmp_path / "none.zip"))
