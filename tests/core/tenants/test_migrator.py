"""The fleet migrator, with migrations added to an application for the length of a test."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from tenants import fingerprint, locks, provisioning, registry, template
from tenants.contenttypes import stable_id
from tenants.context import public, public_write, use
from tenants.databases import scratch
from tenants.errors import MigrationFailed, MigratorBusy
from tenants.migrator import Options, migrate_all, status
from tenants.migrator import run as migrator_run
from tenants.models import TEMPLATE_SCHEMA, SchemaState
from tenants.registry import TEMPLATE
from tenants.routers import shared_labels, tenant_labels
from tremplin.identity.roles import declared_permissions

ROOT = Path(__file__).resolve().parents[3]
HEAD = """
from django.db import migrations, models
from django.contrib.postgres.operations import AddIndexConcurrently

class Migration(migrations.Migration):
    dependencies = [("guardian", "{after}")]
"""
COLUMN = """
    operations = [migrations.AddField("userobjectpermission", "shelf",
                                      models.IntegerField(default=7))]
"""


@pytest.fixture
def add_migration(own_database, tmp_path, settings, monkeypatch):
    """Return ``add(name, body, after)``: one more migration of guardian."""
    package = tmp_path / "extra_guardian"
    source = Path(importlib.import_module("guardian.migrations").__file__).parent
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    last = sorted(path.stem for path in package.glob("0*.py"))[-1]
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.MIGRATION_MODULES = settings.MIGRATION_MODULES | {"guardian": "extra_guardian"}

    def add(name, body, after=last):
        (package / f"{name}.py").write_text(HEAD.format(after=after) + body)
        for loaded in [key for key in sys.modules if key.startswith("extra_guardian")]:
            del sys.modules[loaded]
        importlib.invalidate_caches()
        fingerprint.forget()
        return name

    yield add
    for loaded in [key for key in sys.modules if key.startswith("extra_guardian")]:
        del sys.modules[loaded]
    fingerprint.forget()


def spaces():
    return {info.slug: info.schema_name for info in registry.all_tenants()}


def with_column(name="shelf", table="guardian_userobjectpermission"):
    """Return the schemas whose table has the column."""
    with public(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema FROM information_schema.columns"
            " WHERE column_name = %s AND table_name = %s ORDER BY 1",
            [name, table],
        )
        return [schema for (schema,) in cursor.fetchall()]


def test_nothing_to_do(own_database):
    result = migrate_all()
    assert (result.migrated, result.failed, result.unchanged) == ([], {}, 7)
    assert migrator_run.pending_summary() == []


def test_one_column_reaches_every_schema_and_the_states(add_migration):
    add_migration("0099_shelf", COLUMN)
    assert migrator_run.pending_summary() == [
        "template: guardian.0099_shelf",
        "7 spaces: guardian.0099_shelf",
    ]
    with pytest.raises(SystemExit) as left:
        call_command("migrate", "--check", stdout=open(os.devnull, "w"))  # noqa: SIM115
    assert left.value.code == 1
    result = migrate_all(Options(workers=1))
    assert sorted(result.migrated) == sorted(spaces().values())
    assert result.migrated[0] == spaces()["hq"]  # the first canary
    assert with_column() == sorted([*spaces().values(), TEMPLATE_SCHEMA])
    assert status.verify() == []
    states = set(SchemaState.objects.values_list("status", "fingerprint", "digest").distinct())
    assert len(states) == 1
    assert states.pop()[:2] == ("current", fingerprint.of_code())
    assert migrate_all().unchanged == 7
    assert {info.ready for info in registry.all_tenants()} == {True}


def test_workers_in_processes_do_the_same(add_migration, monkeypatch):
    monkeypatch.setattr(migrator_run, "ALONE", 2)
    add_migration("0099_shelf", COLUMN)
    result = migrate_all(Options(workers=2))
    assert sorted(result.migrated) == sorted(spaces().values())
    assert with_column() == sorted([*spaces().values(), TEMPLATE_SCHEMA])


def test_a_new_space_is_born_current(add_migration):
    add_migration("0099_shelf", COLUMN)
    migrate_all()
    info = provisioning.create(
        provisioning.NewTenant("Neuve", "neuve", "school", "billing@neuve.example")
    )
    assert info.schema_name in with_column()
    assert migrate_all().unchanged == 8


def test_a_data_migration_followed_by_a_change_of_the_same_table(add_migration):
    first = add_migration(
        "0098_rows",
        """
    def fill(apps, editor):
        Group = apps.get_model("auth", "Group")
        Permission = apps.get_model("auth", "Permission")
        group = Group.objects.create(name="made by a migration")
        group.permissions.add(Permission.objects.order_by("pk").first())

    operations = [migrations.RunPython(fill),
                  migrations.RunSQL("ALTER TABLE auth_group_permissions ADD COLUMN x int")]
