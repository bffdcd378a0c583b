"""How a plugin answers for the personal data it keeps (mandatory)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from uuid import UUID

if TYPE_CHECKING:
    from tremplin.api.context import TenantContext
    from tremplin.api.manifest import Text


@dataclass(frozen=True, slots=True)
class Processing:
    """One line of the processing register: what is kept, why, and for how long (days)."""

    key: str
    label: Text
    purpose: Text
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file of a person's export: JSON-ready ``data`` or raw ``content``; ``name`` is a path."""

    name: str
    data: Any = None
    content: bytes | None = None


@runtime_checkable
class PersonalData(Protocol):
    """Describes, exports, erases and expires what a plugin keeps about people.

    ``export`` yields the files of one person; ``erase`` removes or anonymises everything that
    names her and returns the number of rows touched, keeping aggregates; ``retain`` deletes what is
    older than its rule and returns the number of rows removed. All are idempotent and run whether
    the module is on or off.
    """

    def describe(self) -> Iterable[Processing]: ...
    def export(self, ctx: TenantContext, person: UUID) -> Iterable[ExportFile]: ...
    def erase(self, ctx: TenantContext, person: UUID) -> int: ...
    def retain(self, ctx: TenantContext, before: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class NoPersonalData:
    """The explicit statement that a plugin keeps nothing about people, and why."""

    reason: str
