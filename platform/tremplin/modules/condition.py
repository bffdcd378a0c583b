"""How each module is: ready, degraded, quarantined or incompatible, where, and why."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

from django.utils import timezone

from tenants import registry as spaces
from tremplin.kernel import gate, registry, trust
from tremplin.kernel.breaker import FAILURES, SLOW
from tremplin.kernel.dispatch import BUDGET_SECONDS, dispatcher
from tremplin.kernel.health import STALE_AFTER
from tremplin.kernel.state.models import ModuleState, ProcessReport

Status = Literal["ok", "degraded", "quarantined", "incompatible"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One hook of a module that fails in one space; ``error`` is a class, never a text."""

    space: str
    name: str
    hook: str
    error: str
    failures: int
    left_alone: bool
    process: str

    @property
    def is_slow(self) -> bool:
        """Tell whether it answers, but too late."""
        return self.error == SLOW

    @property
    def keeps_slow(self) -> bool:
        """Tell whether its last answers were all too late, none quick in between."""
        return self.is_slow and self.failures >= FAILURES


@dataclass(frozen=True, slots=True)
class Use:
    """One space that has the module."""

    slug: str
    name: str
    mode: str
    quarantined: bool
    purge_at: datetime | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One module of this installation."""

    slug: str
    version: str
    status: Status
    reason: str
    origin: str
    spaces: tuple[Use, ...] = ()
    troubles: tuple[Trouble, ...] = field(default=())

    @property
    def failures(self) -> int:
        """How many failures of the last minute the breakers count, in every process seen."""
        return sum(trouble.failures for trouble in self.troubles)

    @property
    def is_only_slow(self) -> bool:
        """Tell whether everything of it answers, some of it too late."""
        return not any(trouble.left_alone for trouble in self.troubles)

    @property
    def errors(self) -> list[str]:
        """The classes of the last errors, each once."""
        return sorted({trouble.error for trouble in self.troubles})

    @property
    def concerned(self) -> list[str]:
        """The names of the spaces where something fails now."""
        return sorted({trouble.name for trouble in self.troubles})


def of_all(*, live: bool = True) -> list[Condition]:
    """Return every module in slug order, with the spaces that have it.

    ``live`` adds the failures of this very process; those of the others come from what they last
    said of themselves, at most three minutes ago.
    """
    troubles = _troubles(live=live)
    uses = _uses()
    found = []
    for entry in registry.plugins():
        mine = troubles.get(entry.slug, ())
        left_alone = any(trouble.left_alone for trouble in mine)
        slow = sorted({trouble.hook for trouble in mine if trouble.keeps_slow})
        status: Status = "degraded" if entry.ok and (left_alone or slow) else entry.status
        found.append(
            Condition(
                entry.slug,
                entry.manifest.version if entry.manifest is not None else "",
                status,
                entry.problem or _why(mine, slow),
                entry.origin,
                uses.get(entry.slug, ()),
                mine,
            )
        )
    return found


def _why(troubles: tuple[Trouble, ...], slow: list[str]) -> str:
    said = [f"{', '.join(slow)} keeps taking more than {BUDGET_SECONDS * 1000:.0f} ms"]
    if any(trouble.left_alone for trouble in troubles):
        said.insert(0, _failing(troubles))
    return "; ".join(said if slow else said[:-1])


def _failing(troubles: tuple[Trouble, ...]) -> str:
    hooks = sorted({trouble.hook for trouble in troubles if trouble.left_alone})
    errors = sorted({trouble.error for trouble in troubles if trouble.left_alone})
    return f"{', '.join(hooks)} fails ({', '.join(errors)}) and is left alone"


def _troubles(*, live: bool) -> dict[str, tuple[Trouble, ...]]:
    me = f"{socket.gethostname()}:{os.getpid()}"
    said: list[tuple[str, Mapping[str, object]]] = []
    since = timezone.now() - STALE_AFTER
    for report in ProcessReport.objects.filter(seen_at__gte=since).order_by("name"):
        if not (live and report.name.endswith(f"@{me}")):
            said += [(report.name, row) for row in report.troubles]
    if live:
        said += [(f"web@{me}", row) for row in dispatcher.watch.troubles()]
    known = {str(space.uuid): space for space in spaces.all_tenants()}
    found: dict[str, list[Trouble]] = {}
    for process, row in said:
        space = known.get(str(row["tenant"]))
        found.setdefault(str(row["plugin"]), []).append(
            Trouble(
                space.slug if space else str(row["tenant"]),
                space.name if space else str(row["tenant"]),
                str(row["hook"]),
                str(row["error"]),
                int(str(row["failures"])),
                bool(row["open"]),
                process,
            )
        )
    return {slug: tuple(rows) for slug, rows in found.items()}


def _uses() -> dict[str, tuple[Use, ...]]:
    """Return the spaces that ever had each module, by address; one query for all of them."""
    known = {space.pk: space for space in spaces.all_tenants()}
    found: dict[str, list[Use]] = {}
    for row in ModuleState.objects.order_by("slug", "tenant_id"):
        space = known.get(row.tenant_id)
        if space is None:
            continue
        mode = gate.mode(space, row.slug)
        found.setdefault(row.slug, []).append(
            Use(space.slug, space.name, mode, row.quarantined, row.purge_at)
        )
    return {slug: tuple(sorted(rows, key=lambda use: use.slug)) for slug, rows in found.items()}


def locked(lock: Path, keys: Mapping[str, trust.Key]) -> dict[str, str]:
    """Return the problem of each module of the lock by name, empty when it is as signed."""
    entries = trust.read_lock(lock)
    found: dict[str, str] = {}
    for name in sorted(entries):
        try:
            found[name] = trust.installed_problem(distribution(name), entries, keys)
        except PackageNotFoundError:
            found[name] = "is locked and not installed"
    return found
