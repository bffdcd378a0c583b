"""Suspension, deletion with grace, erasure, archives: on a database with real commits."""

import io
import json
import sys
import threading
import time
import zipfile
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.utils import timezone

from tenants import archive, lifecycle, provisioning, registry, storage
from tenants.archive.export import schema_rows
from tenants.context import public, public_write, use
from tenants.errors import ArchiveError, WrongStatus
from tenants.migrator import status
from tenants.models import DeletionProof, Domain, SchemaState, Tenant


@pytest.fixture
def school(own_database):
    return provisioning.create(
        provisioning.NewTenant("École du Port", "port", "school", "billing@port.example")
    )


def test_suspend_and_resume_change_the_status_and_the_audit_log(school):
    from tremplin.kernel.models import AuditEvent

    assert lifecycle.suspend(school, "unpaid").status == "suspended"
    with pytest.raises(WrongStatus):
        lifecycle.suspend(school, "again")
    assert lifecycle.resume(school).status == "active"
    with use(school):
        kinds = list(
            AuditEvent.objects.filter(kind__startswith="tenants.")
            .order_by("id")
            .values_list("kind", "data")
        )
    assert kinds == [
        ("tenants.space_suspended", {"reason": "unpaid"}),
        ("tenants.space_resumed", {"reason": ""}),
    ]


def test_deletion_waits_for_the_grace_then_leaves_a_proof_only(school):
    with use(school):
        default_storage.save("a.txt", ContentFile(b"hello"))
    lifecycle.schedule_deletion(school)
    assert registry.by_slug("port").status == "deleting"
    with pytest.raises(WrongStatus, match="may be erased from"):
        lifecycle.purge(school)
    lifecycle.cancel_deletion(school)
    assert registry.by_slug("port").status == "active"
    lifecycle.schedule_deletion(school)
    proof = lifecycle.purge(school, now=timezone.now() + timedelta(days=31))
    assert (proof.tenant_uuid, proof.files, proof.kind) == (school.uuid, 1, "school")
    assert registry.by_slug("port") is None
    assert registry.by_host("port.localhost") is None
    assert status.unused() == []
    assert not SchemaState.objects.filter(schema_name=school.schema_name).exists()
    assert not storage.folder_of(school.uuid).exists()
    again = provisioning.create(
        provisioning.NewTenant("École du Port", "port", "school", "billing@port.example")
    )
    assert again.uuid != school.uuid
    assert again.schema_name != school.schema_name


def test_the_operator_space_cannot_be_deleted(own_database):
    with pytest.raises(WrongStatus):
        lifecycle.schedule_deletion(registry.hq())


def test_erasure_does_not_stall_others_behind_an_open_reader(school):
    """A reader of content types keeps its transaction open; everyone else goes on."""
    opened, release = threading.Event(), threading.Event()

    def read():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM public.django_content_type")
            opened.set()
            release.wait(20)
        connections.close_all()

    lifecycle.schedule_deletion(school, grace=timedelta(0))
    reader = threading.Thread(target=read)
    reader.start()
    opened.wait(10)
    erasing = threading.Thread(target=lambda: (lifecycle.purge(school), connections.close_all()))
    erasing.start()
    slowest = 0.0
    for _ in range(15):
        begin = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM public.django_content_type")
        slowest = max(slowest, time.monotonic() - begin)
        time.sleep(0.1)
    assert slowest < 1.5  # the erasure waits one second at a time at most
    release.set()
    reader.join(10)
    erasing.join(30)
    assert DeletionProof.objects.filter(tenant_uuid=school.uuid).count() == 1


# --- archives -----------------------------------------------------------------------------------


def fill(tenant):
    """Put people, a session and files in the space."""
    from django.contrib.sessions.backends.db import SessionStore

    from tremplin.identity.services import create_person

    with use(tenant):
        for number in range(3):
            create_person(
                email=f"person{number}@port.example",
                first_name="Zoé;\n'\\",
                last_name="N°\t1",
                roles=("learner",),
            )
        session = SessionStore()
        session["x"] = 1
        session.save()
        default_storage.save("docs/é à.txt", ContentFile(b"one\ntwo\n"))
        default_storage.save("b.bin", ContentFile(bytes(range(256)) * 1000))


def content(schema):
    """Return every row of a schema as text, by table."""
    found = {}
    with public(), connection.cursor() as cursor:
        for table in schema_rows(schema):
            cursor.execute(f'SELECT t::text FROM "{schema}"."{table}" t ORDER BY 1')
            found[table] = [row for (row,) in cursor.fetchall()]
    return found


