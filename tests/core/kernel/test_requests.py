"""First and last words of a request: address, id, policy, health, log lines."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from tremplin.kernel import health
from tremplin.kernel.addresses import client_address
from tremplin.kernel.current import current_tenant
from tremplin.kernel.logs import JsonFormatter, TenantFilter
from tremplin.kernel.middleware import (
    ClientAddressMiddleware,
    ContentSecurityPolicyMiddleware,
    extend_policy,
)
from tremplin.kernel.request_id import current_request_id


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", "6.6.6.6", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "garbage", "203.0.113.9"),
        ("10.0.0.1", "garbage, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.3, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9:51413", "203.0.113.9"),
        ("::1", "[2001:DB8::7]:443", "2001:db8::7"),
        ("::1", "[2001:db8::7]", "2001:db8::7"),
        ("::1", "2001:0db8:0000:0000:0000:0000:0000:0007", "2001:db8::7"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "6.6.6.6", "203.0.113.9"),
        ("fe80::7%eth0", "", "fe80::7"),
        ("10.0.0.1", " , ,203.0.113.9, ", "203.0.113.9"),
        ("", "6.6.6.6", ""),
    ],
)
def test_the_client_address_is_read_from_the_right(
    settings: Any, peer: str, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "::1"]
    assert client_address(peer, forwarded) == address


def _through(settings: Any, **meta: str) -> tuple[HttpResponse, dict[str, Any]]:
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    seen: dict[str, Any] = {}

    def view(request: Any) -> HttpResponse:
        seen.update(
            address=request.META["REMOTE_ADDR"],
            forwarded="HTTP_X_FORWARDED_FOR" in request.META,
            scheme=request.META.get("HTTP_X_FORWARDED_PROTO"),
            request_id=current_request_id.get(),
        )
        return HttpResponse()

    return ClientAddressMiddleware(view)(RequestFactory().get("/", **meta)), seen


def test_a_forged_header_is_deleted(settings: Any) -> None:
    response, seen = _through(
        settings,
        REMOTE_ADDR="203.0.113.9",
        HTTP_X_FORWARDED_FOR="6.6.6.6",
        HTTP_X_FORWARDED_PROTO="https",
    )
    assert (seen["address"], seen["forwarded"], seen["scheme"]) == ("203.0.113.9", False, None)
    assert response["X-Request-ID"] == seen["request_id"]
    assert len(seen["request_id"]) == 32
    assert current_request_id.get() == ""


@pytest.mark.parametrize(
    "forwarded",
    [
        "<script>",
        "unknown",
        "203.0.113.9:",
        "203.0.113.9:99999",
        "203.0.113.9:http",
        "[2001:db8::7",
        "[2001:db8::7]443",
        "[2001:db8::7]:",
        "203.0.113",
        "203.0.113.9/32",
        "6.6.6.6, 203.0.113.256",
        "2001:db8::7::1",
    ],
)
def test_a_trusted_proxy_that_forwards_nonsense_is_refused(settings: Any, forwarded: str) -> None:
    response, seen = _through(settings, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert (response.status_code, seen) == (400, {})


def test_a_peer_that_is_no_address_is_refused(settings: Any) -> None:
    response, seen = _through(settings, REMOTE_ADDR="somewhere")
    assert (response.status_code, seen) == (400, {})


def test_a_stream_sees_the_client_behind_the_proxy(settings: Any) -> None:
    from tremplin.kernel.realtime.endpoint import Denied, Endpoint
    from tremplin.kernel.realtime.hub import Limits

    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    endpoint = Endpoint(type("Hub", (), {"limits": Limits()})(), lambda asked: None)  # type: ignore[arg-type]

    def asked(peer: str, *forwarded: bytes) -> str:
        from tremplin.kernel.realtime import endpoint as module

        scope = {
            "method": "GET",
            "path": "/_rt/",
            "query_string": b"t=space",
            "client": (peer, 1),
            "headers": [(b"x-forwarded-for", value) for value in forwarded],
        }
        return endpoint._asked(scope, module._headers(scope))[0].address

    assert asked("203.0.113.9", b"6.6.6.6") == "203.0.113.9"
    assert asked("10.0.0.1", b"6.6.6.6", b"203.0.113.9") == "203.0.113.9"
    with pytest.raises(Denied, match="bad_address"):
        asked("10.0.0.1", b"<script>")


def test_a_trusted_proxy_says_the_scheme(settings: Any) -> None:
    _response, seen = _through(
        settings,
        REMOTE_ADDR="10.0.0.1",
        HTTP_X_FORWARDED_FOR="203.0.113.9",
        HTTP_X_FORWARDED_PROTO="https",
    )
    assert (seen["address"], seen["scheme"]) == ("203.0.113.9", "https")


@pytest.mark.parametrize("value", ["short", "x" * 37, "new\nline-injected", "<script>alert"])
def test_a_strange_request_id_is_replaced(settings: Any, value: str) -> None:
    response, _seen = _through(settings, HTTP_X_REQUEST_ID=value)
    assert response["X-Request-ID"] != value
    assert len(response["X-Request-ID"]) == 32


def test_the_policy_allows_nothing_inline_and_a_view_widens_its_own_answer() -> None:
    def view(request: Any) -> HttpResponse:
        response = HttpResponse()
        if request.path == "/lms":
            extend_policy(response, frame_ancestors=["https://lms.example"])
        return response

    middleware = ContentSecurityPolicyMiddleware(view)
    plain = middleware(RequestFactory().get("/"))
    wide = middleware(RequestFactory().get("/lms"))
    policy = dict(
        part.strip().split(" ", 1) for part in plain["Content-Security-Policy"].split(";")
    )
    assert policy == {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "media-src": "'self' blob:",
        "worker-src": "'self'",
        "manifest-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    widened = plain["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", "frame-ancestors https://lms.example"
    )
    assert sorted(wide["Content-Security-Policy"].split("; ")) == sorted(widened.split("; "))
    assert plain["X-Content-Type-Options"] == "nosniff"
    assert plain["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert plain["Permissions-Policy"].startswith("camera=(), geolocation=(), microphone=()")


@pytest.mark.django_db
def test_health_answers_for_any_host_before_tenancy() -> None:
    client = Client(headers={"host": "nobody.example"})
    live = client.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert live["Cache-Control"] == "no-store"
    assert client.get("/health/other").status_code == 404
    ready = client.get("/health/ready")
    checks = ready.json()["checks"]
    assert {"database", "migrations", "broker", "plugins", "processes"} <= set(checks)
    assert checks["database"] == {"status": "ok", "detail": ""}
    assert checks["migrations"] == {"status": "ok", "detail": ""}


@pytest.mark.django_db
def test_a_failing_check_makes_the_process_not_ready_and_says_no_detail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> health.CheckResult:
        raise ConnectionError("password=hunter2")

    monkeypatch.setattr(health, "_checks", {"store": broken})
    answer = Client(headers={"host": "x"}).get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "failed",
        "checks": {"store": {"status": "failed", "detail": "ConnectionError"}},
    }


@pytest.mark.django_db
def test_a_process_with_other_plugins_is_named() -> None:
    from django.utils import timezone

    from tremplin.api import services
    from tremplin.kernel.state.models import ProcessReport

    health.announce("web")
    assert health.check_processes() == health.CheckResult("ok")
    with services.tenancy().public_write("test"):
        ProcessReport.objects.create(
            role="worker", name="worker@x:1", registry_hash="other", seen_at=timezone.now()
        )
    assert health.check_processes() == health.CheckResult(
        "warning", "other plugins loaded in: worker"
    )
    health.announce("web")
    assert ProcessReport.objects.filter(role="web").count() == 1


@pytest.mark.django_db
def test_a_probe_announces_the_web_process_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    announced: list[str] = []
    moment = [100.0]
    monkeypatch.setattr(health, "_checks", {})
    monkeypatch.setattr(health, "announce", announced.append)
    monkeypatch.setattr(health.time, "monotonic", lambda: moment[0])
    middleware = health.HealthMiddleware(lambda request: HttpResponse())
    for passed in (0.0, 59.0, 2.0):
        moment[0] += passed
        assert middleware(RequestFactory().get("/health/ready")).status_code == 200
    assert announced == ["web", "web"]
    assert middleware(RequestFactory().get("/other/")).content == b""


def test_a_log_line_names_the_space_and_no_person(plain_tenant: Any) -> None:
    record = logging.LogRecord(
        "tremplin.x", logging.WARNING, __file__, 1, "mail to %s failed", ("ada@example.org",), None
    )
    record.user = "ada"
    token = current_tenant.set(plain_tenant)
    try:
        assert TenantFilter().filter(record) is True
    finally:
        current_tenant.reset(token)
    line = json.loads(JsonFormatter().format(record))
    assert (line["tenant"], line["level"], line["logger"], line["message"]) == (
        "plain",
        "WARNING",
        "tremplin.x",
        "mail to [address] failed",
    )
    assert "user" not in line


def test_an_address_in_an_exception_is_masked() -> None:
    import sys

    try:
        raise ValueError("ada@example.org is taken")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    TenantFilter().filter(record)
    line = json.loads(JsonFormatter().format(record))
    assert "ada@" not in line["exc_info"]
    assert "[address] is taken" in line["exc_info"]
