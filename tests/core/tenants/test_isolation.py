"""Who is served what: hosts, statuses, cache, files, search path, budget, threads."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, ProgrammingError, connection, connections, transaction
from django.db.backends.postgresql.psycopg_any import is_psycopg3
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from django.utils import timezone

from tenants import checks, domains, lifecycle, registry
from tenants.context import public, public_write, use
from tenants.db import base
from tenants.errors import (
    DomainNotVerified,
    HostTaken,
    InvalidHost,
    PublicWriteRefused,
)
from tenants.middleware import TenancyMiddleware
from tenants.models import Domain, SchemaState, Tenant
from tremplin.kernel.current import NoTenant, current_tenant


def served(host, view=None, path="/", **headers):
    """Send a request through the middleware alone and return the response."""
    request = RequestFactory().get(path, headers={"host": host, **headers})
    return TenancyMiddleware(view or (lambda request: HttpResponse(request.tenant.slug)))(request)


def schema():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return cursor.fetchone()[0]


# --- hosts and statuses -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "lycee.localhost",
        "LYCEE.localhost",
        "lycee.localhost:8443",
        "lycee.localhost.",
        "Lycee.LocalHost.:80",
    ],
)
def test_variants_of_a_host_reach_the_same_space(db, host):
    assert served(host).content == b"lycee"


@pytest.mark.parametrize(
    "host",
    [
        "nobody.localhost",
        "localhost",
        "[::1]",
        "[::1]:80",
        "127.0.0.1",
        "a b",
        "",
        "lycee",
        "www.lycee.localhost",
        "x" * 300,
    ],
)
def test_unknown_hosts_get_404_without_tenant_data(db, host):
    answer = served(host)
    assert answer.status_code == 404
    assert b"lycee" not in answer.content.lower()


def test_punycode_host(db, tenant_a):
    with public_write("test"):
        Domain.objects.create(
            tenant_id=tenant_a.pk, domain="École.example", verified_at=timezone.now()
        )
    registry.invalidate()
    assert served("xn--cole-9oa.example").content == b"mecaformation"


def test_a_custom_host_is_served_only_once_verified(db, tenant_a):
    domain = domains.add(tenant_a, "campus.mecaformation.example")
    registry.invalidate()
    assert served("campus.mecaformation.example").status_code == 404
    proof = f"/.well-known/tremplin-domain/{domain.uuid}"
    assert served("campus.mecaformation.example", path=proof).content.decode() == (
        domain.verification_token
    )
    assert served("other.example", path=proof).status_code == 404
    with pytest.raises(DomainNotVerified):
        domains.make_primary(domain)
    with pytest.raises(HostTaken):
        domains.add(tenant_a, "Campus.mecaformation.example.")
    for wrong in ("x.localhost", "10.0.0.1", "nodot", "tremplin.localhost", "http://a.example"):
        with pytest.raises(InvalidHost):
            domains.add(tenant_a, wrong)


def test_the_proof_is_asked_from_the_host_itself(own_database):
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    tenant = registry.by_slug("mecaformation")
    domain = domains.add(tenant, "campus.mecaformation.example")
    said = {"text": "something else"}

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args):
            """Say nothing."""

    def answer(environ, start):
        assert environ["HTTP_HOST"] == "campus.mecaformation.example"
        start("200 OK", [("Content-Type", "text/plain")])
        return [said["text"].encode()]

    with make_server("127.0.0.1", 0, answer, handler_class=Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(DomainNotVerified, match="another site answered"):
            domains.verify(domain, address=address)
        said["text"] = domain.verification_token
        domains.verify(domain, address=address)
        server.shutdown()
    with pytest.raises(DomainNotVerified):
        domains.verify(domain, address="http://127.0.0.1:1")
    domains.make_primary(domain)
    info = registry.by_host("campus.mecaformation.example")
    assert (info.slug, info.primary_host) == ("mecaformation", "campus.mecaformation.example")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("provisioning", 503),
        ("active", 200),
        ("suspended", 503),
        ("maintenance", 503),
        ("archived", 404),
        ("deleting", 404),
        ("failed", 503),
    ],
)
def test_each_status_has_its_answer(db, tenant_a, status, code):
    with public_write("test"):
        Tenant.objects.filter(pk=tenant_a.pk).update(status=status)
    registry.invalidate()
    answer = served(tenant_a.primary_host)
    assert answer.status_code == code
    assert ("Retry-After" in answer.headers) is (code == 503)
    if code == 404:
        assert "MécaFormation" not in answer.content.decode()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/", 503),
        ("/app/", 503),
        ("/console/", 503),
        ("/api/v1/me", 503),
        ("/accounts/signup/", 503),
        ("/accounts/login/", 200),
        ("/accounts/logout/", 200),
        ("/console/export/", 200),
    ],
)
def test_a_suspended_space_serves_signing_in_and_the_export(db, tenant_a, path, code):
    lifecycle.suspend(tenant_a, "unpaid")
    answer = served(tenant_a.primary_host, path=path)
    assert answer.status_code == code
    if code == 503:
        assert 'href="/accounts/login/"' in answer.content.decode()
        assert 'href="/console/export/"' in answer.content.decode()


def test_the_suspended_page_speaks_the_language_of_the_reader(db, tenant_a):
    lifecycle.suspend(tenant_a, "unpaid")
    french = served(tenant_a.primary_host, **{"accept-language": "fr-FR,fr;q=0.9"})
    english = served(tenant_a.primary_host, **{"accept-language": "en"})
    assert "<title>Espace suspendu" in french.content.decode()
    assert "<title>Space suspended" in english.content.decode()


def test_a_schema_of_another_release_is_not_served(db, tenant_a):
    with public_write("test"):
        SchemaState.objects.filter(schema_name=tenant_a.schema_name).update(fingerprint="old")
    registry.invalidate()
    assert served(tenant_a.primary_host).status_code == 503


def test_a_database_that_is_not_set_up_answers_503(own_database):
    from tenants.databases import scratch

    with scratch("empty"):
        assert served("lycee.localhost").status_code == 503


def test_pool_exhausted_answers_503(db, tenant_a):
    from django.db import OperationalError
    from psycopg_pool import PoolTimeout

    error = OperationalError("no connection")
    error.__cause__ = PoolTimeout("no connection")
    middleware = TenancyMiddleware(lambda request: HttpResponse())
    request = RequestFactory().get("/", headers={"host": tenant_a.primary_host})
    assert middleware.process_exception(request, error).status_code == 503
    assert middleware.process_exception(request, OperationalError("other")) is None


# --- the current tenant -------------------------------------------------------------------------


def test_the_search_path_follows_the_context(db, tenant_a, tenant_b):
    assert schema() == "public"
    with use(tenant_a):
        assert schema() == tenant_a.schema_name
        with use(tenant_b):
            assert schema() == tenant_b.schema_name
            with public():
                assert schema() == "public"
            assert schema() == tenant_b.schema_name
        assert schema() == tenant_a.schema_name
    assert schema() == "public"


def test_outside_any_tenant_a_tenant_table_does_not_exist(db):
    from tremplin.identity.models import User

    with pytest.raises(ProgrammingError), transaction.atomic():
        User.objects.count()


def test_rollbacks_keep_the_right_schema(db, tenant_a, tenant_b):
    with use(tenant_a), pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        assert schema() == tenant_a.schema_name
        raise ZeroDivisionError
    assert schema() == "public"
    with use(tenant_b):
        assert schema() == tenant_b.schema_name
        with pytest.raises(DatabaseError), transaction.atomic(), use(tenant_a):  # noqa: PT012
            assert schema() == tenant_a.schema_name
            with connection.cursor() as cursor:
                cursor.execute("SELECT broken")
        assert schema() == tenant_b.schema_name
        point = transaction.savepoint()
        with use(tenant_a):
            assert schema() == tenant_a.schema_name
        transaction.savepoint_rollback(point)
        assert schema() == tenant_b.schema_name


def test_a_pinned_schema_hides_public(db, tenant_a):
    with connection.pinned(tenant_a.schema_name):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM tenants_tenant")
        assert schema() == tenant_a.schema_name
    assert schema() == "public"


def test_streams_run_inside_their_space(db, tenant_a, tenant_b):
    def stream():
        for _ in range(3):
            yield f"{schema()} {current_tenant.get().slug}\n".encode()

    first = served(tenant_a.primary_host, lambda request: StreamingHttpResponse(stream()))
    second = served(tenant_b.primary_host, lambda request: StreamingHttpResponse(stream()))
    pairs = list(zip(first.streaming_content, second.streaming_content, strict=True))
    assert (
        pairs
        == [
            (
                f"{tenant_a.schema_name} mecaformation\n".encode(),
                f"{tenant_b.schema_name} lycee\n".encode(),
            )
        ]
        * 3
    )
    assert current_tenant.get() is None


def test_a_stream_that_fails_or_is_left_closes_inside_its_space(db, tenant_a):
    closed = []

    def stream():
        try:
            yield b"one"
            raise ZeroDivisionError
        finally:
            closed.append(current_tenant.get().slug)

    answer = served(tenant_a.primary_host, lambda request: StreamingHttpResponse(stream()))
    chunks = iter(answer.streaming_content)
    assert next(chunks) == b"one"
    with pytest.raises(ZeroDivisionError):
        next(chunks)
    answer = served(tenant_a.primary_host, lambda request: StreamingHttpResponse(stream()))
    next(iter(answer.streaming_content))
    answer.close()  # what the server does when the reader leaves
    assert closed == ["mecaformation", "mecaformation"]
    assert current_tenant.get() is None


def test_an_error_in_a_view_leaves_no_tenant(db, tenant_a):
    def view(request):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        served(tenant_a.primary_host, view)
    assert current_tenant.get() is None


def test_threads_are_served_their_own_space(own_database):
    names = {info.primary_host: info.schema_name for info in registry.active()}
    hosts = [*names] * 60

    def view(request):
        one = schema()
        try:
            with transaction.atomic():
                cache.set("k", request.tenant.slug, 60)
                if len(request.path) % 3 == 0:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            cache.set("k", request.tenant.slug, 60)
        return HttpResponse(f"{one} {schema()} {cache.get('k')}")

    def ask(item):
        number, host = item
        try:
            return host, served(host, view, path="/" + "x" * (number % 7)).content.decode()
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, enumerate(hosts)))
    wrong = [
        (host, text)
        for host, text in answers
        if text != f"{names[host]} {names[host]} {registry.by_host(host).slug}"
    ]
    assert (len(answers), wrong) == (420, [])


def test_a_hand_made_thread_sees_no_tenant(db, tenant_a):
    seen = []
    with use(tenant_a):
        thread = threading.Thread(target=lambda: seen.append(current_tenant.get()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_code_for_django_tenants_maps_to_the_context(db, tenant_a):
    token = current_tenant.set(None)
    try:
        connection.set_tenant(tenant_a)
        assert current_tenant.get() == tenant_a
        connection.set_schema(registry.by_slug("lycee").schema_name)
        assert current_tenant.get().slug == "lycee"
        with pytest.raises(DatabaseError, match="no tenant owns"):
            connection.set_schema("t_unknown")
        connection.set_schema_to_public()
        assert current_tenant.get() is None
    finally:
        current_tenant.reset(token)
    assert is_psycopg3


# --- cache, files, writes -----------------------------------------------------------------------


def test_cache_keys_belong_to_the_space(db, tenant_a, tenant_b):
    with use(tenant_a):
        cache.set("k", "a", 60)
        assert cache.make_key("k") == f"{tenant_a.uuid}::1:k"
    with use(tenant_b):
        assert cache.get("k") is None
    assert cache.get("k") is None
    assert cache.make_key("k") == "public::1:k"


def test_files_live_under_the_uuid_of_the_space(db, tenant_a, tenant_b, settings):
    with use(tenant_a):
        name = default_storage.save("x/y.txt", ContentFile(b"a"))
        assert name == "x/y.txt"
        assert default_storage.path(name) == f"{settings.MEDIA_ROOT}/{tenant_a.uuid}/x/y.txt"
    with use(tenant_b):
        assert default_storage.exists("x/y.txt") is False
        from django.core.exceptions import SuspiciousFileOperation

        with pytest.raises(SuspiciousFileOperation):
            default_storage.open(f"../{tenant_a.uuid}/x/y.txt")
    with pytest.raises(NoTenant):
        default_storage.exists("x/y.txt")
    with use(tenant_a):
        default_storage.delete("x/y.txt")


def test_shared_rows_are_written_on_purpose_only(db, tenant_a):
    row = Tenant.objects.get(pk=tenant_a.pk)
    with pytest.raises(PublicWriteRefused, match="tenants.Tenant"):
        row.save()
    with pytest.raises(PublicWriteRefused):
        Tenant.objects.filter(pk=row.pk).update(name="x")
    with use(tenant_a), pytest.raises(PublicWriteRefused):
        Domain.objects.create(tenant=row, domain="x.example")
    with public_write("test"):
        row.save()
    with pytest.raises(ValueError, match="reason"), public_write(""):
        pass


# --- freshness and budget -----------------------------------------------------------------------

CHILD = """
import sys, time
import django
django.setup()
from tenants import registry
print(registry.by_slug("lycee").status, flush=True)
end = time.monotonic() + 10
while registry.by_slug("lycee").status == "active" and time.monotonic() < end:
    time.sleep(0.05)
