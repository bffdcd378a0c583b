"""What a plugin may ask of core: Protocols, and the table of their implementations.

Core apps call ``provide(name, implementation)`` when Django starts; the table is frozen afterwards.
Plugins call the accessor functions (``people()``, ``notify()`` …). Services return values, never
models of core, and raise ``tremplin.api.Problem``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast
from uuid import UUID

if TYPE_CHECKING:
    from celery import Task

    from tremplin.api.context import Decision, PersonRef, TenantContext
    from tremplin.api.events import Event
    from tremplin.api.learning import Evidence

# Failures after which units go back: neither was the customer's.
Failure = Literal["provider_error", "timeout"]


@dataclass(frozen=True, slots=True)
class CohortRef:
    """A cohort as a value; ``size`` counts its active members."""

    id: UUID
    name: str
    slug: str
    size: int


class People(Protocol):
    """Persons and cohorts of the current tenant, as values."""

    def get(self, person: UUID) -> PersonRef | None: ...
    def many(self, persons: Iterable[UUID]) -> dict[UUID, PersonRef]:
        """Return the known persons among ``persons``, in one query for people and one for roles."""
        ...

    def search(self, text: str, *, role: str = "", limit: int = 20) -> list[PersonRef]: ...
    def with_role(self, role: str) -> list[PersonRef]: ...
    def with_permission(self, permission: str) -> list[PersonRef]: ...
    def cohorts(self) -> list[CohortRef]: ...
    def cohort(self, cohort: UUID) -> CohortRef | None: ...
    def cohort_members(self, cohort: UUID) -> list[UUID]: ...
    def cohorts_of(self, person: UUID) -> list[UUID]: ...


@dataclass(frozen=True, slots=True)
class Accommodation:
    """What a person needs, never why. ``extra_time`` is a share of the limit (1/3 -> 0.3333)."""

    extra_time_numerator: int = 0
    extra_time_denominator: int = 1
    no_audio: bool = False
    larger_text: bool = False
    reduced_motion: bool = False


class Profiles(Protocol):
    """Accommodations and the evidence of skills of the current tenant's people."""

    def accommodation(self, person: UUID) -> Accommodation: ...
    def accommodations(self, persons: Iterable[UUID]) -> dict[UUID, Accommodation]: ...
    def evidence(self, person: UUID) -> list[Evidence]: ...


class Notify(Protocol):
    """Messages to people, in the page and by branded mail, each in its reader's language."""

    def send(
        self,
        persons: Sequence[UUID],
        key: str,
        *,
        title: Mapping[str, str],
        body: Mapping[str, str],
        url: str = "",
        action: Mapping[str, str] | None = None,
    ) -> int:
        """Queue one message per person after commit and return how many.

        ``key`` is a declared notification type (``quiz.assigned``); ``title``, ``body`` and
        ``action`` (button label) hold the text by language (``{"en": …, "fr": …}``), plain text.
        """
        ...


