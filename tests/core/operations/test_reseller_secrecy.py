"""What a client of a reseller never learns, and what a template never gives away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tenants.context import public_write
from tests.core.operations.test_reseller_clients import (
    NEW,
    Inside,
    fields,
    found,
    horizon,
    julien,
    plans,
    reseller,
)
from tremplin.kernel.models import AuditEvent
from tremplin.kernel.state.models import SettingValue

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

__all__ = ["horizon", "julien", "plans", "reseller"]
ID = "8f36a1a3-6357-4b34-8772-22a293dfb4fe"


def test_a_client_does_not_read_which_other_client_it_was_made_like(
    julien: Client, plans: None, horizon: TenantInfo, reseller: TenantInfo, inside: Inside
) -> None:
    assert julien.post(NEW, fields(template=str(horizon.uuid))).status_code == 302
    atlas = found("campus-atlas")
    said = {}
    for space in (atlas, reseller):
        with inside(space):
            said[space.slug] = AuditEvent.objects.get(kind="reseller.client_created").data
            everything = "".join(str(row.data) for row in AuditEvent.objects.all())
        assert (horizon.slug in everything) is (space.pk == reseller.pk)
    facts = {"slug": "campus-atlas", "plan": "starter"}
    assert said == {"campus-atlas": facts, "passerelle": {**facts, "template": horizon.slug}}


@pytest.mark.parametrize(
    ("value", "is_copied"),
    [
        (["beginner", "advanced"], True),
        ({"levels": [1, 2, {"name": "A-1"}]}, True),
        ({"reviewer": ID}, False),
        ({ID: True}, False),
        ([{"deep": [ID.replace("-", "")]}], False),
        (["answers: grace@horizon.example"], False),
        ({"webhook": {"$secret": "ciphertext"}}, False),
    ],
)
def test_values_that_name_somebody_stay_with_the_template(
    horizon: TenantInfo, value: Any, is_copied: bool
) -> None:
    from tremplin.operations.reseller import cloning

    with public_write("test"):
        SettingValue.objects.filter(level="tenant", owner=horizon.pk).delete()
        SettingValue.objects.create(
            level="tenant", owner=horizon.pk, module="quiz", key="default_minutes", value=value
        )
    kept = [("quiz", "default_minutes", value)] if is_copied else []
    assert list(cloning.read(horizon).settings) == kept
