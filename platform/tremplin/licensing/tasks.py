"""Background work of licensing."""

from __future__ import annotations

from typing import cast

from tenants.registry import TenantInfo
from tremplin.api.tasks import task
from tremplin.kernel.current import tenant_required
from tremplin.kernel.tasks import public_task


@task(queue="default", time_limit=300, suspended_ok=True)
def look() -> None:
    """Record the states that dates have brought and send the notices that are due."""
    from tremplin.licensing import notices, over_limit, services

    tenant = cast(TenantInfo, tenant_required())
    services.record_transitions(tenant)
    notices.send_due(tenant)
    over_limit.close_the_last(tenant)


@task(queue="default", time_limit=120)
def free_lapsed() -> int:
    """Free the seats of invitations that are over."""
    from tremplin.licensing.seat_port import free_lapsed as free

    return free(cast(TenantInfo, tenant_required()))


@task(queue="mail", time_limit=120)
def warn_quota(bucket: int) -> int:
    """Tell who has used 80 % or all of a meter, once per period."""
    from tremplin.licensing import notices

    return notices.warn_quota(cast(TenantInfo, tenant_required()), bucket)


@public_task(time_limit=120)
def expire_holds() -> int:
    """Free the units of holds past their time."""
    from tremplin.licensing import consumption

    return consumption.expire_holds()


@public_task(time_limit=600)
def give_plans() -> None:
    """Bring the plans up to date and give the default one to spaces that have none."""
    from tremplin.licensing import defaults, plans_catalogue

    plans_catalogue.sync()
    defaults.give_missing()
