"""A per-process cache of public rows of each tenant, dropped when the tenancy epoch moves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import connection, transaction

from tremplin.api import services

V = TypeVar("V")
MAX_ENTRIES = 10_000


class EpochCache(Generic[V]):
    """Values by key, valid while ``tenancy.epoch()`` stays the same.

    A value read inside a transaction is never kept: it may be uncommitted or about to be rolled
    back. ``changed(key)`` forgets at once and again on commit, and tells the other processes.
    """

    def __init__(self) -> None:
        self._values: dict[object, tuple[int, V]] = {}
        self._lock = threading.Lock()

    def get(self, key: object, load: Callable[[], V]) -> V:
        """Return the value of ``key``, calling ``load`` when there is none of this epoch."""
        epoch = services.tenancy().epoch()
        held = self._values.get(key)
        if held is not None and held[0] == epoch:
            return held[1]
        value = load()
        if not connection.in_atomic_block:
            with self._lock:
                if len(self._values) >= MAX_ENTRIES:
                    self._values.clear()
                self._values[key] = (epoch, value)
        return value

    def forget(self, key: object) -> None:
        with self._lock:
            self._values.pop(key, None)

    def changed(self, key: object) -> None:
        """Forget ``key`` here now and after commit, and everywhere once the commit is seen."""
        self.forget(key)
        transaction.on_commit(lambda: self.forget(key))
        services.tenancy().bump()

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
