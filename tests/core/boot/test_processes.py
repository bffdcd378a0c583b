"""The supervisor of the web and worker processes, run on small real programs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tremplin.config import processes

from .conftest import ROOT, clean_environment, gone

ANSWERS = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()
    def log_message(self, *arguments): pass
signal.signal(signal.SIGTERM, lambda *_: (print("web leaves", flush=True), os._exit(0)))
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
WAITS = """
import os, signal, subprocess, sys, time
if "--child" in sys.argv:
    print("child", subprocess.Popen(["sleep", "300"]).pid, flush=True)
def leave(*_):
    if "--stubborn" not in sys.argv:
        print("worker leaves", flush=True)
        os._exit(0)
signal.signal(signal.SIGTERM, leave)
print("ERROR: the queue is full", flush=True)
print("nothing special", flush=True)
while True: time.sleep(1)
"""
# Runs a supervisor as `demo` does, in a process of its own, so that it can be sent real signals.
STACK = """
import json, sys
from pathlib import Path
from tremplin.config.processes import Program, Supervisor
def report(text):
    print(json.dumps(text), flush=True)
port, folder, *flags = sys.argv[1:]
programs = [
    Program("web", [sys.executable, "-u", folder + "/answers.py", port]),
    Program("worker", [sys.executable, "-u", folder + "/waits.py", *flags]),
]
supervisor = Supervisor(programs, root=Path(folder), logs=Path(folder, "log"), report=report)
with supervisor.running():
    ready = supervisor.wait_until_ready(f"http://127.0.0.1:{port}/health/ready", limit=30)
    report(["ready", ready, [child.pid for child in supervisor.children]])
    supervisor.serve()
