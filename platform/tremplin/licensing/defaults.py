"""What a space holds before it buys a plan: decided here and nowhere else.

- A new school or company holds the plan ``settings.DEFAULT_PLAN`` (``gratuit``): ten people and no
  module. Modules come by a trial of their own, or with a plan that is bought.
- During its first ``WELCOME_DAYS`` days (business clock) the places of that plan stop nobody, so
  that a school imports its people before it chooses. The first plan bought ends the welcome: its
  own places count from that instant. Without one, the places of the plan count after the welcome;
  those who are too many have the time of ``over_limit`` to be chosen, and nobody is deleted.
- A space that is made with another plan, or that had none for a while, has no welcome.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api import services as platform
from tremplin.kernel import clock
from tremplin.licensing import plans_catalogue, services
from tremplin.licensing.models import License, PlanVersion
from tremplin.licensing.snapshots import UNLIMITED_KINDS

if TYPE_CHECKING:
    from tenants.provisioning import NewTenant


# Two weeks from the creation of the space, as long as the trial of a module.
WELCOME_DAYS = 14


def version_for(tenant: TenantInfo, wanted: str = "") -> PlanVersion | None:
    """Return the version that ``tenant`` starts with, None when its kind has no plan.

    ``wanted`` is the key of a plan; without it the installation's default plan counts
    (``settings.DEFAULT_PLAN``; empty: spaces have no plan and no limit until one is sold to them).
    """
    key = wanted or settings.DEFAULT_PLAN
    if not key or tenant.kind in UNLIMITED_KINDS:
        return None
    try:
        return services.current_version(key)
    except PlanVersion.DoesNotExist:
        plans_catalogue.sync()
        return services.current_version(key)


def give_plan(tenant: TenantInfo, new: NewTenant) -> None:
    """Give a new space its plan, in the transaction that makes it.

    ``new.options["plan"]`` names another plan than the default one; ``plan_trial_days`` opens it
    for that many days only, until it is bought.
    """
    options = new.options or {}
    wanted = str(options.get("plan") or "")
    version = version_for(tenant, wanted)
    if version is None:
        return
    if trial_days := int(options.get("plan_trial_days") or 0):
        services.grant_plan(
            tenant,
            version,
            source=License.Source.TRIAL,
            state=License.State.TRIALING,
            valid_until=clock.now() + timedelta(days=trial_days),
        )
        return
    is_welcomed = wanted in {"", settings.DEFAULT_PLAN}
    services.grant_plan(
        tenant,
        version,
        source=License.Source.MANUAL,
        seats_open_until=clock.now() + timedelta(days=WELCOME_DAYS) if is_welcomed else None,
    )


def give_missing() -> list[str]:
    """Give the default plan to the spaces that never had one; return their addresses.

    People who are there take their seats; too many of them only flag the space.
    """
    given = []
    held = set(License.objects.filter(module="").values_list("tenant_id", flat=True))
    for tenant in platform.tenancy().active():
        if tenant.pk in held:
            continue
        version = version_for(tenant)
        if version is None:
            continue
        with use(tenant), transaction.atomic():
            services.grant_plan(tenant, version, source=License.Source.MANUAL)
        given.append(tenant.slug)
    return given