class Audit(Protocol):
    """The append-only, hash-chained log of the current tenant."""

    def record(
        self, kind: str, *, target: str = "", data: Mapping[str, object] | None = None
    ) -> None:
        """Append one event; ``data`` holds ids and codes only, never a person's free text."""
        ...


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the current tenant. ``url`` is signed for this tenant and expires."""

    id: UUID
    name: str
    mime: str
    size: int
    url: str


class Files(Protocol):
    """Tenant storage, signed addresses and parsing of hostile uploads."""

    def save(
        self, name: str, content: bytes, *, mime: str, owner: UUID | None, purpose: str
    ) -> StoredFile: ...
    def get(self, file: UUID) -> StoredFile | None: ...
    def many(self, files: Iterable[UUID]) -> dict[UUID, StoredFile]: ...
    def read(self, file: UUID) -> bytes: ...
    def delete(self, file: UUID) -> None: ...
    def parse(
        self, script: Path, data: bytes, *, timeout: float = 15.0, memory_mb: int = 768
    ) -> bytes:
        """Run ``script`` (``python -I``) in a limited child process: bytes in, bytes out.

        Raises ``Problem`` 422 ``file_not_readable`` when the child fails, exceeds its limits or
        takes too long.
        """
        ...


class Realtime(Protocol):
    """Best-effort messages to open pages; losing one never loses data."""

    def publish(self, topic: str, html: str) -> None: ...
    def signal(self, topic: str) -> None: ...


class Cache(Protocol):
    """A cache whose keys belong to the current tenant."""

    def get(self, key: str, default: Any = None) -> Any: ...
    def set(self, key: str, value: Any, timeout: int) -> None: ...
    def add(self, key: str, value: Any, timeout: int) -> bool: ...
    def incr(self, key: str) -> int: ...
    def delete(self, key: str) -> None: ...


class Outbox(Protocol):
    def publish(self, event: Event, *, aggregate: str) -> UUID: ...


class TaskRunner(Protocol):
    def declare(
        self, *, queue: str, time_limit: int, max_retries: int, suspended_ok: bool, module: str
    ) -> Any: ...
    def enqueue(self, task: Task[Any, Any], /, *, countdown: int = 0, **kwargs: Any) -> None: ...
    def remind(
        self, key: str, task: Task[Any, Any], /, *, due_at: datetime, **kwargs: Any
    ) -> None: ...
    def forget(self, key: str) -> None: ...


class Signer(Protocol):
    """Signatures that are valid for one purpose in one tenant only."""

    def sign(self, purpose: str, value: str) -> str: ...
    def unsign(self, purpose: str, signed: str, *, max_age: int) -> str | None: ...


class Contexts(Protocol):
    """Builds the context of background work for a person of the current tenant."""

    def current(self) -> TenantContext: ...
    def for_person(self, person: UUID) -> TenantContext: ...


class UsageHold(Protocol):
    """Units set aside for work that takes time."""

    def commit(self, actual: int | None = None) -> None:
        """Count ``actual`` units (all of them by default, never more) and free the rest."""
        ...

    def release(self) -> None:
        """Free every unit."""
        ...


class Usage(Protocol):
    """Features and meters of the current tenant: what is allowed, and what is counted.

    ``feature`` is the whole key, ``<slug>.<code>`` of the manifest's ``features``. ``person`` is
    whose meter counts when the plan counts per person; work of nobody in
    particular counts for the space alone.
    """

    def check(self, feature: str, amount: int = 1, *, person: UUID | None = None) -> Decision:
        """Say whether ``amount`` is allowed now; it counts nothing and promises nothing."""
        ...

    def consume(
        self,
        feature: str,
        quantity: int = 1,
        *,
        person: UUID | None = None,
        key: UUID,
        reference: str = "",
    ) -> bool:
        """Count ``quantity`` units, once per ``key``; False when this key was counted before.

        Joins the caller's transaction: what is made and what is counted succeed or fail together.
        Call it last, with nothing slow after it. Raises ``Problem`` 402 ``quota_exceeded`` (with
        ``limit``, ``used``, ``resets_at``, ``upgrade_url``), 402 ``not_entitled`` or ``suspended``.
        """
        ...

    def reserve(
        self,
        feature: str,
        quantity: int,
        *,
        person: UUID | None = None,
        key: UUID,
        seconds: int = 900,
        reference: str = "",
    ) -> AbstractContextManager[UsageHold]:
        """Set units aside before slow work, outside any transaction; leaving without ``commit``
        frees them, and so does the time ``seconds``. Raises like ``consume``.
        """
        ...

    def give_back(
        self,
        feature: str,
        quantity: int = 1,
        *,
        person: UUID | None = None,
        key: UUID,
        failure: Failure,
        reference: str = "",
    ) -> bool:
        """Return units after a failure that was not the customer's, once per ``key``.

        False when they went back before, or when too many did today.
        """
        ...


class Entitled(Protocol):
    """Internal: how layers below ``licensing`` ask what the current tenant's plans include."""

    def check(self, feature: str, amount: int = 1, person: UUID | None = None) -> Decision: ...
    def has_seat(self, module: str, person: UUID) -> bool: ...


class Tenancy(Protocol):
    """Internal: how layers below ``tenants`` reach tenancy. Not for plugins.

    A tenant is an object with the attributes of ``tremplin.kernel.current.CurrentTenant``.
    """

    def use(self, tenant: Any) -> AbstractContextManager[None]: ...
    def public(self) -> AbstractContextManager[None]: ...
    def public_write(self, reason: str) -> AbstractContextManager[None]: ...
    def by_uuid(self, tenant: UUID) -> Any | None: ...
    def by_pk(self, pk: int) -> Any | None: ...
    def by_host(self, host: str) -> Any | None: ...
    def active(self) -> list[Any]: ...
    def absolute_url(self, tenant: Any, path: str) -> str: ...
    def bump(self) -> None:
        """Tell every process, on commit, that registry or activation data changed."""
        ...

    def epoch(self) -> int: ...


_table: dict[str, object] = {}
_frozen = False


def provide(name: str, implementation: object) -> None:
    """Register the implementation of a service. Raises ``RuntimeError`` once frozen or twice."""
    if _frozen:
        raise RuntimeError(f"services are frozen; {name!r} came too late")
    if name in _table:
        raise RuntimeError(f"service {name!r} is already provided")
    _table[name] = implementation


def freeze() -> None:
    """Refuse later registrations; called once Django is ready."""
    global _frozen
    _frozen = True


def replace(name: str, implementation: object) -> Callable[[], None]:
    """Replace a service (tests only) and return the function that puts the former one back."""
    former = _table.get(name)
    _table[name] = implementation

    def restore() -> None:
        if former is None:
            _table.pop(name, None)
        else:
            _table[name] = former

    return restore


def _get(name: str) -> object:
    try:
        return _table[name]
    except KeyError:
        raise RuntimeError(f"no implementation of the service {name!r} is installed") from None


def people() -> People:
    return cast(People, _get("people"))


def profiles() -> Profiles:
    return cast(Profiles, _get("profiles"))


def notify() -> Notify:
    return cast(Notify, _get("notify"))


def audit() -> Audit:
    return cast(Audit, _get("audit"))


def files() -> Files:
    return cast(Files, _get("files"))


def realtime() -> Realtime:
    return cast(Realtime, _get("realtime"))


def cache() -> Cache:
    return cast(Cache, _get("cache"))


def outbox() -> Outbox:
    return cast(Outbox, _get("outbox"))


def task_runner() -> TaskRunner:
    return cast(TaskRunner, _get("task_runner"))


def signer() -> Signer:
    return cast(Signer, _get("signer"))


def contexts() -> Contexts:
    return cast(Contexts, _get("contexts"))


def usage() -> Usage:
    return cast(Usage, _get("usage"))


def entitlements() -> Entitled:
    return cast(Entitled, _get("entitlements"))


def tenancy() -> Tenancy:
    return cast(Tenancy, _get("tenancy"))
