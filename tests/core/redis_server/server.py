"""A real Redis server of the tests: started, stopped, started again on the same port."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.core.tasks.stack import free_port


@dataclass
class RedisServer:
    """One private server on the loopback, nothing written to the disk."""

    program: str
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def client(self, database: int) -> redis.Redis:
        return redis.Redis.from_url(self.url(database))

    def start(self) -> None:
        """Start the server, empty, and return once it answers."""
        self.process = subprocess.Popen(
            [
                self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--dir", str(self.folder), "--logfile", "redis.log",
            ],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                if self.client(0).ping():
                    return
            except redis.ConnectionError:
                time.sleep(0.02)
        raise AssertionError((self.folder / "redis.log").read_text())

    def stop(self) -> None:
        """End the server at once; what it held is lost."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


def find(folder: Path) -> RedisServer | None:
    """Return a server that is not started yet, or None when the program is not installed."""
    program = shutil.which("redis-server")
    return RedisServer(program, folder, free_port()) if program else None
