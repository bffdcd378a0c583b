"""Runs a script on hostile bytes in a child process that can do little and not for long.

The child is ``python -I``: no user site, no ``PYTHON*`` variable, no folder of ours on its path.
A small launcher sets the resource limits before anything heavy is imported (``preexec_fn`` is not
safe in a threaded parent). Without the ``resource`` module (Windows) only the timeout protects.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Literal

logger = logging.getLogger(__name__)

Reason = Literal["timeout", "memory", "cpu", "crashed", "failed", "output_too_large", "not_started"]

LAUNCHER = Path(__file__).with_name("limited_launcher.py")
OUTPUT_LIMIT = 64 * 1024 * 1024
_ERROR_TAIL = 4000
_OUT_OF_MEMORY = 77  # exit status of the launcher, agreed with limited_launcher.py
_CHUNK = 65536


class LimitedProcessError(Exception):
    """The child did not give an answer.

    ``reason`` is a stable code; ``detail`` is the end of what it wrote on its error stream, for
    logs only: it may quote the file.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.detail = detail


class _Reader(threading.Thread):
    """Drains one pipe of the child; keeps at most ``limit`` bytes."""

    def __init__(self, pipe: IO[bytes], limit: int, *, keep_tail: bool) -> None:
        super().__init__(daemon=True)
        self._pipe, self._limit, self._keep_tail = pipe, limit, keep_tail
        self.data = bytearray()
        self.is_over = threading.Event()

    def run(self) -> None:
        """Read to the end; past the limit keep the tail, or stop keeping and say so."""
        with contextlib.suppress(OSError, ValueError):
            while chunk := self._pipe.read1(_CHUNK):  # type: ignore[attr-defined]
                self.data += chunk
                if len(self.data) > self._limit:
                    if self._keep_tail:
                        del self.data[: -self._limit]
                    else:
                        self.data.clear()
                        self.is_over.set()
                        return


def _feed(pipe: IO[bytes], data: bytes) -> None:
    # A child that ends before reading everything is judged by its exit status, not by this pipe.
    with contextlib.suppress(OSError, ValueError):
        pipe.write(data)
    with contextlib.suppress(OSError, ValueError):
        pipe.close()


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Kill the child and whatever it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    child.wait()


def run(
    script: Path,
    data: bytes,
    *,
    timeout: float = 15.0,
    memory_mb: int = 768,
    cpu_seconds: int = 10,
    open_files: int = 64,
    output_limit: int = OUTPUT_LIMIT,
) -> bytes:
    """Run ``script`` with ``data`` on its standard input; return its standard output.

    Parameters: ``timeout`` in seconds of wall time, ``memory_mb`` of address space in MiB,
    ``cpu_seconds`` of processor time, ``open_files`` descriptors, ``output_limit`` in bytes. The
    child cannot write to any file. Raises ``LimitedProcessError``.
    """
    command = [
        sys.executable,
        "-I",
        str(LAUNCHER),
        str(memory_mb),
        str(cpu_seconds),
        str(open_files),
        str(Path(script).resolve()),
    ]
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        **{name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
    }
    try:
        child = subprocess.Popen(  # noqa: S603  our interpreter, our script
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=os.path.abspath(os.sep),
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise LimitedProcessError("not_started", str(error)) from error
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    output = _Reader(child.stdout, output_limit, keep_tail=False)
    errors = _Reader(child.stderr, _ERROR_TAIL, keep_tail=True)
    feeder = threading.Thread(target=_feed, args=(child.stdin, data), daemon=True)
    for thread in (output, errors, feeder):
        thread.start()
    try:
        reason = _wait(child, output, timeout)
    finally:
        _stop(child)
        for thread in (output, errors, feeder):
            thread.join(1.0)
        for pipe in (child.stdin, child.stdout, child.stderr):
            with contextlib.suppress(OSError, ValueError):
                pipe.close()
    reason = reason or _verdict(child.returncode)
    if reason is not None:
        detail = bytes(errors.data).decode("utf-8", "replace")
        logger.info("%s on %d bytes: %s", Path(script).name, len(data), reason)
        raise LimitedProcessError(reason, detail)
    return bytes(output.data)


def _wait(child: subprocess.Popen[bytes], output: _Reader, timeout: float) -> Reason | None:
    end = time.monotonic() + timeout
    while True:
        if output.is_over.is_set():
            return "output_too_large"
        remaining = end - time.monotonic()
        if remaining <= 0:
            return "timeout"
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(min(0.05, remaining))
            # What is still in the pipe counts against the limit too.
            output.join(max(0.0, end - time.monotonic()))
            return "output_too_large" if output.is_over.is_set() else None


def _verdict(status: int) -> Reason | None:
    if status == 0:
        return None
    if status == _OUT_OF_MEMORY:
        return "memory"
    if status < 0:
        is_cpu = -status in {getattr(signal, "SIGXCPU", 0), getattr(signal, "SIGKILL", 0)}
        return "cpu" if is_cpu else "crashed"
    return "failed"
