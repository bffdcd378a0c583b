"""``plugin check``: the contract suite, the module's own tests, the linter and the signature."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

from tremplin.kernel import trust
from tremplin.kernel.discovery import ROOT

SUITE = (
    '"""Every rule of the platform."""\n\nfrom tremplin.testing.contract import *  # noqa: F403\n'
)
BUNDLED_SUITE = ROOT / "tests" / "contracts" / "test_bundled.py"
RULES = "E,F,I,B,UP,S,DJ,PT,RET,C4,DTZ,T20,BLE,A"
IGNORED = "E501,DJ001,S101,PT011,A005"
IN_TESTS = "S105,S106,S107,S311,S603,S607,S608,DTZ001,T20"
Report = Callable[[str], None]


class CheckError(Exception):
    """The path cannot be checked at all; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked: a folder of sources or a wheel unpacked into ``root``."""

    slug: str
    package: str
    root: Path
    wheel: Path | None = None

    @property
    def tests(self) -> Path:
        return self.root / "tests"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the result; ``ok`` None means that there was nothing to decide."""

    name: str
    ok: bool | None
    detail: str


def check(
    path: Path, keys: Path, report: Report, *, quick: bool = False, junit: Path | None = None
) -> list[Outcome]:
    """Check a distribution (folder or wheel) and return one outcome per part.

    ``quick`` leaves out the rules that need a database; ``junit`` is where the XML report of the
    suite goes, which ``listing_report`` reads. Raises ``CheckError``.
    """
    for tool in ("pytest", "ruff"):
        if importlib.util.find_spec(tool) is None:
            raise CheckError(
                "The tools of development are missing: python3 -m pip install -r "
                "requirements/dev.txt adds them."
            )
    with tempfile.TemporaryDirectory(prefix="tremplin-check-") as folder:
        subject = subject_of(path, Path(folder))
        report(f"Checking {subject.slug} ({path}).")
        outcomes = [_linter(subject), _formatter(subject)]
        outcomes.append(_suite(subject, Path(folder), quick, junit))
        outcomes.append(_signature(subject, keys))
    return outcomes


