"""Progress writer of the command line; standard library only, usable before Django is installed.

Everything goes to the error stream, so that the output of a command stays clean for a pipe.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

FRAMES = "|/-\\"
TICK = 0.12  # seconds between two frames of the spinner
HEARTBEAT = 15.0  # seconds between two lines when the stream is not a terminal


class Progress:
    """Writes steps with their duration; a spinner on a terminal, plain lines elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._lock = threading.Lock()
        self._text = ""
        self._spinning = False

    def line(self, text: str = "") -> None:
        """Write one line, above the spinner when one is turning."""
        with self._lock:
            self._erase()
            self._write(f"{text}\n")

    def note(self, text: str) -> None:
        """Change the detail shown beside the running step (nothing without a terminal)."""
        self._text = text

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a long step while it runs and its duration at the end, also when it fails."""
        began = time.monotonic()
        ended = threading.Event()
        self._text = ""
        ticker = threading.Thread(
            target=self._turn, args=(title, began, ended), name="progress", daemon=True
        )
        ticker.start()
        outcome = "failed after"
        try:
            yield
            outcome = "done in"
        except (KeyboardInterrupt, SystemExit):
            outcome = "interrupted after"
            raise
        finally:
            ended.set()
            ticker.join()
            self.line(f"  {title}: {outcome} {time.monotonic() - began:.1f} s")

    def table(self, heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows in aligned columns under a heading."""
        for text in table(heading, rows):
            self.line(text)

    def _turn(self, title: str, began: float, ended: threading.Event) -> None:
        if not self._terminal:
            while not ended.wait(HEARTBEAT):
                self.line(f"  {title}: {time.monotonic() - began:.0f} s so far. {self._text}")
            return
        for frame in itertools.cycle(FRAMES):
            with self._lock:
                self._erase()
                detail = f" {self._text}" if self._text else ""
                seconds = time.monotonic() - began
                self._write(f"{frame} {title} ({seconds:.0f} s){detail}"[:110])
                self._spinning = True
            if ended.wait(TICK):
                return

    def _erase(self) -> None:
        if self._spinning:
            self._write("\r\x1b[K")
            self._spinning = False

    def _write(self, text: str) -> None:
        # A closed terminal must not stop the command that is shutting its servers down.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a text table; the columns are as wide as their longest cell."""
    lines = [list(heading), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    lines.insert(1, ["-" * width for width in widths])
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
