"""The database of the tests: one server per run, one database per process, one space per name.

Lives at the root because the tests of modules (``plugins/*/tests``) need it as well. Nothing here
imports Django before ``pytest_configure`` has chosen the mode, the server and the data folder.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

ROOT = Path(__file__).resolve().parent
for _entry in (str(ROOT), str(ROOT / "platform")):
    if _entry not in sys.path:
        sys.path.insert(0, _entry)

# (slug, kind, name): ids and uuids are the same in every database of a run.
SPACES = (
    ("hq", "hq", "Tremplin"),
    ("mecaformation", "school", "MécaFormation Lyon"),
    ("lycee", "school", "Lycée des Métiers"),
    ("volteo", "company", "Voltéo Énergie"),
    ("atelier", "company", "Atelier Nord"),
    ("passerelle", "reseller", "Passerelle Conseil"),
    ("autre", "reseller", "Autre Réseau"),
)
FOLDER = "_TREMPLIN_TESTS_FOLDER"  # handed to the workers; no setting of the product
ENDED = contextlib.ExitStack()

pytest_plugins = ["tremplin.testing.fixtures"]

# Distributions of their own: "manage.py plugin check" runs their tests.
collect_ignore = ["plugins/_template", "examples"]


def pytest_configure(config: pytest.Config) -> None:
    """Choose the mode, the data folder and the server before any setting is read."""
    os.environ["TREMPLIN_MODE"] = "test"
    # The browser's driver keeps an event loop running on this thread; nothing of ours is async.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    os.environ.pop("TREMPLIN_EMBEDDED_DIR", None)
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    if not worker:
        from tenants.scratch_folder import scratch_folder

        folder = ENDED.enter_context(scratch_folder("tremplin-tests"))
        os.environ[FOLDER] = str(folder)
        if not config.option.collectonly:
            _start_server(folder / "postgres")
        config.add_cleanup(ENDED.close)
    data = Path(os.environ[FOLDER]) / (worker or "main")
    data.mkdir(exist_ok=True)
    os.environ["TREMPLIN_DATA_DIR"] = str(data)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tremplin.config.settings")
    import django
    from django.conf import settings

    django.setup()
    if data != settings.DATA_DIR:
        raise pytest.UsageError(
            "The settings were read before the tests chose their data folder: run them through "
            "manage.py test, or without DJANGO_SETTINGS_MODULE in the environment."
        )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let each process choose its own data folder before it reads the settings.

    With the settings named in what a process inherits, they are read before its own
    ``pytest_configure``: the processes would share files and secrets.
    """
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares something costly, and end with the browser.

    With several processes, the tests that share a fixture of their module run in one of them, and
    all that use the browser in one too. The browser's driver keeps an event loop running on the
    thread until the session ends, which no other test may find.
    """
    for item in items:
        fixtures = item._fixtureinfo.name2fixturedefs.values()  # type: ignore[attr-defined]
        if _uses_browser(item):
            item.add_marker(pytest.mark.xdist_group("browser"))
        elif any(found[-1].scope in {"module", "package"} for found in fixtures):
            item.add_marker(pytest.mark.xdist_group(os.path.relpath(item.path, ROOT)))
    items.sort(key=_uses_browser)


def _uses_browser(item: pytest.Item) -> bool:
    return "playwright" in item.fixturenames  # type: ignore[attr-defined]


def _start_server(folder: Path) -> None:
    """Use the server of ``DATABASE_URL``, else start a private one for the length of the run."""
    if not os.environ.get("DATABASE_URL"):
        from tenants.embedded import server

        running = ENDED.enter_context(server(folder, durable=False))
        os.environ["DATABASE_URL"] = running.url
        ENDED.callback(os.environ.pop, "DATABASE_URL", None)
    ENDED.callback(_drop_base)


def _run() -> str:
    return Path(os.environ[FOLDER]).name.removeprefix("tremplin-tests-").lower()


def _base() -> str:
    """Return the name of the database that every process of the run copies."""
    return f"tremplin_tests_{_run()}"


def _drop_base() -> None:
    import psycopg
    from psycopg import sql

    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw,
    ):
        raw.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(_base()))
        )


def _build_base() -> None:
    """Make the base database once per run: tables from the snapshot, then the spaces."""
    from tenants import databases, provisioning, setup
    from tenants.locks import key

    with databases.administration() as raw:
        raw.execute("SELECT pg_advisory_lock(%s)", [key("tests")])
        if raw.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_base()]).fetchone():
            return
        building = f"{_base()}_new"
        databases.drop(building)
        databases.create(building)
        former = databases.point_at(building)
        try:
            setup.ensure_database(lambda message: None)
            for slug, kind, name in SPACES:
                provisioning.create(
                    provisioning.NewTenant(
                        name=name,
                        slug=slug,
                        kind=kind,
                        email=f"billing@{slug}.example",
                        options={
                            "owner": {
                                "email": f"owner@{slug}.example",
                                "password_hash": None,
                                "first_name": "Owner",
                                "last_name": name,
                            }
                        },
                    )
                )
            _forget_jobs()
        finally:
            databases.point_at(former)
        databases.rename(building, _base())


def _forget_jobs() -> None:
    """Leave no work behind the creation of the spaces: a copy with a worker must start idle."""
    from django.db import connection

    from tenants.context import public, public_write
    from tremplin.kernel.state.models import JobStatus

    with public(), public_write("tests"), connection.cursor() as cursor:
        JobStatus.objects.all().delete()
        cursor.execute("SELECT pgmq.purge_queue(queue_name) FROM pgmq.list_queues()")


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_db_blocker: Any, worker_id: str
) -> Iterator[None]:
    """Give this process its own copy of the base database."""
    from tenants import databases

    with django_db_blocker.unblock():
        _build_base()
        name = f"{_base()}_{worker_id}"
        databases.create(name, template=_base())
        former = databases.point_at(name)
        try:
            yield
        finally:
            databases.point_at(former)
            databases.drop(name)


@pytest.fixture
def own_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """Give the test a database of its own where commits are real: threads, other processes.

    Yields the address of the database, for children.
    """
    from tenants import databases, setup

    with django_db_blocker.unblock(), databases.scratch("own", template=_base()):
        _forget()
        yield setup.url()


_ENVIRONMENT = ("TREMPLIN_", "DATABASE_URL", "PYTHONPATH", "DJANGO_")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_ENVIRONMENT)}


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    """Start from empty caches, and refuse a test that leaves a tenant behind.

    The environment is put back: the processes that later tests start inherit it.
    """
    from tremplin.kernel.current import current_tenant

    _forget()
    before = _environment()
    yield
    for name in _environment().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    left = current_tenant.get()
    if left is not None:
        current_tenant.set(None)
        pytest.fail(f"the test left the current tenant set to {left.slug}")


def _forget() -> None:
    from django.conf import settings
    from django.core.cache import caches
    from django.utils import translation

    from tenants import registry

    # A request leaves the reader's language on the thread, as in the real server.
    translation.activate(settings.LANGUAGE_CODE)
    registry.invalidate()
    for cache in caches.all(initialized_only=True):
        cache.clear()


@pytest.fixture
def quiet_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the registry nothing again for an hour: a slow machine counts the same queries."""
    from tenants import registry

    for name in ("EPOCH_SECONDS", "POSITIVE_SECONDS", "NEGATIVE_SECONDS"):
        monkeypatch.setattr(registry, name, 3600.0)


