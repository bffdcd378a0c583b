"""A reseller gives its client another trial: with a reason, written in both logs, once at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tenants import registry
from tenants.context import public_write, use
from tenants.models import Tenant
from tenants.registry import TenantInfo
from tests.core.licensing.test_consumption import at_once
from tremplin.api import Problem
from tremplin.kernel import gate
from tremplin.kernel.models import AuditEvent
from tremplin.licensing import notices, services, trials
from tremplin.licensing.models import License, Trial
from tremplin.testing import freeze

NOON = datetime.fromisoformat("2026-11-20T12:00:00+01:00")
DAY = timedelta(days=1)
REASON = "The first trial fell into the holidays."


def sold_by(slug: str, reseller: TenantInfo) -> TenantInfo:
    """Make a school the client of a reseller."""
    with public_write("test"):
        Tenant.objects.filter(slug=slug).update(reseller_id=reseller.pk)
    registry.invalidate()
    found = registry.by_slug(slug)
    assert found is not None
    return found


@pytest.fixture
def client(tenant_a: TenantInfo, space: Callable[[str], TenantInfo]) -> TenantInfo:
    with freeze(NOON - 60 * DAY):
        services.start_trial(tenant_a, "quiz")
        gate.activate(tenant_a, "quiz")
    return sold_by("mecaformation", space("passerelle"))


@pytest.mark.django_db
def test_another_trial_with_its_reason_in_both_logs(
    client: TenantInfo, space: Callable[[str], TenantInfo]
) -> None:
    reseller = space("passerelle")
    with freeze(NOON):
        assert gate.mode(client, "quiz") == "off"
        held = trials.grant_another(client, "quiz", by=reseller, reason=f" {REASON} ", days=10)
        assert gate.mode(client, "quiz") == "on"
        assert (held.source, held.state, held.valid_until) == ("trial", "trialing", NOON + 10 * DAY)
    trial = Trial.objects.get(tenant_id=client.pk)
    assert (trial.started_at, trial.ends_at, trial.license_id) == (NOON, NOON + 10 * DAY, held.pk)
    for tenant in (client, reseller):
        with use(tenant):
            row = AuditEvent.objects.filter(kind="licence.trial_given").get()
            assert row.data == {
                "module": "quiz", "days": 10, "until": (NOON + 10 * DAY).isoformat(),
                "reason": REASON, "by": "passerelle", "space": "mecaformation",
            }  # fmt: skip
    # Its reminders leave again, its end closes the module to the second, and it can be given again.
    with freeze(NOON + 7 * DAY), use(client):
        assert notices.send_due(client) == ["licensing.trial_3_days"]
    with freeze(NOON + 10 * DAY - timedelta(seconds=1)):
        assert gate.mode(client, "quiz") == "on"
    with freeze(NOON + 10 * DAY):
        assert gate.mode(client, "quiz") == "read_only"
        trials.grant_another(client, "quiz", by=reseller, reason=REASON)
    assert License.objects.filter(tenant_id=client.pk, source="trial").count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("by", "options", "status", "code"),
    [
        ("autre", {}, 404, "not_found"),
        ("mecaformation", {}, 404, "not_found"),
        ("passerelle", {"module": "unknown"}, 404, "not_found"),
        ("passerelle", {"days": 0}, 422, "bad_days"),
        ("passerelle", {"days": -1}, 422, "bad_days"),
        ("passerelle", {"days": 91}, 422, "bad_days"),
        ("passerelle", {"reason": "    x   "}, 422, "bad_reason"),
        ("passerelle", {"reason": "x" * 301}, 422, "bad_reason"),
    ],
)
def test_refused_and_nothing_is_written(
    client: TenantInfo,
    space: Callable[[str], TenantInfo],
    by: str,
    options: dict[str, Any],
    status: int,
    code: str,
) -> None:
    given = {"module": "quiz", "reason": REASON, "days": 14, **options}
    module = given.pop("module")
    with freeze(NOON), pytest.raises(Problem) as refused:
        trials.grant_another(client, module, by=space(by), **given)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert License.objects.filter(tenant_id=client.pk).count() == 1
    assert Trial.objects.get(tenant_id=client.pk).started_at == NOON - 60 * DAY


@pytest.mark.django_db
def test_not_while_the_module_is_open(
    client: TenantInfo, hq: TenantInfo, space: Callable[[str], TenantInfo]
) -> None:
    reseller = space("passerelle")
    with freeze(NOON):
        trials.grant_another(client, "quiz", by=hq, reason=REASON)
        for giver in (reseller, hq):
            with pytest.raises(Problem) as refused:
                trials.grant_another(client, "quiz", by=giver, reason=REASON)
            assert (refused.value.status, refused.value.code) == (409, "module_open")
        services.grant_module(client, "quiz", source="manual")
        with pytest.raises(Problem) as paid:
            trials.grant_another(client, "quiz", by=reseller, reason=REASON)
        assert paid.value.code == "module_open"


def test_two_people_of_the_reseller_at_once_give_one(own_database: str) -> None:
    reseller = registry.by_slug("passerelle")
    assert reseller is not None
    client = sold_by("mecaformation", reseller)

    def give(_number: int) -> str:
        try:
            trials.grant_another(client, "quiz", by=reseller, reason=REASON)
        except Problem as problem:
            return problem.code
        return "given"

    assert sorted(at_once(4, give, threads=4)) == ["given", *["module_open"] * 3]
    assert License.objects.filter(tenant_id=client.pk, source="trial").count() == 1
