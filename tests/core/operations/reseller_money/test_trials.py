"""Another trial that a reseller gives, and whom people reach when their space is suspended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tenants import registry
from tenants.context import public_write, use
from tenants.models import Tenant
from tests.core.operations.reseller_money.conftest import NOON, Trade
from tremplin.kernel.models import AuditEvent
from tremplin.licensing import services as licensing
from tremplin.licensing.models import License
from tremplin.testing import freeze

SignedIn = Callable[..., Any]
pytestmark = pytest.mark.django_db
FIELDS = {"module": "quiz", "days": "10", "reason": "their teacher was ill"}


def test_a_reseller_gives_its_client_another_trial(trade: Trade, signed_in: SignedIn) -> None:
    address = f"/reseller/health/{trade.client.uuid}/"
    with freeze(NOON):
        licensing.start_trial(trade.client, "quiz", days=14)
        owner = signed_in(trade.reseller, "reseller_owner")
        # While it runs there is nothing to give.
        assert "trial-again" not in owner.get(address).content.decode()
    with freeze(NOON + timedelta(days=20)):
        assert "trial-again" in owner.get(address).content.decode()
        for wrong in ({"days": "0"}, {"days": "91"}, {"reason": "ill"}, {"module": "nothing"}):
            assert owner.post(address, {**FIELDS, **wrong}).status_code == 422
        answer = owner.post(address, FIELDS, follow=True)
        assert "The trial of Quiz is open." in answer.content.decode()
        held = License.objects.get(tenant_id=trade.client.pk, module="quiz", ended_at=None)
        assert (held.source, held.valid_until) == ("trial", NOON + timedelta(days=30))
        assert owner.post(address, FIELDS).status_code == 422
    for space in (trade.client, trade.reseller):
        with use(space):
            event = AuditEvent.objects.get(kind="licence.trial_given")
            assert (event.data["by"], event.data["reason"]) == (
                trade.reseller.slug, "their teacher was ill",
            )  # fmt: skip


def test_who_may_give_a_trial(trade: Trade, signed_in: SignedIn) -> None:
    address = f"/reseller/health/{trade.client.uuid}/"
    staff = signed_in(trade.reseller, "reseller_staff")
    assert "trial-again" not in staff.get(address).content.decode()
    assert staff.post(address, FIELDS).status_code == 403
    assert signed_in(trade.rival, "reseller_owner").post(address, FIELDS).status_code == 404
    assert not License.objects.filter(tenant_id=trade.client.pk).exists()


def test_a_suspended_space_names_who_helps(trade: Trade, client_for: Callable[..., Any]) -> None:
    browser = client_for(trade.client)
    with public_write("test"):
        Tenant.objects.filter(pk=trade.client.pk).update(status="suspended")
    registry.invalidate()
    answer = browser.get("/")
    assert answer.status_code == 503
    assert 'href="mailto:billing@passerelle.example"' in answer.content.decode()
