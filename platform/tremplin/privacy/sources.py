"""Everything that keeps personal data: the core applications, then every installed plugin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tremplin.api import NoPersonalData, PersonalData
from tremplin.files.privacy import FilesPersonalData
from tremplin.identity.privacy import IdentityPersonalData
from tremplin.kernel import registry
from tremplin.kernel.privacy import AuditPersonalData
from tremplin.notifications.privacy import NotificationsPersonalData
from tremplin.profiles.privacy import ProfilesPersonalData


@dataclass(frozen=True, slots=True)
class Source:
    """One keeper of personal data; ``module`` is a plugin slug or a core application."""

    module: str
    keeper: PersonalData


_registered: dict[str, PersonalData] = {}


def register(module: str, keeper: PersonalData) -> None:
    """Add a keeper of an application that stands above this one; call it in ``ready()``."""
    _registered[module] = keeper


def modules() -> Iterator[Source]:
    """Yield the plugins, switched on or not: switching off keeps the data."""
    for entry in registry.installed():
        for answer in registry.personal_data(entry.slug):
            if not isinstance(answer, NoPersonalData):
                yield Source(entry.slug, answer)


def core() -> Iterator[Source]:
    """Yield the core applications, the account itself last."""
    for module, keeper in _registered.items():
        yield Source(module, keeper)
    yield Source("notifications", NotificationsPersonalData())
    yield Source("profiles", ProfilesPersonalData())
    yield Source("files", FilesPersonalData())
    yield Source("kernel", AuditPersonalData())
    yield Source("identity", IdentityPersonalData())


def every() -> Iterator[Source]:
    """Yield all keepers in the order in which a person is erased."""
    yield from modules()
    yield from core()
