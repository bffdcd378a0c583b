"""Background work of sales, in the school's space."""

from __future__ import annotations

from tremplin.api.tasks import task


@task(queue="default", time_limit=120)
def project(kind: str, key: str, account: str) -> None:
    """Read an object of this school's Stripe account again and write what it says.

    An account that is no longer this school's changes nothing.
    """
    from tremplin.billing.sales import direct, projector
    from tremplin.billing.stripe import connected
    from tremplin.kernel.current import tenant_required

    if not account or connected.account_id(tenant_required()) != account:
        return
    for fact in direct.facts_of(kind, key, account):
        projector.apply(fact)
