"""Measures the start of the product: second start, reset, memory of the whole stack.

Everything happens in a folder made for the run and removed with it, through the same command that
a person types.  The second start is compared with the very first one, on an empty folder.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.measure import Measure, at_most
from tremplin.config.processes import free_port, last_line

NEEDS_DATABASE = False
ROOT = Path(__file__).resolve().parents[2]
HOST = "tremplin.localhost"
PAGES = ("/", "/accounts/login/")
SECOND_START = 5.0  # seconds to the first page
RESET = 60.0  # seconds to readiness
GIVE_UP = 600.0  # seconds
SAMPLE = 0.5  # seconds between two looks at the memory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this measure."""
    parser.add_argument("--visits", type=int, default=20, help="page visits while memory is read")


def run(options: argparse.Namespace) -> Iterator[Measure]:
    """Yield the measures, each as soon as it is known."""
    folder = Path(tempfile.mkdtemp(prefix="tremplin-bench-"))
    folder.chmod(0o711)  # the database's own user has to pass
    try:
        with _stack(folder) as first:
            cold = first.until("/health/ready")
        with _stack(folder) as second:
            warm = second.until("/")
            ready = second.until("/health/ready")
            with second.memory() as peak:
                for number in range(options.visits):
                    second.status(PAGES[number % len(PAGES)])
                time.sleep(SAMPLE * 2)
        start = at_most("second start to first page", warm, "s", SECOND_START)
        yield Measure(
            start.name, warm, "s", cold, cold / warm, target=start.target, holds=start.holds
        )
        yield Measure("second start to ready", ready, "s", cold, cold / ready)
        yield Measure("first start, empty folder, to ready", cold, "s")
        with _stack(folder, "--reset") as third:
            yield at_most("reset to ready", third.until("/health/ready"), "s", RESET)
        for name in sorted(peak):
            yield Measure(f"peak memory, {name}", peak[name], "MB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Stack:
    """A running ``manage.py demo``."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, began: float, log: Path):
        self._process = process
        self._port = port
        self._began = began
        self._log = log

    def status(self, path: str) -> int:
        """HTTP status of a page, 0 when nothing answers."""
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            link.request("GET", path, headers={"Host": f"{HOST}:{self._port}"})
            response = link.getresponse()
            response.read()
            return response.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            link.close()

    def until(self, path: str) -> float:
        """Seconds from the start of the command to the first good answer of a page."""
        while self.status(path) != 200:
            if self._process.poll() is not None:
                raise SystemExit(f"The demo ended before it answered: {last_line(self._log)}")
            if time.monotonic() - self._began > GIVE_UP:
                raise SystemExit(f"{path} did not answer 200 within {GIVE_UP:.0f} seconds.")
            time.sleep(0.02)
        return time.monotonic() - self._began

    @contextlib.contextmanager
    def memory(self) -> Iterator[dict[str, float]]:
        """Highest memory in MB by part and in total while the block runs.

        Shared pages are divided among the processes that share them where the system tells
        (PSS); elsewhere they count once per process.
        """
        peak: dict[str, float] = {}
        ended = threading.Event()

        def watch() -> None:
            while not ended.is_set():
                for name, value in _memory(self._process.pid).items():
                    peak[name] = max(peak.get(name, 0.0), value)
                ended.wait(SAMPLE)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield peak
        finally:
            ended.set()
            thread.join()


@contextlib.contextmanager
def _stack(folder: Path, *options: str) -> Iterator[_Stack]:
    port = free_port()
    command = [sys.executable, str(ROOT / "manage.py"), "demo", "--data", str(folder)]
    dropped = ("DATABASE_URL", "TREMPLIN_MODE", "TREMPLIN_DATA_DIR", "TREMPLIN_EMBEDDED_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    log = folder / "bench.log"
    with open(log, "wb") as stream:
        began = time.monotonic()
        process = subprocess.Popen(
            [*command, "--port", str(port), *options],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        yield _Stack(process, port, began, log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _memory(pid: int) -> dict[str, float]:
    found = {"whole stack": 0.0, "database": 0.0, "web": 0.0, "worker": 0.0, "supervisor": 0.0}
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return found
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            detail = process.memory_full_info()
            size = float(getattr(detail, "pss", detail.rss)) / 2**20
            found[_part(process, pid)] += size
            found["whole stack"] += size
    return found


def _part(process: psutil.Process, supervisor: int) -> str:
    if process.pid == supervisor:
        return "supervisor"
    line = " ".join(process.cmdline())
    if "uvicorn" in line:
        return "web"
    return "database" if "postgres" in line else "worker"
