"""Directories that the database's own user can reach, and commands that open a server there."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tenants.scratch_folder import scratch_folder

ROOT = Path(__file__).resolve().parents[3]
SERVE = Path(__file__).with_name("serve.py")
LEFT_OUT = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "PYTHONPATH")


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment without what the surrounding test run put there."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in LEFT_OUT and not name.startswith(("TREMPLIN_", "PG", "PYTEST_"))
    }
    return kept | extra


def gone(pid: int, *, limit: float = 10.0) -> bool:
    """Whether a process ends within the limit, in seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


class Command:
    """A separate command that holds a server open."""

    def __init__(self, directory: Path, *options: str, **popen: Any) -> None:
        prefix = popen.pop("prefix", [])
        interpreter = popen.pop("interpreter", sys.executable)
        popen.setdefault("env", clean_environment())
        self.process = subprocess.Popen(
            [*prefix, interpreter, str(SERVE), str(directory), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **popen,
        )

    def told(self) -> dict[str, Any]:
        """Next line that the command writes."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], 45)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.process.kill()
            raise AssertionError(f"the command said nothing: {self.process.communicate()[1]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def say(self, word: str) -> None:
        """Give an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Ask the command to leave and return its exit status."""
        with contextlib.suppress(OSError, ValueError):
            self.say("exit")
        return self.process.wait(30)


@pytest.fixture(autouse=True)
def no_outer_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests start servers of their own, whatever database the run itself uses."""
    for name in ("DATABASE_URL", "TREMPLIN_EMBEDDED_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder for one test."""
    with scratch_folder("tremplin-boot") as path:
        yield path


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """An embedded directory that several tests start and stop in turn."""
    with scratch_folder("tremplin-boot") as path:
        yield path / "postgres"


@pytest.fixture
def command() -> Iterator[Callable[..., Command]]:
    """Make commands; those still running at the end of the test are ended."""
    made: list[Command] = []

    def make(directory: Path, *options: str, **popen: Any) -> Command:
        made.append(Command(directory, *options, **popen))
        return made[-1]

    yield make
    for item in made:
        if item.process.poll() is None:
            item.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                item.process.wait(20)
        for stream in (item.process.stdin, item.process.stdout, item.process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