def files_of(uuid):
    folder = storage.folder_of(uuid)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_export_then_restore_gives_the_same_space(school, tmp_path):
    fill(school)
    with public_write("test"):
        Domain.objects.create(
            tenant_id=school.pk,
            domain="campus.port.example",
            kind="custom",
            verified_at=timezone.now(),
        )
    before, files = content(school.schema_name), files_of(school.uuid)
    assert len(before["django_session"]) == 1
    before["django_session"] = []  # whoever holds an archive must not act as anybody
    path = tmp_path / "port.zip"
    manifest = archive.export(registry.by_slug("port"), path)
    assert manifest["tables"]["identity_user"]["rows"] == 3
    assert sorted(manifest["files"]) == ["b.bin", "docs/é à.txt"]

    lifecycle.schedule_deletion(school, grace=timedelta(0))
    lifecycle.purge(school)
    assert registry.by_slug("port") is None
    with public_write("test"):
        DeletionProof.objects.all().delete()
    done = archive.restore(path)
    assert (done.tenant.uuid, done.tenant.slug, done.former_schema) == (school.uuid, "port", "")
    assert done.tenant.hosts == ("port.localhost", "campus.port.example")
    assert done.tenant.primary_host == "port.localhost"
    assert done.tenant.status == "active"
    assert done.tenant.ready is True
    assert done.tenant.schema_name != school.schema_name
    assert content(done.tenant.schema_name) == before
    assert files_of(school.uuid) == files
    assert status.verify() == []
    again = tmp_path / "again.zip"
    second = archive.export(done.tenant, again)
    for key in ("tables", "files", "sequences", "migrations", "members"):
        if key == "members":
            assert second[key]["schema.sql"] == manifest[key]["schema.sql"]
        else:
            assert second[key] == manifest[key]


def test_replace_switches_and_keeps_the_former_schema(school, tmp_path):
    fill(school)
    path = tmp_path / "port.zip"
    archive.export(school, path)
    before = {**content(school.schema_name), "django_session": []}
    with use(school):
        from tremplin.identity.models import User

        User.objects.filter(email="person0@port.example").update(first_name="Changed")
        default_storage.save("later.txt", ContentFile(b"later"))
    with pytest.raises(ArchiveError, match="--replace"):
        archive.restore(path)
    done = archive.restore(path, replace=True)
    assert done.former_schema == school.schema_name
    assert content(done.tenant.schema_name) == before
    assert sorted(files_of(school.uuid)) == ["b.bin", "docs/é à.txt"]
    assert status.unused() == [school.schema_name]
    call_command("schemas", "drop", school.schema_name, stdout=io.StringIO())
    assert status.unused() == []


def hand_out_credentials(tenant):
    from allauth.idp.oidc.models import Token

    from tremplin.identity.api_access import clients, keys
    from tremplin.identity.models import User
    from tremplin.identity.reset_tokens import ResetTokens

    with use(tenant):
        person = User.objects.order_by("email").first()
        keys.create(name="moodle", scopes=["identity:read"], created_by=person)
        client, _secret = clients.create(
            name="directory", scopes=["identity:read"], created_by=person
        )
        Token.objects.create(client=client, type=Token.Type.ACCESS_TOKEN, hash="0" * 64)
        ResetTokens().make_token(person)


def test_a_copy_beside_has_no_session_and_waits_for_confirmation(school, tmp_path):
    fill(school)
    hand_out_credentials(school)
    path = tmp_path / "port.zip"
    archive.export(school, path)
    done = archive.restore(path, as_slug="port-copie")
    copy = done.tenant
    assert copy.uuid != school.uuid
    assert (copy.status, copy.primary_host) == ("suspended", "port-copie.localhost")
    rows = schema_rows(copy.schema_name)
    original = schema_rows(school.schema_name)
    assert (rows["identity_user"], rows["django_session"], rows["kernel_outboxevent"]) == (3, 0, 0)
    assert original["django_session"] == 1
    # A key, a client secret or a link of the original opens nothing in the copy.
    for name in (
        "identity_apikey",
        "identity_passwordresettoken",
        "allauth_idp_oidc_client",
        "allauth_idp_oidc_token",
    ):
        assert (original[name], rows[name]) == (1, 0), name
    assert registry.by_slug("port").schema_name == school.schema_name
    assert lifecycle.resume(copy).status == "active"


