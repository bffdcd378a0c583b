"""Creating a space: two short transactions and one replay of the template.

1. The registry row, the host and the job are reserved (unique slug and host).
2. One transaction makes the schema, its rows and everything the registered steps add, and marks
   the space active: a failure or a kill at any point leaves no half space.
"""

from __future__ import annotations

import logging
import time
import uuid as uuids
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tenants import fingerprint, locks, registry, slugs, steps, template
from tenants.context import public, public_write, use
from tenants.errors import (
    HostTaken,
    InvalidTenant,
    NotReady,
    ProvisioningBusy,
    ProvisioningFailed,
    SlugTaken,
    TenancyError,
)
from tenants.models import (
    TEMPLATE_SCHEMA,
    Cell,
    DeletionProof,
    Domain,
    ProvisioningJob,
    SchemaState,
    Tenant,
)
from tenants.registry import TenantInfo

log = logging.getLogger(__name__)

STALE = timedelta(minutes=10)
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"
RESERVED_KINDS = frozenset({Tenant.Kind.HQ})


@dataclass(frozen=True, slots=True)
class NewTenant:
    """What a new space is made from; ``options`` is handed to the provisioning steps."""

    name: str
    slug: str
    kind: str
    email: str
    locale: str = "fr"
    timezone: str = "Europe/Paris"
    host: str | None = None
    reseller_pk: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


def create(new: NewTenant) -> TenantInfo:
    """Create a space and return it.

    Raises ``InvalidSlug``, ``SlugTaken``, ``HostTaken``, ``InvalidTenant`` before anything is
    written, ``ProvisioningBusy`` while the same space is being made elsewhere, and
    ``ProvisioningFailed`` afterwards: nothing of the space is kept but the failed job, and the
    same call may be made again.
    """
    host = _validated(new)
    with public():
        tenant = _reserve(new, host)
        with _creation_lock(tenant):
            begin = time.monotonic()
            try:
                info = _build(tenant, new, begin)
            except Exception as error:
                _record_failure(tenant, error, begin)
                if isinstance(error, TenancyError):
                    raise
                log.exception("space not created", extra={"slug": new.slug})
                raise ProvisioningFailed(
                    slug=new.slug, reason=f"{type(error).__name__}: {error}".splitlines()[0]
                ) from error
    return info


# --- reservation --------------------------------------------------------------------------------