def subject_of(path: Path, working: Path) -> Subject:
    """Read what a folder or wheel claims to be. Raises ``CheckError``."""
    if path.is_file() and path.suffix == ".whl":
        return _from_wheel(path, working / "installed")
    project = path / "pyproject.toml"
    try:
        points = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"]
        found = dict(points[trust.GROUP])
    except FileNotFoundError:
        raise CheckError(
            f"{path} holds no pyproject.toml: give the folder of a module or its wheel."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckError(
            f"{project} names no entry point of the group {trust.GROUP}: add it."
        ) from error
    return _subject(found, path.resolve())


def _from_wheel(wheel: Path, target: Path) -> Subject:
    try:
        trust.describe(wheel)  # refuses unsafe paths before anything is unpacked
    except trust.TrustError as error:
        raise CheckError(str(error)) from error
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    text = next(target.glob("*.dist-info/entry_points.txt")).read_text(encoding="utf-8")
    lines = text.split(f"[{trust.GROUP}]", 1)[1].split("[", 1)[0].splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    found = {name.strip(): value.strip() for name, value in pairs}
    subject = _subject(found, target)
    return Subject(subject.slug, subject.package, target, wheel.resolve())


def _subject(points: dict[str, str], root: Path) -> Subject:
    if len(points) != 1:
        raise CheckError("A distribution holds exactly one module: one entry point in its group.")
    ((slug, value),) = points.items()
    package = EntryPoint(slug, value, trust.GROUP).module.rpartition(".")[0]
    if not package or not (root / Path(*package.split(".")) / "plugin.py").is_file():
        raise CheckError(
            f"{value} is not in {root}: the entry point names <package>.plugin:plugin."
        )
    return Subject(slug, package, root)


def _ruff(subject: Subject, *arguments: str) -> subprocess.CompletedProcess[str]:
    folders = [subject.root / subject.package.split(".")[0]]
    folders += [subject.tests] if subject.tests.is_dir() else []
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache"]
    command += ["--config", "line-length = 100", "--config", "target-version = 'py311'"]
    return subprocess.run(  # noqa: S603  our own interpreter
        [*command, *map(str, folders)],
        capture_output=True,
        text=True,
        check=False,
        cwd=subject.root,
    )


def _linter(subject: Subject) -> Outcome:
    own = f"lint.isort.known-first-party = ['{subject.package.split('.')[0]}', 'tremplin']"
    done = _ruff(
        subject,
        *("check", "--select", RULES, "--ignore", IGNORED, "--output-format", "concise"),
        *(
            "--config",
            own,
            "--config",
            f"lint.per-file-ignores = {{'tests/**' = {_list(IN_TESTS)}}}",
        ),
    )
    return Outcome("linter", done.returncode == 0, _last(done.stdout + done.stderr))


def _formatter(subject: Subject) -> Outcome:
    done = _ruff(subject, "format", "--check")
    detail = _last(done.stdout + done.stderr)
    if done.returncode:
        detail += "; repair it with: ruff format --isolated --line-length 100 <folder>"
    return Outcome("format", done.returncode == 0, detail)


def _list(words: str) -> str:
    return "[" + ", ".join(f"'{word}'" for word in words.split(",")) + "]"


def _suite(subject: Subject, working: Path, quick: bool, junit: Path | None) -> Outcome:
    tests = subject.tests
    if subject.wheel is not None or not tests.is_dir():
        tests = working / "suite"
        tests.mkdir()
        (tests / "test_contract.py").write_text(SUITE, encoding="utf-8")
    command = [sys.executable, str(ROOT / "manage.py"), "test", "-n0", "-q"]
    # The fixtures of the database are those of the platform's own tests, wherever the module lies.
    command += ["-p", "django", "-p", "conftest", f"--confcutdir={tests}", f"--rootdir={ROOT}"]
    command += ["-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]
    command += ["--plugin", subject.slug, *(["-k", "not (tenant or page)"] if quick else [])]
    command += [f"--junitxml={junit.resolve()}"] if junit is not None else []
    done = subprocess.run(  # noqa: S603  our own interpreter
        [*command, str(tests)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment(subject),
    )
    if done.returncode == 0:
        return Outcome("contract and tests", True, _last(done.stdout))
    return Outcome("contract and tests", False, (done.stdout + done.stderr).strip()[-6000:])


def examine(slug: str, folder: Path) -> str:
    """Run every rule and the own tests of a bundled module; return the XML report of pytest.

    ``folder`` is that of its package. Raises ``CheckError`` when the run gives no report.
    """
    if importlib.util.find_spec("pytest") is None:
        raise CheckError("pytest is missing: python3 -m pip install -r requirements/dev.txt.")
    paths = [path for path in (BUNDLED_SUITE, folder / "tests") if path.exists()]
    with tempfile.TemporaryDirectory(prefix="tremplin-examine-") as working:
        report = Path(working) / "report.xml"
        command = [sys.executable, str(ROOT / "manage.py"), "test", "-n0", "-q"]
        command += ["-p", "no:cacheprovider", "--plugin", slug, f"--junitxml={report}"]
        done = subprocess.run(  # noqa: S603  our own interpreter
            [*command, *map(str, paths)],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=environment(Subject(slug, "", folder)),
        )
        if not report.is_file():
            raise CheckError((done.stdout + done.stderr).strip()[-4000:])
        return report.read_text(encoding="utf-8")


def environment(subject: Subject) -> dict[str, str]:
    """Return the environment in which the platform finds the module, and nothing of this run."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "_TREMPLIN_", "TREMPLIN_"))
        and name not in {"DJANGO_SETTINGS_MODULE", "COVERAGE_PROCESS_START"}
    }
    data = os.environ.get("TREMPLIN_DATA_DIR")
    path = [str(ROOT), str(ROOT / "platform")]
    if subject.wheel is not None:
        # Installed as a wheel is: found by its entry point, not by its folder.
        path.append(str(subject.root))
        kept["TREMPLIN_ALLOW_UNSIGNED"] = "true"
    else:
        kept["TREMPLIN_EXTRA_PLUGINS"] = str(subject.root)
    kept["PYTHONPATH"] = os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")]).rstrip(":")
    return {**kept, **({"TREMPLIN_DATA_DIR": data} if data else {})}


def _signature(subject: Subject, keys: Path) -> Outcome:
    wheels = [subject.wheel] if subject.wheel else sorted((subject.root / "dist").glob("*.whl"))
    if not wheels:
        return Outcome("signature", None, "no wheel yet: build one, then manage.py plugin sign")
    wheel = wheels[-1]
    if not trust.sidecar_of(wheel).exists():
        return Outcome("signature", None, f"{wheel.name} is not signed: manage.py plugin sign")
    try:
        locked = trust.verify_wheel(wheel, trust.read_keys(keys))
    except trust.TrustError as error:
        return Outcome("signature", False, str(error))
    return Outcome("signature", True, f"{wheel.name} is signed by {locked.key}")


def _last(output: str) -> str:
    """Return the line that sums up, or all of them when something is wrong."""
    lines = [line for line in output.strip().splitlines() if line.strip()]
    wrong = any(": " in line and line.split(":")[0].endswith(".py") for line in lines)
    return "\n".join(lines) if wrong else (lines or ["fine"])[-1]
