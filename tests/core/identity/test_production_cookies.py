"""Cookies and headers with the settings of production, read from real answers in a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import json, django
django.setup()
from django.test import Client
from tenants import registry
from tenants.context import use
from tremplin.identity.models import User
tenant = registry.by_slug("mecaformation")
client = Client(headers={"host": tenant.primary_host})
first = client.get("/accounts/login/", secure=True)
with use(tenant):
    client.force_login(User.objects.first(), backend="tremplin.identity.backends.RoleBackend")
    client.cookies.clear()
plain = client.get("/accounts/login/")
session = client.post("/preferences/language/", {"language": "en"}, secure=True)
from django.conf import settings
print("RESULT" + json.dumps({
    "status": [first.status_code, plain.status_code],
    "csrf": first.cookies[settings.CSRF_COOKIE_NAME].OutputString(),
    "cookies": sorted(first.cookies),
    "language": session.cookies["language"].OutputString(),
    "session_name": settings.SESSION_COOKIE_NAME,
    "session": [settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY,
                settings.SESSION_COOKIE_SAMESITE, settings.SESSION_COOKIE_DOMAIN,
                settings.SESSION_COOKIE_PATH, settings.CSRF_COOKIE_DOMAIN],
    "hsts": [first.headers.get("Strict-Transport-Security"),
             plain.headers.get("Strict-Transport-Security")],
    "headers": {name: first.headers[name] for name in
                ("X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy")},
}))
"""


@pytest.fixture
def production(own_database: str, tmp_path: Path) -> dict[str, object]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TREMPLIN_")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={
            **kept,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
            "DJANGO_SETTINGS_MODULE": "tremplin.config.settings",
            "DATABASE_URL": own_database,
            "TREMPLIN_MODE": "production",
            "TREMPLIN_SECRET_KEY": "k" * 50,
            "TREMPLIN_DATA_DIR": str(tmp_path),
            "TREMPLIN_SETTINGS_OVERLAY": "tests.support.unbuilt_static",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert len(lines) == 1, done.stderr[-2000:]
    found: dict[str, object] = json.loads(lines[0].removeprefix("RESULT"))
    return found


def test_cookies_belong_to_one_host_over_https(production: dict[str, object]) -> None:
    assert production["status"] == [200, 200]
    csrf = str(production["csrf"])
    name, *flags = [part.strip() for part in csrf.split(";")]
    assert name.startswith("__Host-csrftoken=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=Lax"} <= set(flags)
    assert "domain" not in csrf.lower()
    assert production["session_name"] == "__Host-sessionid"
    assert production["session"] == [True, True, "Lax", None, "/", None]
    assert {"Secure", "SameSite=Lax"} <= {
        part.strip() for part in str(production["language"]).split(";")
    }
    assert production["hsts"] == ["max-age=31536000", None]
    assert production["headers"] == {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