# --- spaces -------------------------------------------------------------------------------------


@pytest.fixture
def space(db: None) -> Callable[[str], TenantInfo]:
    """Return ``space(slug)``: one of the spaces of the base database."""
    from tenants import registry

    def find(slug: str) -> TenantInfo:
        found = registry.by_slug(slug)
        assert found is not None, slug
        return found

    return find


@pytest.fixture
def hq(space: Callable[[str], TenantInfo]) -> TenantInfo:
    """The operator's space."""
    return space("hq")


@pytest.fixture
def tenant_a(space: Callable[[str], TenantInfo]) -> TenantInfo:
    """A school."""
    return space("mecaformation")


@pytest.fixture
def tenant_b(space: Callable[[str], TenantInfo]) -> TenantInfo:
    """Another school."""
    return space("lycee")


@pytest.fixture
def inside() -> Callable[[TenantInfo], AbstractContextManager[None]]:
    """Return ``inside(tenant)``: a context manager that makes a space current."""
    from tenants.context import use

    return use


@pytest.fixture
def client_for() -> Callable[..., Client]:
    """Return ``client_for(tenant, person=None)``: a client of that space, signed in or not."""
    from django.test import Client

    from tenants.context import use

    def make(tenant: TenantInfo, person: Any = None, **defaults: Any) -> Client:
        client = Client(headers={"host": tenant.primary_host}, **defaults)
        if person is not None:
            with use(tenant):
                client.force_login(person, backend="tremplin.identity.backends.RoleBackend")
        return client

    return make
