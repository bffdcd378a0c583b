"""Export and erasure of a person, with a neighbour of the same name in another space."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tremplin.api import Problem, services
from tremplin.api.services import Accommodation
from tremplin.identity.models import User
from tremplin.identity.services import create_person
from tremplin.notifications.models import Notification
from tremplin.privacy import services as privacy
from tremplin.privacy.models import ErasureRequest
from tremplin.profiles.models import AccommodationPassport
from tremplin.profiles.services import set_accommodation
from tremplin.testing import freeze

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

Inside = Callable[["TenantInfo"], AbstractContextManager[None]]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _person(tenant: TenantInfo, inside: Inside) -> User:
    with inside(tenant):
        person = create_person(email="lea@example.org", first_name="Léa", last_name="Roux")
        set_accommodation(
            person.pk, Accommodation(extra_time_numerator=1, extra_time_denominator=3)
        )
        services.notify().send(
            [person.pk],
            "quiz.assigned",
            title={"en": "A quiz", "fr": "Un quiz"},
            body={"en": "", "fr": ""},
        )
    return person


def test_export_holds_every_keeper(
    tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside
) -> None:
    person = _person(tenant_a, inside)
    with inside(tenant_a):
        archive = zipfile.ZipFile(io.BytesIO(privacy.export_person(person.pk)))
    messages = json.loads(archive.read("notifications/messages.json"))
    assert [message["title"] for message in messages] == ["Un quiz"]
    passport = json.loads(archive.read("profiles/accommodation.json"))
    assert (passport["extra_time_numerator"], passport["extra_time_denominator"]) == (1, 3)
    assert any(name.startswith("identity/") for name in archive.namelist())
    with inside(tenant_b), pytest.raises(Problem) as refused:
        privacy.export_person(person.pk)
    assert refused.value.status == 404


def test_erasure_leaves_no_name(tenant_a: TenantInfo, tenant_b: TenantInfo, inside: Inside) -> None:
    person, neighbour = _person(tenant_a, inside), _person(tenant_b, inside)
    with inside(tenant_a):
        privacy.erase_person(person.pk)
        row = User.objects.get(pk=person.pk)
        assert (row.is_active, row.first_name, row.last_name) == (False, "", "")
        assert "lea@example.org" not in row.email
        assert Notification.objects.filter(person_id=person.pk).count() == 0
        assert AccommodationPassport.objects.filter(person_id=person.pk).count() == 0
        privacy.erase_person(person.pk)
    with inside(tenant_b):
        assert User.objects.get(pk=neighbour.pk).first_name == "Léa"
        assert Notification.objects.filter(person_id=neighbour.pk).count() == 1


def test_a_request_is_honoured_after_thirty_days(tenant_a: TenantInfo, inside: Inside) -> None:
    person = _person(tenant_a, inside)
    with inside(tenant_a):
        with freeze(NOON):
            request = privacy.request_erasure(person.pk)
            assert privacy.request_erasure(person.pk).pk == request.pk
            assert privacy.run_due_erasures() == 0
        with freeze(NOON + timedelta(days=29, hours=23)):
            assert privacy.run_due_erasures() == 0
        with freeze(NOON + timedelta(days=30)):
            assert privacy.run_due_erasures() == 1
            assert privacy.run_due_erasures() == 0
        assert ErasureRequest.objects.get(pk=request.pk).done_at == NOON + timedelta(days=30)
        assert User.objects.get(pk=person.pk).is_active is False


def test_a_cancelled_request_erases_nobody(tenant_a: TenantInfo, inside: Inside) -> None:
    person = _person(tenant_a, inside)
    with inside(tenant_a):
        with freeze(NOON):
            privacy.request_erasure(person.pk)
            assert privacy.cancel_erasure(person.pk) is True
            assert privacy.cancel_erasure(person.pk) is False
        with freeze(NOON + timedelta(days=60)):
            assert privacy.run_due_erasures() == 0
        assert User.objects.get(pk=person.pk).first_name == "Léa"


def test_the_page_serves_ones_own_data_only(
    tenant_a: TenantInfo, inside: Inside, client_for: Callable[..., Client]
) -> None:
    person = _person(tenant_a, inside)
    client = client_for(tenant_a, person)
    assert client.get("/app/my-data/").status_code == 200
    answer = client.post("/app/my-data/export/")
    assert answer["Content-Type"] == "application/zip"
    assert client_for(tenant_a).post("/app/my-data/export/").status_code == 302
