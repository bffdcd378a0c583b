"""What Stripe needs when Django starts; nothing is called."""

from __future__ import annotations


def connect() -> None:
    """Repair the mirror's properties, and register receivers, checks and periodic work."""
    from tremplin.billing.stripe import checks, receivers, shim
    from tremplin.kernel.schedules import register_schedule

    del checks, receivers  # they register themselves
    shim.install()
    register_schedule(
        "billing.stripe_pull", "tremplin.billing.stripe.tasks.pull", "17 * * * *", per_tenant=False
    )
    register_schedule(
        "billing.stripe_overage",
        "tremplin.billing.stripe.tasks.push_overage",
        "53 * * * *",
        per_tenant=False,
    )
    register_schedule(
        "billing.stripe_prune",
        "tremplin.billing.stripe.tasks.prune_triggers",
        "41 3 * * *",
        per_tenant=False,
    )