def _validated(new: NewTenant) -> str:
    """Return the host of the space after checking every value."""
    if new.kind not in Tenant.Kind.values:
        raise InvalidTenant("“%(kind)s” is not a kind of space.", kind=new.kind)
    if new.kind not in RESERVED_KINDS:
        slugs.check(new.slug)
    if not new.name.strip() or len(new.name) > 120:
        raise InvalidTenant("Give the space a name of 1 to 120 characters.")
    if "@" not in new.email or len(new.email) > 254:
        raise InvalidTenant("“%(email)s” is not an e-mail address.", email=new.email)
    if new.locale not in dict(settings.LANGUAGES):
        raise InvalidTenant("“%(locale)s” is not a language of the platform.", locale=new.locale)
    try:
        zoneinfo.ZoneInfo(new.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidTenant("“%(zone)s” is not a time zone.", zone=new.timezone) from None
    if new.kind == Tenant.Kind.HQ:
        return slugs.canonical_host(new.host or settings.HQ_HOST)
    return slugs.canonical_host(new.host or slugs.default_host(new.slug))


def _check_reseller(new: NewTenant) -> None:
    if new.reseller_pk is None:
        return
    reseller = Tenant.objects.filter(pk=new.reseller_pk).first()
    if reseller is None or reseller.kind != Tenant.Kind.RESELLER:
        raise InvalidTenant("The reseller of the space does not exist.")
    if new.kind not in {Tenant.Kind.SCHOOL, Tenant.Kind.COMPANY}:
        raise InvalidTenant("Only a school or a company may have a reseller.")


def _reserve(new: NewTenant, host: str) -> Tenant:
    """Insert the registry row, the host and the job, or take over a failed attempt."""
    _check_reseller(new)
    with public_write("provisioning"):
        former = Tenant.objects.filter(slug=new.slug).first()
        if former is not None:
            return _take_over(former, new, host)
        try:
            with transaction.atomic():
                tenant = Tenant(slug=new.slug, uuid=uuids.uuid4())
                tenant.schema_name = _free_schema_name(tenant)
                _fill(tenant, new)
                tenant.save()
                _reserve_host(tenant, host)
                ProvisioningJob.objects.create(
                    tenant=tenant, step="reserved", started_at=timezone.now()
                )
        except IntegrityError as error:
            raise _taken(error, new, host) from None
    registry.invalidate()
    return tenant


def _fill(tenant: Tenant, new: NewTenant) -> None:
    tenant.name = new.name.strip()
    tenant.kind = new.kind
    tenant.email = new.email
    tenant.locale = new.locale
    tenant.timezone = new.timezone
    tenant.reseller_id = new.reseller_pk
    tenant.status = Tenant.Status.PROVISIONING
    tenant.cell = Cell.objects.filter(is_local=True).first()


def _free_schema_name(tenant: Tenant) -> str:
    """Return a schema name that no space has or had."""
    while True:
        name = slugs.schema_name(tenant.slug, tenant.uuid.hex)
        used = (
            Tenant.objects.filter(schema_name=name).exists()
            or DeletionProof.objects.filter(schema_name=name).exists()
        )
        if not used:
            return name
        tenant.uuid = uuids.uuid4()


def _reserve_host(tenant: Tenant, host: str) -> None:
    custom = not host.endswith(f".{settings.SPACES_DOMAIN}") and host != settings.HQ_HOST
    Domain.objects.create(
        tenant=tenant,
        domain=host,
        kind=Domain.Kind.CUSTOM if custom else Domain.Kind.SUBDOMAIN,
        is_primary=True,
        verified_at=timezone.now(),
    )


def _take_over(former: Tenant, new: NewTenant, host: str) -> Tenant:
    """Retry a failed creation, or one whose process died; any other space keeps its address."""
    if former.status not in {Tenant.Status.FAILED, Tenant.Status.PROVISIONING}:
        raise SlugTaken(slug=new.slug)
    if not locks.is_free(locks.tenant(former.pk)):
        raise ProvisioningBusy(slug=new.slug)
    try:
        with transaction.atomic():
            _fill(former, new)
            former.save()
            former.domains.all().delete()
            _reserve_host(former, host)
            job, _created = ProvisioningJob.objects.get_or_create(
                tenant=former, defaults={"started_at": timezone.now(), "attempts": 0}
            )
            job.attempts += 1
            job.state, job.step, job.error = ProvisioningJob.State.RUNNING, "reserved", ""
            job.started_at, job.finished_at = timezone.now(), None
            job.save()
    except IntegrityError as error:
        raise _taken(error, new, host) from None
    registry.invalidate()
    return former


def _taken(error: IntegrityError, new: NewTenant, host: str) -> TenancyError:
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", "") or ""
    if "domain" in name:
        return HostTaken(host=host)
    if name == "tenants_tenant_one_hq":
        return InvalidTenant("The operator's space already exists.")
    if "slug" in name:
        return SlugTaken(slug=new.slug)
    return InvalidTenant()


# --- the one transaction ------------------------------------------------------------------------


@contextmanager
def _creation_lock(tenant: Tenant) -> Iterator[None]:
    """Hold the space's advisory lock for the whole creation; it dies with the process."""
    with locks.session(locks.tenant(tenant.pk)) as taken:
        if not taken:
            raise ProvisioningBusy(slug=tenant.slug)
        yield


_blueprints: dict[tuple[str, str, str], list[str]] = {}


def _statements() -> tuple[list[str], SchemaState]:
    """Return the SQL of the template, read again whenever the template changed."""
    state = SchemaState.objects.filter(schema_name=TEMPLATE_SCHEMA).first()
    if state is None or state.status != SchemaState.Status.CURRENT:
        raise NotReady()
    key = (settings.DATABASES["default"]["NAME"], state.fingerprint, str(state.finished_at))
    found = _blueprints.get(key)
    if found is None:
        found = template.build(TEMPLATE_SCHEMA, rows=steps.template_rows()).statements
        _blueprints.clear()
        _blueprints[key] = found
    else:
        template.require_empty(TEMPLATE_SCHEMA, steps.template_rows())
    return found, state


def _build(tenant: Tenant, new: NewTenant, begin: float) -> TenantInfo:
    with public_write("provisioning"), transaction.atomic():
        # The template lock is waited for without the short limit below: a migrator run may hold
        # it for as long as the template's migrations last.
        locks.in_transaction(locks.TEMPLATE, shared=True)
        statements, state = _statements()
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
            cursor.execute(f'CREATE SCHEMA "{tenant.schema_name}"')
        template.replay(tenant.schema_name, statements, execute=_execute_each())
        _hook("replay")
        SchemaState.objects.update_or_create(
            schema_name=tenant.schema_name,
            defaults={
                "fingerprint": state.fingerprint,
                "digest": state.digest,
                "release": fingerprint.release(),
                "status": SchemaState.Status.CURRENT,
                "finished_at": timezone.now(),
            },
        )
        tenant.status = Tenant.Status.ACTIVE
        tenant.activated_at = timezone.now()
        tenant.save(update_fields=["status", "activated_at"])
        registry.bump_epoch()
        info = registry.load([tenant])[0]
        with use(info):
            for step in steps.provisioning_steps():
                step.run(info, new)
                _hook(step.name)
        ProvisioningJob.objects.filter(tenant=tenant).update(
            state=ProvisioningJob.State.DONE,
            step="done",
            finished_at=timezone.now(),
            duration_ms=round((time.monotonic() - begin) * 1000),
        )
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = 0")
            cursor.execute("SET LOCAL statement_timeout = 0")
        _hook("commit")
    registry.invalidate()
    return info


def _execute_each() -> Callable[[str], None] | None:
    """Return a runner of single statements where several in one string are refused (Citus)."""
    if getattr(settings, "DB_FLAVOUR", "") != "citus":
        return None

    def run(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    return run


# Called after each part of a creation; tests fail or stop the process there.
_hook: Callable[[str], None] = lambda part: None  # noqa: E731


def _record_failure(tenant: Tenant, error: Exception, begin: float) -> None:
    """Say that the creation failed, unless the database itself is gone: the sweeper then does."""
    try:
        with public_write("provisioning"), transaction.atomic():
            Tenant.objects.filter(pk=tenant.pk).update(status=Tenant.Status.FAILED)
            ProvisioningJob.objects.filter(tenant=tenant).update(
                state=ProvisioningJob.State.FAILED,
                error=f"{type(error).__name__}: {error}"[:2000],
                finished_at=timezone.now(),
                duration_ms=round((time.monotonic() - begin) * 1000),
            )
            registry.bump_epoch()
    except DatabaseFailure:
        log.exception("failure of a creation not recorded", extra={"slug": tenant.slug})


def sweep(older_than: timedelta = STALE) -> int:
    """Fail the creations whose process died; return how many. Safe to run at any time."""
    count = 0
    with public(), public_write("provisioning"):
        stale = ProvisioningJob.objects.filter(
            state=ProvisioningJob.State.RUNNING, started_at__lt=timezone.now() - older_than
        ).select_related("tenant")
        for job in stale:
            if not locks.is_free(locks.tenant(job.tenant_id)):
                continue
            with transaction.atomic():
                Tenant.objects.filter(pk=job.tenant_id, status=Tenant.Status.PROVISIONING).update(
                    status=Tenant.Status.FAILED
                )
                ProvisioningJob.objects.filter(
                    pk=job.pk, state=ProvisioningJob.State.RUNNING
                ).update(
                    state=ProvisioningJob.State.FAILED,
                    error="the process that created the space ended",
                    finished_at=timezone.now(),
                )
                registry.bump_epoch()
            count += 1
    return count
