"""Gives the kernel's services to the table of ``tremplin.api.services``."""

from __future__ import annotations

from tremplin.api import services


def provide_services() -> None:
    """Provide what the kernel implements and load what must exist in every process."""
    from tremplin.kernel import checks, health
    from tremplin.kernel.audit import AuditLog
    from tremplin.kernel.cache import TenantCache
    from tremplin.kernel.context import ContextService
    from tremplin.kernel.signing import TenantSigner

    services.provide("audit", AuditLog())
    services.provide("cache", TenantCache())
    services.provide("contexts", ContextService())
    services.provide("signer", TenantSigner())
    _provide_async_services()
    from tremplin.kernel import activation

    assert activation.module_activated is not None  # noqa: S101  the task must be declared
    checks.register_checks()
    health.register_kernel_checks()


def _provide_async_services() -> None:
    """Provide outbox, task runner and realtime, which live in their own modules."""
    from tremplin.kernel import tasks
    from tremplin.kernel.outbox import Outbox
    from tremplin.kernel.realtime.publishing import Realtime

    services.provide("outbox", Outbox())
    services.provide("task_runner", tasks.runner)
    services.provide("realtime", Realtime())