print(registry.by_slug("lycee").status, flush=True)
"""


def test_a_suspension_is_seen_by_another_process_within_three_seconds(own_database):
    import os
    from pathlib import Path

    root = Path(__file__).resolve().parents[3]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        env={
            **os.environ,
            "DATABASE_URL": own_database,
            "PYTHONPATH": f"{root}:{root / 'platform'}",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "active\n"
    begin = time.monotonic()
    lifecycle.suspend(registry.by_slug("lycee"), "unpaid")
    assert child.stdout.readline() == "suspended\n"
    assert time.monotonic() - begin < 3
    child.wait(10)


def test_a_rolled_back_change_does_not_advance_the_epoch(own_database):
    before = registry.epoch()
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        registry.bump_epoch()
        raise ZeroDivisionError
    registry.invalidate()
    assert registry.epoch() == before
    registry.bump_epoch()
    assert registry.epoch() == before + 1


def test_absence_is_remembered_and_forgotten(db, django_assert_num_queries):
    served("nobody.localhost")
    with django_assert_num_queries(0):
        assert served("nobody.localhost").status_code == 404
    registry.invalidate()
    with connection.execute_wrapper(lambda run, *rest: run(*rest)):
        assert served("nobody.localhost").status_code == 404


def test_a_warm_space_costs_no_registry_query_and_one_set(db, tenant_a, tenant_b):
    from django.test.utils import CaptureQueriesContext

    def view(request):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return HttpResponse()

    served(tenant_a.primary_host)
    served(tenant_b.primary_host)
    with CaptureQueriesContext(
        connection,
    ) as seen:
        served(tenant_a.primary_host)
    assert [query["sql"] for query in seen] == []
    with CaptureQueriesContext(connection) as seen:
        served(tenant_a.primary_host, view)
    assert [query["sql"] for query in seen] == [
        f'SET search_path = "{tenant_a.schema_name}", "public"',
        "SELECT 1",
    ]


def test_a_connection_above_the_schema_budget_is_replaced(own_database, monkeypatch):
    monkeypatch.setattr(base.DatabaseWrapper, "schema_budget", 3)
    pids = []
    infos = registry.active()
    connection.close()
    for info in [*infos[:2], *infos[:4], infos[0]]:
        with use(info), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pids.append(cursor.fetchone()[0])
    raw = connection.connection
    # The registry may read itself again meanwhile, in the public schema.
    assert base._touched[raw] - {"public"} == {info.schema_name for info in infos[:4]}
    connection.close()
    assert raw.closed is True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone()[0] not in pids


# --- checks -------------------------------------------------------------------------------------


def test_the_settings_of_the_product_pass_the_checks(db):
    found = [message for check in checks.ALL for message in check(None)]
    assert found == []


def test_async_views_are_refused(settings, tmp_path, monkeypatch):
    (tmp_path / "async_urls.py").write_text(
        "from django.urls import include, path\n"
        "from django.views import View\n"
        "async def one(request): ...\n"
        "def two(request): ...\n"
        "class Three(View):\n"
        "    async def get(self, request): ...\n"
        "urlpatterns = [path('a/', include([path('one/', one), path('two/', two)])),\n"
        "               path('three/', Three.as_view())]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.ROOT_URLCONF = "async_urls"
    assert [message.msg for message in checks.no_async_view(None)] == [
        "The view of “a/one/” is asynchronous.",
        "The view of “three/” is asynchronous.",
    ]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("SESSION_COOKIE_DOMAIN", ".example", "tenants.E005"),
        ("STORAGES", {"default": {"BACKEND": "x"}}, "tenants.E004"),
        ("ANONYMOUS_USER_NAME", "anonymous", "tenants.E008"),
    ],
)
def test_unsafe_settings_are_refused(settings, name, value, code):
    setattr(settings, name, value)
    assert [message.id for message in checks.isolation_settings(None)] == [code]


def test_demo_settings_are_refused_in_production(db):
    ids = [message.id for message in checks.production_settings(None)]
    assert ids == ["tenants.E020", "tenants.E021", "tenants.E023", "tenants.E024"]
    assert checks.production_database(None) == []
