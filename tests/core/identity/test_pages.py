"""Every page of identity answers, to the right people only."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db

CONSOLE = ("list", "invite", "import", "import_template", "export", "cohorts", "roles", "security")
ANONYMOUS = (
    "account_login",
    "account_reset_password",
    "account_reset_password_done",
    "account_email_verification_sent",
    "account_inactive",
    "account_reset_password_from_key_done",
)
SIGNED_IN = (
    "account_email",
    "account_change_password",
    "account_logout",
    "mfa_index",
    "usersessions_list",
)


@pytest.mark.parametrize("name", CONSOLE)
def test_console_pages_answer_an_administrator(as_admin: Any, name: str) -> None:
    assert as_admin.get(reverse(f"people:{name}")).status_code == 200


@pytest.mark.parametrize("name", CONSOLE)
def test_console_pages_refuse_learners_and_strangers(
    client_for: Any, tenant_a: Any, learner_a: Any, name: str
) -> None:
    url = reverse(f"people:{name}")
    assert client_for(tenant_a, learner_a).get(url).status_code == 403
    stranger = client_for(tenant_a).get(url)
    assert stranger.status_code == 302
    assert stranger["Location"] == f"/accounts/login/?next={url.replace('/', '%2F')}"


@pytest.mark.parametrize("name", ANONYMOUS)
def test_account_pages_answer_strangers(client_for: Any, tenant_a: Any, name: str) -> None:
    assert client_for(tenant_a).get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", SIGNED_IN)
def test_account_pages_answer_people(as_admin: Any, name: str) -> None:
    response = as_admin.get(reverse(name), follow=True)
    assert response.status_code == 200
    assert b"MFA" not in response.content


def test_pages_of_one_person(as_admin: Any, learner_a: Any) -> None:
    for name in ("detail", "remove"):
        response = as_admin.get(reverse(f"people:{name}", args=[learner_a.pk]))
        assert response.status_code == 200
        assert "Lina Moreau" in response.content.decode()