""",
    )
    add_migration(
        "0099_alter",
        """
    operations = [migrations.RunSQL("ALTER TABLE auth_group_permissions ADD COLUMN y int")]
""",
        after=first,
    )
    # Inside one migration PostgreSQL refuses: rows with pending checks. Between two it works.
    with pytest.raises(Exception, match="pending trigger events"):
        migrate_all()
    (Path(sys.modules["extra_guardian"].__file__).parent / "0098_rows.py").unlink()
    add_migration(
        "0098_rows",
        """
    def fill(apps, editor):
        Group = apps.get_model("auth", "Group")
        Permission = apps.get_model("auth", "Permission")
        group = Group.objects.create(name="made by a migration")
        group.permissions.add(Permission.objects.order_by("pk").first())

    operations = [migrations.RunPython(fill)]
""",
    )
    result = migrate_all(Options(workers=1))
    assert result.failed == {}
    assert with_column("y", "auth_group_permissions") == sorted(
        [*spaces().values(), TEMPLATE_SCHEMA]
    )


def test_a_renamed_model_keeps_its_content_type(add_migration):
    first = add_migration(
        "0098_model",
        """
    operations = [migrations.CreateModel("Shelf", [("id", models.BigAutoField(primary_key=True))])]
""",
    )
    migrate_all()
    with public(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_content_type (id, app_label, model) VALUES (%s, 'guardian', 'shelf')",
            [stable_id("guardian", "shelf")],
        )
    add_migration(
        "0099_rename",
        """
    operations = [migrations.RenameModel("Shelf", "Rack")]
""",
        after=first,
    )
    assert migrate_all(Options(workers=1)).failed == {}
    with public(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, model FROM django_content_type WHERE app_label = 'guardian'"
            " AND model IN ('shelf', 'rack')"
        )
        assert cursor.fetchall() == [(stable_id("guardian", "shelf"), "rack")]
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'guardian_rack'")
        assert cursor.fetchone() == (8,)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'guardian_shelf'")
        assert cursor.fetchone() == (0,)


def test_a_migration_outside_transactions(add_migration):
    add_migration(
        "0099_index",
        """
    atomic = False
    operations = [AddIndexConcurrently("userobjectpermission",
                  models.Index(fields=["object_pk"], name="guardian_extra_pk"))]
""",
    )
    assert migrate_all(Options(workers=1)).failed == {}
    with public(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE indexname = 'guardian_extra_pk'")
        assert cursor.fetchone() == (8,)
    assert migrate_all().unchanged == 7


BREAKS = """
    def fail(apps, editor):
        with editor.connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            if cursor.fetchone()[0].startswith("{prefix}"):
                raise ValueError("this schema is broken")

    operations = [migrations.AddField("userobjectpermission", "shelf",
                                      models.IntegerField(default=7)),
                  migrations.RunPython(fail)]
"""


def test_a_failing_canary_stops_the_run(add_migration):
    add_migration("0099_shelf", BREAKS.format(prefix="t_hq_"))
    with pytest.raises(MigrationFailed, match="canary hq: ValueError: this schema is broken"):
        migrate_all()
    assert with_column() == [TEMPLATE_SCHEMA]
    assert SchemaState.objects.get(schema_name=spaces()["hq"]).status == "failed"
    # The release before is still served everywhere.
    assert {info.ready for info in registry.all_tenants()} == {True}


def test_a_failing_space_is_reported_and_the_others_go_on(add_migration):
    add_migration("0099_shelf", BREAKS.format(prefix="t_volteo_"))
    names = spaces()
    result = migrate_all(Options(workers=1))
    assert result.failed == {names["volteo"]: "ValueError: this schema is broken"}
    assert len(result.migrated) == 6
    state = SchemaState.objects.get(schema_name=names["volteo"])
    assert (state.status, state.attempts) == ("failed", 1)
    assert "this schema is broken" in state.error
    assert status.verify() == [f"{names['volteo']}: 1 applications to migrate"]
    add_migration("0099_shelf", COLUMN)  # repaired: only the failed one is left to do
    result = migrate_all(Options(workers=1))
    assert names["volteo"] in result.migrated
    assert status.verify() == []


def test_a_table_that_differs_is_not_served(add_migration):
    names = spaces()
    with public(), connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE "{names["lycee"]}".auth_group ADD COLUMN odd int')
    assert status.verify() == [f"{names['lycee']}: the tables differ from the template's"]
    add_migration("0099_shelf", COLUMN)
    result = migrate_all(Options(workers=1))
    assert list(result.failed) == [names["lycee"]]
    assert "differ from the template" in result.failed[names["lycee"]]
    add_migration("0100_other", COLUMN.replace("shelf", "other"), after="0099_shelf")
    migrate_all(Options(workers=1))  # two releases behind
    ready = {info.slug: info.ready for info in registry.all_tenants()}
    assert ready == {slug: slug != "lycee" for slug in names}


def test_a_lock_that_does_not_come_is_retried(add_migration):
    add_migration("0099_shelf", COLUMN)
    held = threading.Event()
    schema = spaces()["atelier"]

    def hold():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f'LOCK TABLE "{schema}".guardian_userobjectpermission')
            held.set()
            time.sleep(4)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)
    result = migrate_all(Options(workers=1))
    holder.join()
    assert result.failed == {}
    assert schema in result.migrated


def test_a_second_migrator_is_refused(own_database):
    with locks.session(locks.MIGRATOR) as taken:
        assert taken is True
        with pytest.raises(MigratorBusy, match="server process"):
            migrate_all()
        with pytest.raises(Exception, match="Another migration is running") as caught:
            call_command("migrate")
        assert caught.value.returncode == 3
    assert migrate_all().unchanged == 7


def test_creation_waits_for_the_template(own_database):
    with locks.own_connection() as raw:
        raw.execute("SELECT pg_advisory_lock(%s)", [locks.key(locks.TEMPLATE)])
        done = []

        def create():
            new = provisioning.NewTenant("Neuve", "neuve", "school", "billing@neuve.example")
            done.append(provisioning.create(new).slug)
            connections.close_all()

        thread = threading.Thread(target=create)
        thread.start()
        time.sleep(1)
        assert done == []
        raw.execute("SELECT pg_advisory_unlock(%s)", [locks.key(locks.TEMPLATE)])
        thread.join(20)
    assert done == ["neuve"]


def test_killed_in_the_middle_then_resumed(add_migration, own_database, tmp_path, settings):
    add_migration(
        "0099_shelf",
        """
    operations = [migrations.AddField("userobjectpermission", "shelf",
                                      models.IntegerField(default=7)),
                  migrations.RunSQL("SELECT pg_sleep(0.4)")]
