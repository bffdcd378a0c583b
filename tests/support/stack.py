"""A whole demo for tests: its own database, the real web process and the real worker."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
WEB = ("-m", "uvicorn", "tremplin.config.asgi:application", "--host", "127.0.0.1")
WORKER = (
    *("-m", "celery", "-A", "tremplin.config.celery", "worker", "-P", "threads", "-c", "2", "-B"),
    *("--without-mingle", "--without-gossip", "--without-heartbeat"),
)


def free_port() -> int:
    """Return a TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stack:
    """The addresses and processes of a running demo."""

    port: int
    data: Path
    environment: dict[str, str]
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    # Cookies of the sessions that browser tests opened, by host and e-mail.
    sessions: dict[tuple[str, str], Any] = field(default_factory=dict)

    def url(self, host: str, path: str = "/") -> str:
        """Return the address of ``path`` on the space served at ``host``."""
        return f"http://{host}:{self.port}{path}"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, name: str) -> None:
        """Start ``web`` or ``worker``."""
        arguments = WORKER
        if name == "web":
            arguments = (*WEB, "--port", str(self.port), "--no-proxy-headers", "--lifespan", "on")
        log = (self.data / f"{name}.log").open("ab")
        self.children[name] = subprocess.Popen(  # noqa: S603  our own interpreter
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the whole process group of a child and wait for its end."""
        child = self.children.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, sign)
        child.wait(timeout=30)

    def wait_ready(self) -> None:
        """Wait until the readiness probe answers 200; raise with the log's end otherwise."""
        limit = time.monotonic() + READY_SECONDS
        while time.monotonic() < limit:
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/health/ready")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.1)
        tail = (self.data / "web.log").read_text(errors="replace")[-3000:]
        raise RuntimeError(f"the web process is not ready after {READY_SECONDS} s:\n{tail}")

    def stop(self) -> None:
        for name in list(self.children):
            self.kill(name, signal.SIGTERM)


@contextlib.contextmanager
def demo_stack(*, worker: bool = True, modules: str = "") -> Iterator[Stack]:
    """Run a demo on a database of its own for the length of the block.

    Call it where the database is unblocked. The demo world is loaded in a child process in mode
    ``demo``, as the command does. ``modules`` is a folder of modules beside the bundled ones.
    """
    from tenants import databases, setup

    data = Path(tempfile.mkdtemp(prefix="tremplin-stack-"))
    name = f"tremplin_stack_{os.getpid()}_{data.name[-6:].lower()}"
    databases.create(name)
    former = databases.point_at(name)
    database_url = setup.url()
    databases.point_at(former)
    port = free_port()
    environment = _environment(data, database_url, port)
    stack = Stack(port, data, {**environment, "TREMPLIN_EXTRA_PLUGINS": modules})
    try:
        _load(stack)
        stack.start("web")
        if worker:
            stack.start("worker")
        stack.wait_ready()
        yield stack
    finally:
        stack.stop()
        databases.drop(name)
        shutil.rmtree(data, ignore_errors=True)


def _environment(data: Path, database_url: str, port: int) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TREMPLIN_")}
    return {
        **kept,
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "tremplin.config.settings",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
        "TREMPLIN_MODE": "demo",
        "TREMPLIN_DATA_DIR": str(data),
        "TREMPLIN_PUBLIC_PORT": str(port),
        "TREMPLIN_LOG_FORMAT": "text",
    }


LOADER = """
import django
django.setup()
from tenants import setup
from tremplin.operations.demo import loader
setup.ensure_database(lambda text: None)
loader.prepare(reset=True, report=lambda text: None)
"""


def _load(stack: Stack) -> None:
    done: Any = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", LOADER],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the demo world was not loaded:\n{done.stderr[-3000:]}")
