"""Supervisor of the web and worker processes of ``demo`` and ``dev``."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenants.embedded import die_with_parent

WINDOWS = sys.platform == "win32"
HOST = "127.0.0.1"
POLL = 0.1  # seconds between two looks at the children
READY_LIMIT = 90.0  # seconds until the web process must answer
STOP_LIMIT = 12.0  # seconds of graceful stop: uvicorn grants its requests 10
STEADY = 60.0  # seconds after which a restarted child is forgiven its earlier deaths
LONGEST_PAUSE = 30.0  # seconds between two restarts at most
DEATHS_BEFORE_READY = 3
LOG_LIMIT = 10 * 1024 * 1024
SERIOUS = frozenset({"ERROR", "CRITICAL", "FATAL"})


class ProcessError(Exception):
    """The stack cannot run; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: name shown to people, command, extra environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def require_free_port(port: int) -> None:
    """Refuse a port that another program listens on.

    Raises :class:`ProcessError` naming the port and ``--port``.
    """
    with socket.socket() as probe:
        if not WINDOWS:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise ProcessError(
                f"Port {port} is reserved to the administrator of this computer: choose one above "
                "1023 with --port."
            ) from None
        except (OSError, OverflowError):
            raise ProcessError(
                f"Port {port} is already used by another program: stop it, or choose another one "
                "with --port."
            ) from None


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Child:
    """One supervised process: its log, its deaths, its next start."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.deaths = 0
        self.next_start = 0.0
        self._started = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._read = 0
        self._partial = b""

    @property
    def pid(self) -> int | None:
        """Process number while the child runs."""
        return self._process.pid if self._process else None

    def start(self, root: Path) -> None:
        """Start the process in its own session, its output appended to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            os.replace(self.log, self.log.with_suffix(".log.1"))
        options: dict[str, Any] = {}
        if not WINDOWS:
            options = {"start_new_session": True, "preexec_fn": die_with_parent(signal.SIGTERM)}
        with open(self.log, "ab") as stream:
            self._read = stream.tell()
            self._process = subprocess.Popen(  # noqa: S603
                list(self.program.command),
                cwd=root,
                env={**os.environ, **self.program.environment},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                **options,
            )
        self._started = time.monotonic()

    def died(self) -> int | None:
        """Exit status of a child that ended by itself, once; its leftovers are swept."""
        if self._process is None:
            return None
        status = self._process.poll()
        if status is None:
            if self.deaths and time.monotonic() - self._started > STEADY:
                self.deaths = 0
            return None
        self._signal_group(getattr(signal, "SIGKILL", signal.SIGTERM))
        self._process = None
        pause = min(2.0**self.deaths, LONGEST_PAUSE) if self.deaths else 0.5
        self.deaths += 1
        self.next_start = time.monotonic() + pause
        return status

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process, which stops its own children."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        """End the process and everything it started."""
        if self._process:
            self._signal_group(getattr(signal, "SIGKILL", signal.SIGTERM))
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process = None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def new_lines(self) -> list[str]:
        """Whole lines written to the log since the last call."""
        try:
            with open(self.log, "rb") as stream:
                stream.seek(self._read)
                block = stream.read(1024 * 1024)
        except FileNotFoundError:
            return []
        self._read += len(block)
        *lines, self._partial = (self._partial + block).split(b"\n")
        return [line.decode(errors="replace").rstrip() for line in lines]

    def _signal_group(self, number: int) -> None:
        if self._process is None:
            return
        if WINDOWS:
            self._process.kill()
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


class Supervisor:
    """Starts programs, waits until the first answers, keeps them alive and stops them in order.

    ``report`` receives one line per event.  ``look_after`` is called at every round and may repair
    what the programs depend on.  With ``verbose`` every log line is shown, else errors only.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        root: Path,
        logs: Path,
        report: Callable[[str], None],
        look_after: Callable[[], None] | None = None,
        verbose: bool = False,
    ) -> None:
        self._root = root
        self._report = report
        self._look_after = look_after or (lambda: None)
        self._verbose = verbose
        self._ready = False
        self._requests = 0
        self.children = [Child(item, logs / f"{item.name}.log") for item in programs]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run the children for a block; SIGINT, SIGTERM and SIGHUP ask for a stop meanwhile."""
        numbers = [signal.SIGINT, signal.SIGTERM, *([] if WINDOWS else [signal.SIGHUP])]
        saved = {number: signal.signal(number, self._asked) for number in numbers}
        try:
            for child in self.children:
                child.start(self._root)
            yield
        finally:
            try:
                self._stop()
            finally:
                for number, handler in saved.items():
                    signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    @property
    def stopping(self) -> bool:
        """Whether someone asked for a stop."""
        return self._requests > 0

    def wait_until_ready(self, url: str, *, limit: float = READY_LIMIT) -> bool:
        """Wait for a 200 at ``url``; False when a stop was asked for meanwhile.

        Raises :class:`ProcessError` when a program keeps dying or the limit (seconds) passes.
        """
        end = time.monotonic() + limit
        while not self.stopping:
            if answers(url):
                self._ready = True
                return True
            self._round()
            for child in self.children:
                if child.deaths >= DEATHS_BEFORE_READY:
                    raise ProcessError(
                        f"The {child.program.name} process cannot start: {last_line(child.log)} "
                        f"(see {child.log})."
                    )
            if time.monotonic() > end:
                raise ProcessError(
                    f"The web process is not ready after {limit:.0f} seconds: see "
                    f"{self.children[0].log}."
                )
            time.sleep(POLL)
        return False

    def serve(self) -> None:
        """Keep the children alive until a stop is asked for."""
        while not self.stopping:
            self._round()
            time.sleep(POLL)

    def _round(self) -> None:
        self._look_after()
        for child in self.children:
            self._show(child)
            status = child.died()
            if status is not None:
                pause = max(0.0, child.next_start - time.monotonic())
                self._report(
                    f"The {child.program.name} process ended ({meaning(status)}): it starts again "
                    f"in {pause:.1f} s. Last line: {last_line(child.log)}"
                )
            elif not child.running and time.monotonic() >= child.next_start:
                child.start(self._root)

    def _show(self, child: Child) -> None:
        for line in child.new_lines():
            text = line if self._verbose else serious(line)
            if text:
                self._report(f"[{child.program.name}] {text}")

    def _asked(self, _number: int, _frame: object) -> None:
        self._requests += 1

    def _stop(self) -> None:
        """Stop each child in order; a second request kills those that are left."""
        began_with = self._requests
        for child in self.children:
            child.ask_to_stop()
            end = time.monotonic() + STOP_LIMIT
            while child.running and time.monotonic() < end and self._requests <= max(1, began_with):
                time.sleep(0.02)
            if child.running:
                self._report(f"The {child.program.name} process does not stop: it is killed.")
            child.kill()


def answers(url: str, *, limit: float = 5.0) -> bool:
    """Whether a GET of ``url`` is answered 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=limit) as response:
            return int(response.status) == 200
    except (OSError, urllib.error.URLError, ValueError):
        return False


def serious(line: str) -> str:
    """The message of a log line that is an error, else an empty text."""
    if line.startswith("{"):
        try:
            record = json.loads(line)
        except ValueError:
            return ""
        level = str(record.get("levelname") or record.get("level") or "").upper()
        if level not in SERIOUS:
            return ""
        return str(record.get("message") or record.get("event") or line)
    words = line.replace("[", " ").replace("]", " ").replace(":", " ").replace("/", " ").split()
    return line if SERIOUS.intersection(words[:8]) else ""


def last_line(log: Path) -> str:
    """Last written line of a log, shortened for a sentence."""
    try:
        with open(log, encoding="utf-8", errors="replace") as stream:
            lines = deque((line.strip() for line in stream if line.strip()), maxlen=1)
    except FileNotFoundError:
        return "nothing was written"
    return lines[0][:300] if lines else "nothing was written"


def meaning(status: int) -> str:
    """Exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
