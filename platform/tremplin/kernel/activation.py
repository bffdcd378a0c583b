"""The task that runs a module's ``activated`` hook inside its tenant."""

from __future__ import annotations

from typing import Any

from tremplin.api import hookspecs, services, tasks
from tremplin.kernel import context, gate, registry
from tremplin.kernel.current import tenant_required
from tremplin.kernel.dispatch import dispatcher


@tasks.task(time_limit=300)
def module_activated(slug: str, first_time: bool) -> None:
    """Call ``activated`` of one plugin unless it was switched off in between."""
    tenant = tenant_required()
    if gate.mode(tenant, slug) == "off":
        return
    run_activated(slug, first_time)


def run_activated(slug: str, first_time: bool) -> None:
    """Call ``activated`` of one plugin in the current tenant, in its own transaction."""
    if registry.manifest_of(slug) is None:
        return
    ctx = context.build(tenant_required(), None, frozenset)
    dispatcher.call_one(hookspecs.activated, slug, ctx=ctx, first_time=first_time)


def enqueue_activated(tenant: Any, slug: str, first_time: bool) -> None:
    """Send the task after the current transaction commits."""
    with services.tenancy().use(tenant):
        tasks.enqueue(module_activated, slug=slug, first_time=first_time)
