"""What the demo world has used: one learner has no interview left this month."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import pytest

from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.identity import services as people
from tremplin.identity.models import User
from tremplin.kernel import gate
from tremplin.licensing import consumption, demo, plans_catalogue, selectors, services
from tremplin.licensing.errors import QuotaExceeded
from tremplin.licensing.models import License, Trial, UsageEvent
from tremplin.operations.demo import loader
from tremplin.testing import freeze

NOW = datetime.fromisoformat("2026-11-20T09:00:00+01:00")


def _person(name: str) -> User:
    return people.create_person(
        email=f"{name}@mecaformation.example", first_name=name, last_name="X", roles=["learner"]
    )


@pytest.mark.django_db
def test_one_learner_has_used_thirty_interviews_of_thirty(tenant_a: TenantInfo) -> None:
    world = {
        "meta": {"frozen_now": NOW.isoformat()},
        "tenants": [
            {
                "key": tenant_a.slug,
                "users": [
                    {"email": "theo@mecaformation.example", "notes": "quota used 30/30"},
                    {"email": "lina@mecaformation.example", "notes": "strong profile"},
                ],
            }
        ],
    }
    with freeze(NOW), use(tenant_a):
        plans_catalogue.sync()
        services.grant_plan(tenant_a, services.current_version("ecole"), source="manual")
        theo = _person("theo")
        lina = _person("lina")
        for _ in range(2):
            demo.seed(tenant_a, world, tenant_a.slug)
        days = [row.at.date().day for row in UsageEvent.objects.order_by("at")]
        assert len(days) == 30
        assert (days[0], days[-1]) == (1, 19)
        (quota,) = selectors.quotas_of(tenant_a, theo.pk, frozenset())
        assert (quota.used, quota.maximum, quota.remaining) == (30, 30, 0)
        assert selectors.quotas_of(tenant_a, lina.pk, frozenset()) == []
        with pytest.raises(QuotaExceeded):
            consumption.consume(tenant_a, demo.SESSIONS, person=theo.pk, idem=uuid4())


@pytest.mark.django_db
def test_a_trial_of_the_file_is_a_trial_of_fourteen_days(tenant_a: TenantInfo) -> None:
    with freeze(NOW):
        for _ in range(2):
            loader._modules(tenant_a, {"quiz": "trial:14d", "not-installed": "trial:14d"})
        held = License.objects.get(tenant_id=tenant_a.pk, module="quiz")
        assert (held.state, held.valid_until) == (
            "trialing",
            datetime.fromisoformat("2026-12-04T09:00:00+01:00"),
        )
        assert Trial.objects.get(tenant_id=tenant_a.pk).ends_at == held.valid_until
        assert gate.states(tenant_a)["quiz"].mode == "on"
        assert gate.states(tenant_a)["quiz"].licensed_until == held.valid_until
