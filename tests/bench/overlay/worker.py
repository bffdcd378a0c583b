"""One measured action in a process of its own; prints one JSON line.

``python -m tests.bench.overlay.worker ACTION [ARGUMENT …]`` with the settings, the database and
the extra packages in the environment.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django

ACTIONS: dict[str, Callable[..., Any]] = {}


def action(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make ``function`` callable by its name."""
    ACTIONS[function.__name__] = function
    return function


def timed(function: Callable[[], Any]) -> float:
    """Return the seconds that ``function`` took."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


# --- ours ---------------------------------------------------------------------------------------


def new(slug: str) -> Any:
    from tenants.provisioning import NewTenant

    return NewTenant("Measured", slug, "school", f"billing@{slug}.example")


@action
def prepare() -> dict[str, float]:
    """Migrate the empty database, and let the stock command see the fleet as migrated.

    The stock command expects every migration of every application in every schema: the names of
    the shared ones are added to the template, from which the fleet is copied.
    """
    from django.db import connection

    from tenants.migrator import migrate_all

    seconds = timed(migrate_all)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenant_template.django_migrations (app, name, applied)"
            " SELECT app, name, applied FROM public.django_migrations p WHERE NOT EXISTS"
            " (SELECT FROM tenant_template.django_migrations t WHERE (t.app, t.name) = (p.app, p.name))"
        )
        cursor.execute(
            "INSERT INTO public.django_migrations (app, name, applied)"
            " SELECT app, name, applied FROM tenant_template.django_migrations t WHERE NOT EXISTS"
            " (SELECT FROM public.django_migrations p WHERE (t.app, t.name) = (p.app, p.name))"
        )
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'tenant_template'")
        tables = cursor.fetchone()[0]
    return {"seconds": seconds, "tables": tables}


@action
def create(prefix: str, count: str) -> list[float]:
    """Create spaces one after the other; return the seconds of each."""
    from tenants import provisioning

    return [
        timed(lambda number=number: provisioning.create(new(f"{prefix}{number}")))  # type: ignore[misc]
        for number in range(int(count))
    ]


@action
def create_at_once(prefix: str, count: str) -> dict[str, float]:
    """Create spaces from threads started together; return the seconds until the last."""
    from django.db import connections

    from tenants import provisioning

    def one(number: int) -> float:
        try:
            return timed(lambda: provisioning.create(new(f"{prefix}{number}")))
        finally:
            connections.close_all()

    begin = time.perf_counter()
    with ThreadPoolExecutor(int(count)) as pool:
        each = list(pool.map(one, range(int(count))))
    return {"total": time.perf_counter() - begin, "slowest": max(each)}


@action
def migrate() -> dict[str, float]:
    """Run our migrator over the fleet."""
    from tenants.migrator import migrate_all

    begin = time.perf_counter()
    result = migrate_all()
    if result.failed:
        raise SystemExit(f"not migrated: {result.failed}")
    return {
        "seconds": time.perf_counter() - begin,
        "migrated": len(result.migrated),
        "unchanged": result.unchanged,
    }


@action
def memory(budget: str) -> list[tuple[int, float]]:
    """Visit every schema on one pooled connection at a time; return (schemas, MB of the server).

    The schemas are visited as requests visit them: the connection goes back to the pool after
    each. ``budget`` is the number of schemas a connection may see before it is replaced.
    """
    import psutil
    from django.db import connection

    from tenants import registry
    from tenants.context import use
    from tenants.db import base

    base.DatabaseWrapper.schema_budget = int(budget)
    seen = []
    infos = registry.active()
    with use(infos[0]):
        tables = [name for name in connection.introspection.table_names() if name.islower()]
    connection.close()
    for number, info in enumerate(infos, 1):
        with use(info), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
            for table in tables:
                cursor.execute(f'SELECT * FROM "{table}" WHERE false')
        process = psutil.Process(pid)
        seen.append((number, private_memory(process)))
        connection.close()
    return seen


def private_memory(process: Any) -> float:
    """Return the memory of a server process that nobody shares, in MB."""
    try:
        return float(process.memory_full_info().uss) / 1e6
    except PermissionError:
        usage = process.memory_info()
        return float(usage.rss - getattr(usage, "shared", 0)) / 1e6


# --- stock --------------------------------------------------------------------------------------


@action
def stock_create(prefix: str, count: str) -> list[float]:
    """Create spaces the way of django-tenants: a row, a schema, every migration."""
    from tenants.models import Tenant

    found = []
    for number in range(int(count)):
        slug = f"{prefix}{number}"
        tenant = Tenant(
            slug=slug,
            name="Measured",
            kind="school",
            email=f"billing@{slug}.example",
            schema_name=f"t_{slug}_stock",
            status="failed",
        )

        def make(tenant: Tenant = tenant) -> None:
            tenant.save()
            tenant.create_schema(check_if_exists=True, verbosity=0)

        found.append(timed(make))
    return found


@action
def stock_at_once(prefix: str, count: str) -> dict[str, float]:
    """Create spaces in processes started together, as threads share the migration state."""
    import subprocess

    begin = time.perf_counter()
    children = [
        subprocess.Popen(
            [sys.executable, "-m", __spec__.name, "stock_create", f"{prefix}{number}x", "1"],
            stdout=subprocess.DEVNULL,
        )
        for number in range(int(count))
    ]
    codes = [child.wait() for child in children]
    return {"total": time.perf_counter() - begin, "failed": sum(code != 0 for code in codes)}


@action
def stock_drop() -> int:
    """Remove what ``stock_create`` made, so that both fleets are the same."""
    from django.db import connection

    from tenants.models import Tenant

    connection.set_schema_to_public()
    rows = list(Tenant.objects.filter(schema_name__endswith="_stock"))
    for row in rows:
        with connection.cursor() as cursor:
            cursor.execute(f'DROP SCHEMA IF EXISTS "{row.schema_name}" CASCADE')
    Tenant.objects.filter(schema_name__endswith="_stock").delete()
    return len(rows)


@action
def stock_migrate() -> dict[str, float]:
    """Run the stock command over the tenants, with its standard executor."""
    from django.core.management import call_command

    seconds = timed(
        lambda: call_command(
            "migrate_schemas", tenant=True, interactive=False, verbosity=0, stdout=io.StringIO()
        )
    )
    return {"seconds": seconds}


# --- requests -----------------------------------------------------------------------------------


@action
def requests(hosts: str, numbers: str, rounds: str) -> dict[str, Any]:
    """Serve in-process requests round-robin over ``hosts``; median milliseconds by query count."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connection
    from django.test.utils import override_settings

    # Tenancy alone stands in front of the views: the rest costs the same on every side.
    with override_settings(MIDDLEWARE=[name for name in settings.MIDDLEWARE if "enan" in name]):
        application = WSGIHandler()
    names = hosts.split(",")

    def ask(host: str, number: int) -> None:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": f"/{number}/",
            "SCRIPT_NAME": "",
            "SERVER_NAME": host,
            "SERVER_PORT": "80",
            "HTTP_HOST": host,
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
        }
        status: list[str] = []
        answer = application(environ, lambda line, headers: status.append(line))
        list(answer)
        answer.close()
        if status != ["200 OK"]:
            raise SystemExit(f"{host} answered {status}")

    found: dict[str, Any] = {}
    wanted = [int(number) for number in numbers.split(",")]
    for host in names:
        ask(host, 1)
    times: dict[int, list[float]] = {number: [] for number in wanted}
    for turn in range(int(rounds)):
        for number in wanted:
            host = names[turn % len(names)]
            begin = time.perf_counter()
            ask(host, number)
            times[number].append(time.perf_counter() - begin)
    for number in wanted:
        found[str(number)] = statistics.median(times[number]) * 1000

    statements: list[str] = []

    def listen(run: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return run(sql, *rest)

    for number in wanted:
        ask(names[0], number)
        statements.clear()
        with connection.execute_wrapper(listen):
            ask(names[0], number)
        found[f"sets {number}"] = sum(sql.startswith("SET ") for sql in statements)
        found[f"registry {number}"] = sum("tenants_" in sql for sql in statements)
    return found


@action
def product(slugs: str) -> list[str]:
    """Prepare the product's own database with spaces; return their hosts."""
    from tenants import provisioning, setup

    setup.ensure_database(lambda message: None)
    return [provisioning.create(new(slug)).primary_host for slug in slugs.split(",")]


if __name__ == "__main__":
    django.setup()
    result = ACTIONS[sys.argv[1]](*sys.argv[2:])
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)
