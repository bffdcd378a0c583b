"""Circuit breaker of hook calls: a plugin that keeps failing is left alone for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

logger = logging.getLogger(__name__)
FAILURES = 5
WINDOW_SECONDS = 60.0
OPEN_SECONDS = 300.0
_MAX_CIRCUITS = 20_000

Key = tuple[str, str, str]


@dataclass(slots=True)
class _Circuit:
    failures: deque[float] = field(default_factory=lambda: deque(maxlen=FAILURES))
    opened_at: float | None = None
    probing: bool = False
    last_error: str = ""


SLOW = "TooSlow"  # in place of the class of an error


@dataclass(frozen=True, slots=True)
class Degraded:
    """A hook of a plugin that is left alone for a tenant (``tenant`` is its key)."""

    tenant: str
    plugin: str
    hook: str
    error: str


@dataclass(slots=True)
class Metric:
    """Counters of one hook of one plugin in this process; no person, no tenant."""

    calls: int = 0
    failures: int = 0
    seconds: float = 0.0


class Breaker:
    """Counts failures by (tenant, plugin, hook) and opens after five within a minute.

    An open circuit stays open for five minutes, then lets one probe through: success closes it,
    failure opens it again. ``clock`` returns seconds and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._circuits: dict[Key, _Circuit] = {}
        self._metrics: dict[tuple[str, str], Metric] = {}
        self._slow: dict[Key, deque[float]] = {}
        self._lock = threading.Lock()
        self.opened = 0  # how many times a circuit opened: processes tell the others when it moves

    def allows(self, tenant: str, plugin: str, hook: str) -> bool:
        """Tell whether the call may go through; a probe is granted to one caller only."""
        circuit = self._circuits.get((tenant, plugin, hook))
        if circuit is None or circuit.opened_at is None:
            return True
        with self._lock:
            if circuit.opened_at is None:
                return True
            if circuit.probing or self._clock() - circuit.opened_at < OPEN_SECONDS:
                return False
            circuit.probing = True
            return True

    def failed(self, tenant: str, plugin: str, hook: str, error: Exception) -> None:
        """Record a failure; open the circuit at the fifth within the window or a failed probe."""
        moment = self._clock()
        with self._lock:
            self._metric(plugin, hook).failures += 1
            self._metric(plugin, hook).calls += 1
            if len(self._circuits) >= _MAX_CIRCUITS:
                self._circuits.clear()
            circuit = self._circuits.setdefault((tenant, plugin, hook), _Circuit())
            circuit.last_error = type(error).__name__
            circuit.failures.append(moment)
            full = len(circuit.failures) == FAILURES
            opens = circuit.probing or (full and moment - circuit.failures[0] <= WINDOW_SECONDS)
            if opens:
                circuit.opened_at, circuit.probing = moment, False
                self.opened += 1
        logger.warning(
            "hook %s of %s failed: %s", hook, plugin, type(error).__name__, exc_info=error
        )
        if opens:
            logger.error("hook %s of %s is left alone for %.0f s", hook, plugin, OPEN_SECONDS)

    def succeeded(
        self, tenant: str, plugin: str, hook: str, seconds: float, *, slow: bool = False
    ) -> None:
        """Record a success, which closes the circuit; ``slow`` says that it took too long.

        Slow answers are used all the same: they are counted so that the operator sees them, and
        forgotten at the first quick one.
        """
        key = (tenant, plugin, hook)
        with self._lock:
            if slow:
                if len(self._slow) >= _MAX_CIRCUITS:
                    self._slow.clear()
                times = self._slow.setdefault(key, deque(maxlen=FAILURES))
                times.append(self._clock())
            else:
                self._slow.pop(key, None)
            metric = self._metric(plugin, hook)
            metric.calls += 1
            metric.seconds += seconds
            circuit = self._circuits.get((tenant, plugin, hook))
            if circuit is not None and circuit.opened_at is not None:
                del self._circuits[(tenant, plugin, hook)]

    def state(self, tenant: str, plugin: str, hook: str) -> Literal["closed", "open", "probing"]:
        """Return the state of one circuit."""
        circuit = self._circuits.get((tenant, plugin, hook))
        if circuit is None or circuit.opened_at is None:
            return "closed"
        return "probing" if circuit.probing else "open"

    def degraded(self, tenant: str = "") -> list[Degraded]:
        """Return the open circuits, of one tenant or of all (operator)."""
        with self._lock:
            return sorted(
                (
                    Degraded(*key, circuit.last_error)
                    for key, circuit in self._circuits.items()
                    if circuit.opened_at is not None and tenant in ("", key[0])
                ),
                key=lambda item: (item.tenant, item.plugin, item.hook),
            )

    def troubles(self) -> list[dict[str, str | int]]:
        """Return what fails here by module, tenant and hook, as plain values for other processes.

        ``error`` is the class of the last error, as its text could name a person, or ``TooSlow``.
        ``failures`` counts those of the last minute, five at most.
        """
        moment = self._clock()
        with self._lock:
            rows: list[dict[str, str | int]] = [
                {
                    "tenant": key[0],
                    "plugin": key[1],
                    "hook": key[2],
                    "error": circuit.last_error,
                    "failures": sum(moment - at <= WINDOW_SECONDS for at in circuit.failures),
                    "open": int(circuit.opened_at is not None),
                }
                for key, circuit in self._circuits.items()
            ]
            rows += [
                {
                    "tenant": key[0],
                    "plugin": key[1],
                    "hook": key[2],
                    "error": SLOW,
                    "failures": sum(moment - at <= WINDOW_SECONDS for at in times),
                    "open": 0,
                }
                for key, times in self._slow.items()
            ]
        return sorted(
            (row for row in rows if row["open"] or row["failures"]),
            key=lambda row: (str(row["plugin"]), str(row["tenant"]), str(row["hook"])),
        )

    def metrics(self) -> dict[tuple[str, str], Metric]:
        """Return a copy of the counters by (plugin, hook)."""
        with self._lock:
            return {
                key: Metric(value.calls, value.failures, value.seconds)
                for key, value in self._metrics.items()
            }

    def reset(self) -> None:
        """Close every circuit and forget every counter."""
        with self._lock:
            self._circuits.clear()
            self._slow.clear()
            self._metrics.clear()

    def _metric(self, plugin: str, hook: str) -> Metric:
        return self._metrics.setdefault((plugin, hook), Metric())