report("stopped")
"""


@pytest.fixture
def programs(folder: Path) -> Path:
    """A folder that holds the two programs."""
    (folder / "answers.py").write_text(ANSWERS)
    (folder / "waits.py").write_text(WAITS)
    (folder / "stack.py").write_text(STACK)
    return folder


class Stack:
    """A running supervisor and what it reported."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        self.said: list[object] = []
        path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
        self.process = subprocess.Popen(
            [sys.executable, str(folder / "stack.py"), str(processes.free_port()), str(folder)]
            + list(flags),
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(PYTHONPATH=path),
            start_new_session=True,
        )

    def until(self, wanted: Callable[[object], bool]) -> object:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))
            if wanted(self.said[-1]):
                return self.said[-1]
        raise AssertionError(f"the supervisor only said {self.said}")

    def ready(self) -> tuple[int, int]:
        answer = self.until(lambda text: isinstance(text, list) and text[0] == "ready")
        assert isinstance(answer, list)
        assert answer[1] is True
        web, worker = answer[2]
        return web, worker

    def log(self, name: str) -> str:
        return (self.folder / "log" / f"{name}.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_everything_in_order(programs: Path, number: int) -> None:
    stack = Stack(programs)
    web, worker = stack.ready()
    began = time.monotonic()
    os.kill(stack.process.pid, number)
    stack.until(lambda text: text == "stopped")
    assert stack.process.wait(10) == 0
    assert time.monotonic() - began < 5
    assert gone(web)
    assert gone(worker)
    assert stack.log("web") == "web leaves\n"
    assert stack.log("worker").splitlines()[-1] == "worker leaves"
    files = [(programs / "log" / f"{name}.log").stat().st_mtime_ns for name in ("web", "worker")]
    assert files == sorted(files)


def test_second_signal_kills_what_does_not_stop(programs: Path) -> None:
    stack = Stack(programs, "--stubborn")
    web, worker = stack.ready()
    os.kill(stack.process.pid, signal.SIGINT)
    assert gone(web)
    assert Path(f"/proc/{worker}").exists()
    os.kill(stack.process.pid, signal.SIGINT)
    stack.until(lambda text: text == "stopped")
    assert stack.process.wait(10) == 0
    assert gone(worker)
    assert "The worker process does not stop: it is killed." in stack.said


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells of a parent's death on Linux")
def test_children_go_with_a_killed_supervisor(programs: Path) -> None:
    stack = Stack(programs)
    web, worker = stack.ready()
    stack.process.kill()
    stack.process.wait()
    assert gone(web)
    assert gone(worker)


def test_dead_child_starts_again_and_its_leftovers_go(programs: Path) -> None:
    stack = Stack(programs, "--child")
    _, worker = stack.ready()
    first = next(line for line in stack.log("worker").splitlines() if line.startswith("child"))
    os.kill(worker, signal.SIGKILL)
    stack.until(lambda text: isinstance(text, str) and "process ended" in text)
    assert str(stack.said[-1]).startswith(
        "The worker process ended (signal SIGKILL): it starts again in 0.5 s. Last line: "
    )
    assert gone(int(first.split()[1]))
    stack.until(lambda text: text == "[worker] ERROR: the queue is full")
    assert stack.log("worker").count("ERROR: the queue is full") == 2
    os.kill(stack.process.pid, signal.SIGTERM)
    assert stack.process.wait(20) == 0


def test_only_errors_of_the_logs_are_shown(programs: Path) -> None:
    stack = Stack(programs)
    stack.until(lambda text: text == "[worker] ERROR: the queue is full")
    stack.process.terminate()
    assert stack.process.wait(20) == 0
    assert "[worker] nothing special" not in stack.said


def test_program_that_cannot_start_is_explained(folder: Path) -> None:
    program = processes.Program(
        "web", [sys.executable, "-c", "import sys; sys.exit('no module named site')"]
    )
    said: list[str] = []
    supervisor = processes.Supervisor(
        [program], root=folder, logs=folder / "log", report=said.append
    )
    with (
        supervisor.running(),
        pytest.raises(processes.ProcessError) as caught,
    ):
        supervisor.wait_until_ready("http://127.0.0.1:1/health/ready", limit=30)
    assert str(caught.value) == (
        f"The web process cannot start: no module named site (see {folder / 'log' / 'web.log'})."
    )
    assert [line.split(" in ")[1] for line in said] == [
        "0.5 s. Last line: no module named site",
        "2.0 s. Last line: no module named site",
        "4.0 s. Last line: no module named site",
    ]


def test_port_that_is_taken_or_reserved() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(processes.ProcessError) as caught:
            processes.require_free_port(port)
    assert str(caught.value) == (
        f"Port {port} is already used by another program: stop it, or choose another one with "
        "--port."
    )
    processes.require_free_port(port)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('{"levelname": "ERROR", "message": "mail refused"}', "mail refused"),
        ('{"level": "critical", "event": "disk full"}', "disk full"),
        ('{"levelname": "INFO", "message": "an ERROR was avoided"}', ""),
        ('{"broken', ""),
        (
            "[2026-01-05 10:00:00,000: ERROR/MainProcess] consumer",
            "[2026-01-05 10:00:00,000: ERROR/MainProcess] consumer",
        ),
        ("ERROR:    Exception in ASGI application", "ERROR:    Exception in ASGI application"),
        ("INFO:     127.0.0.1:5000 - GET / 200", ""),
        ("", ""),
    ],
)
def test_serious_lines(line: str, shown: str) -> None:
    assert processes.serious(line) == shown


def test_large_log_is_set_aside(folder: Path) -> None:
    log = folder / "log" / "web.log"
    log.parent.mkdir()
    with open(log, "wb") as stream:
        stream.truncate(processes.LOG_LIMIT + 1)
    child = processes.Child(processes.Program("web", [sys.executable, "-c", "print(1)"]), log)
    child.start(folder)
    while child.running:
        time.sleep(0.01)
    assert child.died() == 0
    assert log.read_text() == "1\n"
    assert log.with_suffix(".log.1").stat().st_size == processes.LOG_LIMIT + 1
