"""The tutorial, run as it is written: its commands and its code."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tremplin.kernel.discovery import ROOT

PAGE = ROOT / "docs" / "tutorials" / "your-first-module.md"
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST = 600


@pytest.fixture
def home() -> Iterator[Path]:
    """A home folder that the database's own user can reach, with ``python3`` as it runs here."""
    folder = Path(tempfile.mkdtemp(prefix="tremplin-tutorial-"))
    folder.chmod(0o711)
    (folder / "bin").mkdir()
    shim = folder / "bin" / "python3"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    shim.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def environment(home: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TREMPLIN_", "_TREMPLIN_", "PYTEST_", "DJANGO_"))
        and name not in {"DATABASE_URL", "PYTHONPATH"}
    }
    return {**kept, "HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}


def shell(script: str, home: Path) -> str:
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=ROOT,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout[-5000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def serve(script: str, home: Path) -> None:
    """Start what serves, wait until it says how to stop it, and stop it so."""
    process = subprocess.Popen(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(LONGEST, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C stops everything" in line:
                break
        else:
            pytest.fail("it never served:\n" + "".join(said)[-4000:])
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    finally:
        watchdog.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.mark.slow
def test_the_tutorial_works_as_written(home: Path) -> None:
    exported, shown = [], []
    for block in FENCE.finditer(PAGE.read_text(encoding="utf-8")):
        info, body = block["info"].split(), block["body"]
        before = "\n".join(exported)
        if info == ["sh"]:
            shown.append(shell(f"{before}\n{body}", home))
            exported += [line for line in body.splitlines() if line.startswith("export ")]
        elif info == ["sh", "serve"]:
            serve(f"{before}\nexec {body}", home)
        else:
            language, target = info
            action, _, name = target.partition("=")
            assert (language, action in {"file", "append"}, name[:2]) == ("python", True, "~/")
            path = home / name[2:]
            former = ""
            if action == "append":  # two blank lines come first, as after any function
                former = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n\n"
            path.write_text(former + body, encoding="utf-8")
    # Settings, make, check, check again, key, wheel and its check, installation.
    assert [text.count("The module keeps the contract.") for text in shown] == [
        *(0, 0, 1, 1, 0, 1, 0)
    ]
    assert "signature: tremplin_reading_club-0.1.0-py3-none-any.whl is signed by" in shown[5]
    assert "tremplin-reading-club: as it was signed\n" in shown[-1]
    lines = {line.split()[0]: line.split()[1:] for line in shown[-1].splitlines() if line.strip()}
    assert lines["reading_club"] == ["0.1.0", "ok"]


def test_every_block_of_the_tutorial_is_run() -> None:
    infos = [block["info"].split()[0] for block in FENCE.finditer(PAGE.read_text())]
    assert infos.count("sh") == 8
    assert infos.count("python") == 3
    assert len(infos) == 11
