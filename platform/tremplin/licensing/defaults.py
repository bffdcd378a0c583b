"""The plan that a space holds before it buys one: decided here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from tenants.context import use
from tenants.registry import TenantInfo
from tremplin.api import services as platform
from tremplin.licensing import plans_catalogue, services
from tremplin.licensing.models import License, PlanVersion
from tremplin.licensing.snapshots import UNLIMITED_KINDS

if TYPE_CHECKING:
    from tenants.provisioning import NewTenant


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

    ``new.options["plan"]`` names another plan than the default one.
    """
    version = version_for(tenant, str((new.options or {}).get("plan") or ""))
    if version is not None:
        services.grant_plan(tenant, version, source=License.Source.MANUAL)


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
