"""A new space before it buys: no module, a trial of one, then a plan that takes everybody over."""

from __future__ import annotations

from typing import Any

import pytest

from tenants import provisioning, registry
from tremplin.kernel import gate
from tremplin.licensing import services, snapshots
from tremplin.licensing.models import License


@pytest.mark.django_db
def test_a_new_space_tries_a_module_and_then_buys_a_plan_with_it(settings: Any) -> None:
    settings.DEFAULT_PLAN = "gratuit"
    made = provisioning.create(
        provisioning.NewTenant(name="Neuve", slug="neuve", kind="school", email="x@neuve.example")
    )
    tenant = registry.by_pk(made.pk)
    assert tenant is not None
    assert dict(snapshots.of(tenant).modules) == {}
    assert {state.licensed_mode for state in gate.states(tenant).values()} == {"off"}
    trial = services.start_trial(tenant, "quiz")
    gate.activate(tenant, "quiz")
    assert dict(snapshots.of(tenant).modules) == {"quiz": "on"}
    state = gate.states(tenant)["quiz"]
    assert (state.licensed_mode, state.licensed_until) == ("on", trial.valid_until)
    services.grant_plan(
        tenant, services.current_version("ecole"), source=License.Source.SUBSCRIPTION
    )
    state = gate.states(tenant)["quiz"]
    assert (state.licensed_mode, state.licensed_until) == ("on", None)
