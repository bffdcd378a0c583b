"""What a tenant may do with a module: on, read-only or off.

installed, compatible, licensed and activated, minus quarantined. The rows are public data of the
kernel; licensing and the modules page write them through the functions below.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tremplin.api import Problem, services
from tremplin.kernel import audit, clock, registry
from tremplin.kernel.state.models import ModuleState
from tremplin.kernel.versioned import EpochCache

Mode = Literal["on", "read_only", "off"]
READ_ONLY_AFTER_END = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class ModuleStateInfo:
    """One module of one tenant: the effective ``mode`` and the facts it is computed from."""

    mode: Mode
    licensed_mode: Mode
    licensed_until: datetime | None
    activated: bool
    quarantined: bool
    first_activated_at: datetime | None
    purge_at: datetime | None = None

    @property
    def readable_until(self) -> datetime | None:
        """Return when a module that is read-only closes for good, None without a date."""
        if self.mode != "read_only" or self.purge_at is not None or self.licensed_until is None:
            return self.purge_at if self.mode == "read_only" else None
        if self.licensed_mode == "read_only":
            return self.licensed_until
        return self.licensed_until + READ_ONLY_AFTER_END


@dataclass(frozen=True, slots=True)
class _Row:
    licensed_mode: Mode
    licensed_until: datetime | None
    activated: bool
    quarantined: bool
    first_activated_at: datetime | None
    purge_at: datetime | None = None


_rows: EpochCache[dict[str, _Row]] = EpochCache()
_ABSENT = _Row("off", None, False, False, None)


def mode(tenant: Any, slug: str) -> Mode:
    """Return what ``tenant`` may do with the module now (``off`` for an unknown slug)."""
    return _mode(slug, _load(tenant).get(slug, _ABSENT))


def enabled(tenant: Any) -> frozenset[str]:
    """Return the slugs whose mode is on or read-only."""
    rows = _load(tenant)
    return frozenset(slug for slug, row in rows.items() if _mode(slug, row) != "off")


def states(tenant: Any) -> dict[str, ModuleStateInfo]:
    """Return the state of every known module, installed or not, for the modules page."""
    rows = _load(tenant)
    slugs = {entry.slug for entry in registry.plugins()} | set(rows)
    return {slug: _info(slug, rows.get(slug, _ABSENT)) for slug in sorted(slugs)}


def _info(slug: str, row: _Row) -> ModuleStateInfo:
    return ModuleStateInfo(
        _mode(slug, row),
        row.licensed_mode,
        row.licensed_until,
        row.activated,
        row.quarantined,
        row.first_activated_at,
        row.purge_at,
    )


def _mode(slug: str, row: _Row) -> Mode:
    """Apply the formula. A licence past its end is read-only for 30 days, then off.

    One that was read-only until then (suspended, ended) is off at once.

    A module that is to be purged is read-only until that day, so that people take their data.
    """
    entry = registry.get(slug)
    if entry is None or not entry.ok or not row.activated or row.quarantined:
        return "off"
    if row.purge_at is None:
        return _licensed(row)
    if _licensed(row) == "off" or clock.now() >= row.purge_at:
        return "off"
    return "read_only"


def _licensed(row: _Row) -> Mode:
    """Return what the licence alone allows now."""
    if row.licensed_until is None or row.licensed_mode == "off":
        return row.licensed_mode
    late = clock.now() - row.licensed_until
    if late < timedelta(0):
        return row.licensed_mode
    if row.licensed_mode == "read_only":
        return "off"
    return "read_only" if late < READ_ONLY_AFTER_END else "off"


def _load(tenant: Any) -> dict[str, _Row]:
    pk = cast(int, tenant.pk)

    def read() -> dict[str, _Row]:
        rows = ModuleState.objects.filter(tenant_id=pk)
        return {
            row.slug: _Row(
                cast(Mode, row.licensed_mode),
                row.licensed_until,
                row.activated,
                row.quarantined,
                row.first_activated_at,
                row.purge_at,
            )
            for row in rows
        }

    return _rows.get(pk, read)


def set_licence(
    tenant: Any, slug: str, mode: Mode, *, until: datetime | None = None, reason: str
) -> None:
    """Write what the tenant has paid for (or tries) and record it in its audit log.

    ``until`` is the end of the right, business clock, aware; None has no end. Raises ``Problem``
    404 ``module_unknown`` for a slug that is not installed.
    """
    _known(slug)
    with transaction.atomic():
        _write(tenant, slug, licensed_mode=mode, licensed_until=until)
        _record(
            tenant,
            "licence.changed",
            slug,
            {"mode": mode, "until": until.isoformat() if until else None, "reason": reason},
        )


def activate(tenant: Any, slug: str) -> None:
    """Switch a module on; its hook ``activated`` runs in a task after commit.

    Activating a module that is already active does nothing. Raises ``Problem``: 404
    ``module_unknown``, 409 ``module_quarantined``, 402 ``module_not_licensed``, 409
    ``module_requires``, 409 ``module_settings_missing``.
    """
    from tremplin.kernel.activation import enqueue_activated

    manifest = _known(slug)
    row = _load(tenant).get(slug, _ABSENT)
    if row.activated and _mode(slug, row) != "off":
        return
    if row.quarantined:
        raise Problem(409, "module_quarantined", _("This module is withdrawn by the operator."))
    if _mode(slug, _as_active(row)) != "on":
        raise Problem(
            402,
            "module_not_licensed",
            _("This module is not part of your plan: start a trial first."),
        )
    missing = [need for need in manifest.requires if mode(tenant, need) != "on"]
    if missing:
        raise Problem(
            409,
            "module_requires",
            _("Switch on first: %(modules)s.") % {"modules": _names(missing)},
            {"modules": missing},
        )
    _check_settings(tenant, slug)
    first_time = row.first_activated_at is None
    with transaction.atomic():
        _write(
            tenant,
            slug,
            activated=True,
            version=manifest.version,
            first_activated_at=row.first_activated_at or clock.now(),
        )
        _record(tenant, "module.activated", slug, {"first_time": first_time})
        enqueue_activated(tenant, slug, first_time)


def deactivate(tenant: Any, slug: str) -> None:
    """Switch a module off; its data stays. Raises ``Problem`` 409 ``module_required_by``."""
    users = [
        entry.slug
        for entry in registry.installed()
        if entry.manifest is not None
        and slug in entry.manifest.requires
        and mode(tenant, entry.slug) != "off"
    ]
    if users:
        raise Problem(
            409,
            "module_required_by",
            _("Switch off first: %(modules)s.") % {"modules": _names(users)},
            {"modules": users},
        )
    if not _load(tenant).get(slug, _ABSENT).activated:
        return
    with transaction.atomic():
        _write(tenant, slug, activated=False)
        _record(tenant, "module.deactivated", slug, {})


def set_quarantined(tenant: Any, slug: str, quarantined: bool, *, reason: str) -> None:
    """Withdraw a module from one tenant (operator), or give it back."""
    with transaction.atomic():
        _write(tenant, slug, quarantined=quarantined)
        _record(tenant, "module.quarantined", slug, {"quarantined": quarantined, "reason": reason})


def set_purge(tenant: Any, slug: str, at: datetime | None) -> None:
    """Announce that the data of a module goes at ``at`` (aware), or that it stays (None)."""
    with transaction.atomic():
        _write(tenant, slug, purge_at=at)
        data: dict[str, object] = {"at": at.isoformat() if at else None}
        _record(tenant, "module.purge_announced", slug, data)


def forget_module(tenant: Any, slug: str) -> int:
    """Remove the state of one module of one tenant (purge only); return the number of rows."""
    with services.tenancy().public_write(f"purge {slug}"):
        removed = ModuleState.objects.filter(tenant_id=tenant.pk, slug=slug).delete()[0]
    _rows.changed(tenant.pk)
    return int(removed)


def forget_tenant(tenant_pk: int) -> None:
    """Remove every public kernel row of a tenant that is being deleted (lifecycle only)."""
    from tremplin.kernel.state.models import JobStatus, Reminder, SettingValue

    with services.tenancy().public_write("tenant deletion"):
        ModuleState.objects.filter(tenant_id=tenant_pk).delete()
        Reminder.objects.filter(tenant_id=tenant_pk).delete()
        JobStatus.objects.filter(tenant_id=tenant_pk).delete()
        SettingValue.objects.filter(level="tenant", owner=tenant_pk).delete()
    _rows.changed(tenant_pk)


def forget_cache() -> None:
    """Drop what this process remembers (tests and restore)."""
    _rows.clear()


def _names(slugs: list[str]) -> str:
    """Return the names of modules in the reader's language."""
    found = [(slug, registry.manifest_of(slug)) for slug in slugs]
    language = get_language() or "en"
    return ", ".join(
        manifest.name.in_language(language) if manifest is not None else slug
        for slug, manifest in found
    )


def _as_active(row: _Row) -> _Row:
    return _Row(row.licensed_mode, row.licensed_until, True, row.quarantined, None, row.purge_at)


def _known(slug: str) -> Any:
    manifest = registry.manifest_of(slug)
    if manifest is None:
        raise Problem(404, "module_unknown", _("There is no such module here."))
    return manifest


def _check_settings(tenant: Any, slug: str) -> None:
    from tremplin.kernel.settings_store import missing_settings

    fields = missing_settings(tenant, slug)
    if fields:
        raise Problem(
            409,
            "module_settings_missing",
            _("Fill in the settings of the module first: %(fields)s.")
            % {"fields": ", ".join(fields)},
            {"fields": fields},
        )


def _write(tenant: Any, slug: str, **values: Any) -> None:
    with services.tenancy().public_write(f"module state {slug}"):
        ModuleState.objects.update_or_create(tenant_id=tenant.pk, slug=slug, defaults=values)
    _rows.changed(tenant.pk)


def _record(tenant: Any, kind: str, slug: str, data: dict[str, object]) -> None:
    with services.tenancy().use(tenant):
        audit.record(kind, target=f"module:{slug}", data=data)
