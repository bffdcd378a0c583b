"""Who may show the pages of a space in a frame, and the headers that never change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tremplin.kernel import clock, embedding
from tremplin.kernel.models import AuditEvent

pytestmark = pytest.mark.django_db
PAGE = "/console/security/embedding/"


def _frames(client: Any, path: str, header: str = "Content-Security-Policy") -> str:
    policy = client.get(path).headers.get(header, "")
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";") if part.strip())
    return parts.get("frame-ancestors", "")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://lms.school.example", "https://lms.school.example"),
        (" HTTPS://LMS.School.example/ ", "https://lms.school.example"),
        ("https://lms.school.example:443", "https://lms.school.example"),
        ("https://lms.school.example:8443", "https://lms.school.example:8443"),
        ("https://*.school.example", "https://*.school.example"),
        ("https://*.school.fr", ""),
        ("https://*.com", ""),
        ("https://*", ""),
        ("*", ""),
        ("http://lms.school.example", ""),
        ("lms.school.example", ""),
        ("https://lms.school.example/course", ""),
        ("https://user@lms.school.example", ""),
        ("https://lms.school.example;script-src *", ""),
        ("https://lms.school.example 'unsafe-inline'", ""),
        ("https://lms.school.example\nx", ""),
        ("https://192.0.2.7", ""),
        ("https://[2001:db8::1]", ""),
        ("https://localhost", ""),
        ("https://lms.école.example", ""),
        ("https://-lms.school.example", ""),
        ("https://lms.school.example:0", ""),
        ("https://lms.school.example:port", ""),
        ("data:", ""),
        ("'self'", ""),
    ],
)
def test_what_may_be_a_site(text: str, kept: str) -> None:
    if kept:
        assert embedding.origin(text) == kept
        return
    with pytest.raises(ValueError, match="."):
        embedding.origin(text)


def test_sites_frame_this_space_only_and_no_sensitive_page(
    as_admin: Any, client_for: Any, tenant_a: Any, tenant_b: Any, inside: Any
) -> None:
    assert _frames(as_admin, "/help/") == "'none'"
    saved = as_admin.post(PAGE, {"sites": "https://lms.school.example\nhttps://*.intranet.example"})
    assert (saved.status_code, saved["Location"]) == (302, PAGE)
    visitor = client_for(tenant_a)
    for path in ("/help/", "/"):
        assert _frames(visitor, path) == "https://lms.school.example https://*.intranet.example"
    for path in (PAGE, "/console/", "/accounts/login/", "/api/v1/me"):
        assert _frames(as_admin, path) == "'none'"
    assert _frames(client_for(tenant_b), "/help/") == "'none'"
    with inside(tenant_a):
        row = AuditEvent.objects.get(kind="security.framing_changed")
        assert row.data == {
            "sites": ["https://lms.school.example", "https://*.intranet.example"],
            "test": False,
        }
    with inside(tenant_b):
        assert AuditEvent.objects.filter(kind="security.framing_changed").count() == 0


def test_a_new_list_is_tested_for_a_week(
    as_admin: Any, client_for: Any, tenant_a: Any, freeze: Any
) -> None:
    now = clock.now()
    freeze(now)
    as_admin.post(PAGE, {"sites": "https://old.school.example https://both.school.example"})
    as_admin.post(
        PAGE, {"sites": "https://both.school.example https://new.school.example", "test": "on"}
    )
    visitor = client_for(tenant_a)
    former = "https://old.school.example https://both.school.example https://new.school.example"
    new = "https://both.school.example https://new.school.example"
    report = "Content-Security-Policy-Report-Only"
    assert (_frames(visitor, "/help/"), _frames(visitor, "/help/", report)) == (former, new)
    assert 'data-testid="embedding-test"' in as_admin.get(PAGE).content.decode()
    freeze(now + timedelta(days=7))
    assert (_frames(visitor, "/help/"), _frames(visitor, "/help/", report)) == (new, "")


def test_a_test_is_ended_by_hand(as_admin: Any, client_for: Any, tenant_a: Any) -> None:
    as_admin.post(PAGE, {"sites": "https://old.school.example"})
    as_admin.post(PAGE, {"sites": "", "test": "on"})
    visitor = client_for(tenant_a)
    report = "Content-Security-Policy-Report-Only"
    assert _frames(visitor, "/help/") == "https://old.school.example"
    assert _frames(visitor, "/help/", report) == "'none'"
    as_admin.post(PAGE, {"action": "end"})
    assert _frames(visitor, "/help/") == "'none'"
    assert report not in visitor.get("/help/").headers


def test_what_is_no_site_is_named_and_nothing_is_saved(
    as_admin: Any, client_for: Any, tenant_a: Any
) -> None:
    as_admin.cookies["language"] = "en"
    typed = "https://lms.school.example\nhttp://other.example"
    response = as_admin.post(PAGE, {"sites": typed})
    assert response.status_code == 422
    page = response.content.decode()
    assert "“http://other.example” is not a site" in page
    assert typed in page
    assert _frames(client_for(tenant_a), "/help/") == "'none'"
    many = " ".join(f"https://s{number}.school.example" for number in range(21))
    assert "Give at most 20 sites." in as_admin.post(PAGE, {"sites": many}).content.decode()


def test_the_page_is_for_who_sets_the_rules(client_for: Any, tenant_a: Any, learner_a: Any) -> None:
    assert client_for(tenant_a, learner_a).get(PAGE).status_code == 403
    assert client_for(tenant_a).get(PAGE).status_code == 302


@pytest.mark.parametrize("path", ["/", "/help/", "/accounts/login/", "/console/", "/nowhere/"])
def test_every_answer_is_closed_by_default(client_for: Any, tenant_a: Any, path: str) -> None:
    headers = client_for(tenant_a).get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Permissions-Policy"] == (
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    )
    policy = headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert "*" not in policy
