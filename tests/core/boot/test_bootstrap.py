"""First start of a fresh clone: the requirements, without a network and with tiny packages."""

from __future__ import annotations

import ast
import base64
import hashlib
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenants.scratch_folder import scratch_folder

from .conftest import ROOT, clean_environment

PYTHON = getattr(sys, "_base_executable", sys.executable)
MODULES = ["django", "django_tenants", "allauth", "celery", "ninja", "pluggy", "psycopg"]
CLI = """
import django, sys
def main(arguments):
    print("ran", *arguments, sys.prefix)
    return 7
"""


def make_wheel(folder: Path, name: str, version: str, modules: list[str]) -> str:
    """Write a wheel and return its line of a locked requirement file."""
    info = f"{name}-{version}.dist-info"
    files = {f"{module}/__init__.py": f"version = '{version}'\n" for module in modules}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


class Clone:
    """A fresh copy of what the bootstrap needs, with a package index in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        config = self.folder / "platform" / "tremplin" / "config"
        config.mkdir(parents=True)
        shutil.copy(ROOT / "manage.py", self.folder)
        shutil.copy(ROOT / "platform/tremplin/config/progress.py", config)
        for package in (config, config.parent):
            (package / "__init__.py").touch()
        (config / "cli.py").write_text(CLI)
        (self.folder / "requirements").mkdir()
        self.lock("5.2.1")

    def lock(self, version: str) -> None:
        """Lock another version."""
        line = make_wheel(self.wheels, "django", version, MODULES)
        (self.folder / "requirements" / "base.txt").write_text(line)

    def start(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Run manage.py with the machine's own Python."""
        offline = {
            **{"PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": "", "PIP_RETRIES": "0"},
            **{"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)},
        }
        done = subprocess.run(
            [PYTHON, str(self.folder / "manage.py"), *(words or ("demo", "--port", "1"))],
            capture_output=True,
            text=True,
            env=clean_environment(**(offline | environment)),
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    @property
    def ran(self) -> str:
        """What the command prints when it reached its verb in ``.venv``."""
        return f"ran demo --port 1 {self.folder / '.venv'}\n"


@pytest.fixture(scope="module")
def clone() -> Iterator[Clone]:
    """A clone that one story of several starts shares: an environment takes seconds to make."""
    with scratch_folder("tremplin-clone") as folder:
        yield Clone(folder)


def test_a_clone_from_its_first_start_to_a_new_lock(clone: Clone) -> None:
    venv = clone.folder / ".venv"
    locked = clone.folder / "requirements" / "base.txt"
    note = venv / ".tremplin-requirements-base"

    unreachable = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:1/"}
    status, out, err = clone.start(**unreachable, PIP_FIND_LINKS="")
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == (
        "Installing the requirements failed because the package index cannot be reached: check "
        "the network and run the same command again, it continues where it stopped."
    )
    assert not note.exists()

    good = locked.read_text()
    locked.write_text(good[:-3] + ("00\n" if good[-3:-1] != "00" else "11\n"))
    status, out, err = clone.start()
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == (
        "Installing the requirements failed because a downloaded file is not the one that was "
        "locked: nothing was installed; check the package index or proxy you use."
    )
    locked.write_text(good)

    status, out, err = clone.start()
    assert (status, out) == (7, clone.ran)
    lines = err.splitlines()
    assert lines[0] == "Preparing the requirements, once for this version."
    assert lines[1].startswith("  Installing 1 packages (requirements/base.txt): done in ")
    assert len(lines) == 2
    assert note.read_text() == hashlib.sha256(good.encode()).hexdigest()

    began = time.monotonic()
    assert clone.start() == (7, clone.ran, "")
    assert time.monotonic() - began < 2

    clone.lock("5.2.2")
    status, out, err = clone.start()
    assert (status, out) == (7, clone.ran)
    assert err.splitlines()[0] == "Preparing the requirements, once for this version."
    found = [path.name for path in venv.rglob("django-*.dist-info")]
    assert found == ["django-5.2.2.dist-info"]
    assert clone.start() == (7, clone.ran, "")

    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python3")
    status, out, _ = clone.start()
    assert (status, out) == (7, clone.ran)


@pytest.fixture
def fresh_clone() -> Iterator[Clone]:
    """A clone that nothing was done with."""
    with scratch_folder("tremplin-clone") as folder:
        yield Clone(folder)


def test_interrupted_installation_continues(fresh_clone: Clone) -> None:
    clone = fresh_clone
    process = subprocess.Popen(
        [PYTHON, str(clone.folder / "manage.py"), "demo", "--port", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(clone.wheels)),
        start_new_session=True,
    )
    while not (clone.folder / ".venv" / "bin").is_dir():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("\nInterrupted: run the same command again, it continues.\n")
    status, out, _ = clone.start()
    assert (status, out) == (7, clone.ran)


def test_missing_venv_module(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    (clone.folder / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "real = util.find_spec\n"
        "util.find_spec = lambda name, *a: None if name == 'ensurepip' else real(name, *a)\n"
    )
    status, out, err = clone.start(PYTHONPATH=str(clone.folder))
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == (
        "Python's venv module is missing: install it (python3-venv on Debian and Ubuntu) and run "
        "the same command again, it continues where it stopped."
    )


def test_own_environment_is_used_as_it_is(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    with zipfile.ZipFile(clone.wheels / "django-5.2.1-py3-none-any.whl") as archive:
        archive.extractall(tmp_path / "own")
    status, out, err = clone.start("shell", PYTHONPATH=str(tmp_path / "own"))
    assert (status, err) == (7, "")
    assert out.startswith("ran shell ")
    assert not (clone.folder / ".venv").exists()


def test_missing_lock(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    assert clone.start("test") == (
        1,
        "",
        "The file requirements/dev.txt is missing: fetch the code again.\n",
    )


def test_old_python_is_told_so_and_can_read_the_file() -> None:
    ast.parse((ROOT / "manage.py").read_text(), feature_version=(3, 7))
    done = subprocess.run(
        [
            PYTHON,
            "-c",
            "import runpy, sys; sys.version_info = (3, 9, 2, 'final', 0); "
            f"runpy.run_path({str(ROOT / 'manage.py')!r}, run_name='__main__')",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "Tremplin needs Python 3.11 or newer and this is Python 3.9: run it with a newer one, for "
        "example python3.11 manage.py demo.\n",
    )


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on "
            "device",
            "It failed because the disk is full: free some space and run the same command again, "
            "it continues where it stopped.",
        ),
        (
            "OSError: [Errno 13] Permission denied: '/x'",
            f"It failed because {ROOT} cannot be written: give yourself the right and run the same "
            "command again, it continues where it stopped.",
        ),
        (
            "Collecting x\nERROR: No matching distribution",
            "It failed: ERROR: No matching distribution",
        ),
        ("", "It failed: no message"),
    ],
)
def test_failures_in_one_sentence(output: str, sentence: str) -> None:
    explain = runpy.run_path(str(ROOT / "manage.py"))["explain"]
    assert explain("It failed", output) == sentence
