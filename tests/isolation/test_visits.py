"""What a visit of support never opens: every address of the URLconf, asked from inside a visit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.identity.visits import Visitor, visitors
from tests.isolation import world as worlds
from tests.isolation.asking import ask
from tests.isolation.routes import routes
from tests.isolation.world import World

pytestmark = pytest.mark.django_db
__all__ = ["visitors"]
CLOSED = ("support_closed", 'data-testid="support-closed"')


def test_what_is_closed_during_a_visit(
    visitors: dict[str, Visitor], both: tuple[World, World], golden: Any
) -> None:
    """The visit is that of the owner of the furnished school: she may open everything herself."""
    own, _other = both
    visitor = visitors["hq"]
    assert visitor.target.pk == own.tenant.pk
    key = visitor.visit().cookies["sessionid"].value
    closed, refused, opened, errors = [], [], [], []
    for route in routes():
        path = worlds.address(route.name, route.pattern, own)
        asked = ask(own.host, "GET", path, cookie=key, watched="")
        if asked.error or asked.status == 500:
            errors.append(f"{path}: {asked.error}")
        line = f"  /{route.text}"
        if asked.status == 403 and any(mark in asked.text for mark in CLOSED):
            closed.append(line)
        elif asked.status == 403:
            refused.append(line)
        elif asked.status == 200:
            opened.append(line)
    assert errors == []
    golden(
        "closed_in_visits.txt",
        "\n".join(
            [
                "# Addresses as a visit of support sees them (GET, the visited person is the owner).",
                "", "# closed to every visit", *closed,
                "", "# refused by rights that the visit lacks", *refused,
                "", "# open", *opened,
            ]
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/accounts/password/change/"),
        ("POST", "/accounts/email/"),
        ("GET", "/accounts/2fa/"),
        ("POST", "/accounts/2fa/totp/activate/"),
        ("GET", "/accounts/sessions/"),
        ("GET", "/accounts/social/connections/"),
        ("GET", "/accounts/3rdparty/"),
        ("GET", "/_allauth/browser/v1/account/authenticators"),
        ("GET", "/app/my-data/"),
        ("POST", "/app/my-data/export/"),
        ("POST", "/app/my-data/erasure/"),
        ("GET", "/console/privacy/"),
        ("GET", "/console/billing/details/"),
        ("POST", "/console/billing/details/"),
        ("POST", "/console/billing/methods/card/"),
        ("GET", "/console/export/"),
        ("POST", "/console/export/"),
        ("GET", "/console/people/export/"),
        ("GET", "/console/sso/"),
        ("GET", "/console/api/"),
        ("POST", "/console/api/"),
        ("GET", "/console/security/support/"),
        ("POST", "/console/security/support/switch/"),
        ("GET", "/identity/o/authorize"),
        ("GET", "/scim/v2/Users"),
    ],
)
def test_each_of_these_is_closed(visitors: dict[str, Visitor], method: str, path: str) -> None:
    visitor = visitors["hq"]
    key = visitor.visit().cookies["sessionid"].value
    data = {} if method == "POST" else None
    schema = visitor.target.schema_name
    asked = ask(visitor.target.primary_host, method, path, cookie=key, data=data, watched=schema)
    assert asked.status == 403
    assert any(mark in asked.text for mark in CLOSED)
    assert asked.writes == 0