@pytest.mark.parametrize(
    "damage",
    ["truncated", "rows", "missing", "added", "statement", "path", "version", "foreign"],
)
def test_a_damaged_archive_is_refused_before_any_write(school, tmp_path, damage):
    fill(school)
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    archive.export(school, good)
    if damage == "truncated":
        bad.write_bytes(good.read_bytes()[:-2000])
    elif damage == "foreign":
        bad.write_bytes(b"PK\x03\x04 this is no archive")
    else:
        rewrite(good, bad, damage)
    before = (Tenant.objects.count(), status.unused(), SchemaState.objects.count())
    with pytest.raises(ArchiveError):
        archive.restore(bad, as_slug="port-copie")
    assert (Tenant.objects.count(), status.unused(), SchemaState.objects.count()) == before


def rewrite(good, bad, damage):
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        manifest = json.loads(source.read("manifest.json"))
        for name in source.namelist():
            data = source.read(name)
            if name == "manifest.json":
                continue
            if damage == "rows" and name == "data/identity_user.copy":
                data = data.replace(b"person1@", b"person9@")
            if damage == "missing" and name == "data/identity_user.copy":
                continue
            if damage == "statement" and name == "schema.sql":
                import hashlib

                data = data.replace(b"CREATE TABLE", b"DROP TABLE x;\nCREATE TABLE", 1)
                manifest["members"][name] = {
                    "size": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(),
                }
            target.writestr(name, data)
        if damage == "added":
            target.writestr("data/extra.copy", b"")
        if damage == "path":
            manifest["files"]["../../etc/x"] = {"size": 0, "sha256": ""}
        if damage == "version":
            manifest["version"] = 99
        target.writestr("manifest.json", json.dumps(manifest))


def test_a_failure_after_the_rows_leaves_nothing(school, tmp_path, monkeypatch):
    fill(school)
    path = tmp_path / "port.zip"
    archive.export(school, path)
    module = sys.modules["tenants.archive.restore"]

    def fail(info):
        raise OSError("disk full")

    monkeypatch.setattr(module, "_empty_for_copy", fail)
    before = (Tenant.objects.count(), SchemaState.objects.count())
    with pytest.raises(OSError, match="disk full"):
        archive.restore(path, as_slug="port-copie")
    assert status.unused() == []
    assert (Tenant.objects.count(), SchemaState.objects.count()) == before


# --- commands -----------------------------------------------------------------------------------


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_commands_walk_the_life_of_a_space(own_database, tmp_path):
    said = run("tenant", "create", "Lycée Hélène-Boucher", "--email", "b@h.example")
    assert "http://lycee-helene-boucher.localhost/" in said
    listed = json.loads(run("tenant", "list", "--json"))
    assert [row["slug"] for row in listed][-1] == "lycee-helene-boucher"
    assert len(listed) == 8
    run("tenant", "suspend", "lycee-helene-boucher", "--reason", "unpaid")
    shown = json.loads(run("tenant", "show", "lycee-helene-boucher.localhost", "--json"))
    assert (shown["status"], shown["kind"]) == ("suspended", "school")
    run("tenant", "resume", shown["uuid"])
    run("tenant", "export", "lycee-helene-boucher", str(tmp_path / "a.zip"))
    run("tenant", "restore", str(tmp_path / "a.zip"), "--as", "copie")
    run("tenant", "delete", "copie", "--days", "0")
    assert "Erased" in run("tenant", "delete", "copie", "--erase")
    assert len(json.loads(run("tenant", "list", "--json"))) == 8
    assert "Every schema equals the template." in run("schemas", "verify")
    assert "Everything is current." in run("migrate", "--check")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("tenant", "show", "nobody"), "There is no space “nobody”"),
        (("tenant", "create", "X", "--slug", "www", "--email", "a@b.example"), "is reserved"),
        (("tenant", "create", "X", "--slug", "lycee", "--email", "a@b.example"), "already taken"),
        (("tenant", "restore", "/nonexistent.zip"), "there is no file"),
        (("tenant", "delete", "hq"), "operator's own space"),
        (("tenant", "resume", "lycee"), "is active"),
        (("tenant", "export", "lycee", "/nonexistent/x.zip"), "There is no folder"),
        (("schemas", "drop", "public"), "not an unused schema"),
        (("migrate", "--tenant", "nobody"), "no space has the address"),
        (("migrate_schemas",), "manage.py migrate"),
    ],
)
def test_command_errors_are_one_sentence(db, arguments, sentence):
    with pytest.raises(CommandError, match=sentence) as caught:
        run(*arguments)
    assert "\n" not in str(caught.value)