""",
    )
    modules = settings.MIGRATION_MODULES
    (tmp_path / "overlay.py").write_text(f"MIGRATION_MODULES = {modules!r}\n")
    child = subprocess.Popen(
        [sys.executable, "-m", "django", "migrate", "--workers", "1"],
        env={
            **os.environ,
            "DATABASE_URL": own_database,
            "TREMPLIN_SETTINGS_OVERLAY": "overlay",
            "PYTHONPATH": f"{tmp_path}:{ROOT}:{ROOT / 'platform'}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while len(with_column()) < 3 and child.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    done = with_column()
    assert TEMPLATE_SCHEMA in done
    assert 3 <= len(done) < 8
    end = time.monotonic() + 20
    while not locks.is_free(locks.MIGRATOR) and time.monotonic() < end:
        time.sleep(0.1)
    result = migrate_all(Options(workers=1))
    assert result.failed == {}
    assert with_column() == sorted([*spaces().values(), TEMPLATE_SCHEMA])
    assert status.verify() == []
    assert set(SchemaState.objects.values_list("status", flat=True)) == {"current"}


def test_the_template_equals_what_django_itself_would_migrate(own_database):
    """Same statements as Django's executor, table by table."""
    ours = shape(TEMPLATE_SCHEMA)
    with scratch("stock"):
        migrator_run.migrate_public()
        with public(), connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {TEMPLATE_SCHEMA}")
        with use(TEMPLATE), public_write("test"):
            executor = MigrationExecutor(connection)
            executor.migrate(
                [key for key in executor.loader.graph.leaf_nodes() if key[0] in tenant_labels()]
            )
        migrated = canonical(shape(TEMPLATE_SCHEMA))
    assert len(ours) > 100
    assert canonical(ours) == migrated


def shape(schema):
    """Return the statements of a schema without the positions of its sequences."""
    plan = template.build(schema)
    return [statement for statement in plan.statements if statement not in plan.sequences]


def canonical(statements):
    """Return the statements as PostgreSQL prints them after one round trip."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA canonical")
        template.replay("canonical", statements)
        found = shape("canonical")
        transaction.set_rollback(True)
    return found


def test_permissions_are_those_of_tenant_applications_in_every_schema(own_database):
    counts = set()
    for info in registry.all_tenants():
        with use(info), connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.app_label, p.codename FROM auth_permission p"
                " JOIN django_content_type c ON c.id = p.content_type_id"
            )
            found = set(cursor.fetchall())
            labels = {label for label, _code in found}
            if info.kind == "school":
                cursor.execute("SELECT count(*) FROM auth_permission")
                counts.add(cursor.fetchone()[0])
        # A public application has no permission per model, only the rights that it declares.
        assert {row for row in found if row[0] in shared_labels()} == {
            (label, permission.code)
            for label, permissions in declared_permissions().items()
            for permission in permissions
            if label in shared_labels()
        }
        assert {"auth", "identity", "guardian"} <= labels
        real = {config.label for config in apps.get_app_configs()}
        assert labels <= real | set(declared_permissions())
    assert len(counts) == 1
