"""The example as its publisher ships it: built, signed, locked, installed, running, tampered with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tremplin.kernel import trust
from tremplin.kernel.discovery import ROOT
from tremplin.modules import checking

EXAMPLE = ROOT / "examples" / "skill-radar"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
SHOW = (
    "import sys; from pathlib import Path; from tremplin.kernel.discovery import discover; "
    "from tremplin.kernel.trust import Policy; "
    "found = discover(trust=Policy(Path(sys.argv[1]), Path(sys.argv[2]))); "
    "print([item.slug for item in found.found], [item.reason for item in found.problems], "
    "'tremplin_skill_radar' in sys.modules)"
)


@dataclass(frozen=True)
class Shipped:
    folder: Path
    wheel: Path
    site: Path
    lock: Path
    keys: Path

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TREMPLIN_", "_TREMPLIN_", "PYTEST_", "DJANGO_SETTINGS"))
        }
        path = os.pathsep.join([str(ROOT), str(ROOT / "platform"), str(self.site)])
        return {**kept, "PYTHONPATH": path, **more}

    def discovered(self) -> str:
        """What discovery says in a fresh process, and whether the module's code was imported."""
        done = subprocess.run(
            [sys.executable, "-c", SHOW, str(self.lock), str(self.keys)],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()


@pytest.fixture(scope="module")
def shipped() -> Iterator[Shipped]:
    """The wheel built offline from a copy of the example, and installed into a folder."""
    folder = Path(tempfile.mkdtemp(prefix="tremplin-wheel-"))
    folder.chmod(0o755)
    source = folder / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("dist", "__pycache__"))
    options = ("--no-deps", "--no-index", "--quiet")
    build = (*PIP, "wheel", *options, "--no-build-isolation", "-w", str(folder), str(source))
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    install = (*PIP, "install", *options, "--target", str(site), str(wheel))
    subprocess.run(install, check=True, capture_output=True)
    key = trust.new_key(folder / "publisher.pem")
    public = trust.public_text(key.public_key())
    keys = folder / "plugins.trust"
    keys.write_text(f'[[key]]\npublisher = "Atelier des modules"\npublic = "{public}"\n')
    trust.write_sidecar(wheel, trust.sign(trust.describe(wheel), key))
    yield Shipped(folder, wheel, site, folder / "plugins.lock", keys)
    shutil.rmtree(folder, ignore_errors=True)


def test_nothing_of_it_runs_until_it_is_locked(shipped: Shipped) -> None:
    shipped.lock.unlink(missing_ok=True)
    reason = "tremplin-skill-radar is not in plugins.lock: an operator adds it with manage.py plugin lock"
    assert shipped.discovered() == f"['quiz'] ['{reason}'] False"
    _lock(shipped)
    assert shipped.discovered() == "['quiz', 'skill_radar'] [] True"


def _lock(shipped: Shipped) -> None:
    locked = trust.verify_wheel(shipped.wheel, trust.read_keys(shipped.keys))
    trust.write_lock(shipped.lock, {locked.name: locked})


def test_a_changed_file_is_never_imported(shipped: Shipped) -> None:
    _lock(shipped)
    source = shipped.site / "tremplin_skill_radar" / "plugin.py"
    marker = shipped.folder / "ran"
    honest = source.read_text()
    source.write_text(f"open({str(marker)!r}, 'w').close()\n{honest}")
    try:
        assert shipped.discovered() == (
            "['quiz'] ['the file tremplin_skill_radar/plugin.py differs from the signed one: "
            "install the module again'] False"
        )
        assert not marker.exists()
    finally:
        source.write_text(honest)
    assert shipped.discovered() == "['quiz', 'skill_radar'] [] True"


@pytest.mark.slow
def test_the_wheel_keeps_the_contract(shipped: Shipped) -> None:
    outcomes = checking.check(shipped.wheel, shipped.keys, lambda text: None)
    assert [(row.name, row.ok) for row in outcomes] == [
        ("linter", True),
        ("format", True),
        ("contract and tests", True),
        ("signature", True),
    ], outcomes
    assert outcomes[2].detail.startswith("22 passed in ")


@pytest.mark.slow
def test_it_runs_in_the_product_from_its_entry_point(shipped: Shipped) -> None:
    _lock(shipped)
    tests = shipped.folder / "tests"
    tests.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("installed_product.py"), tests / "test_installed.py")
    command = [sys.executable, str(ROOT / "manage.py"), "test", "-n0", "-q", "-p", "django"]
    command += ["-p", "conftest", f"--confcutdir={tests}", f"--rootdir={ROOT}", "-p"]
    command += ["no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), str(tests)]
    environment = shipped.environment(
        TREMPLIN_PLUGINS_LOCK=str(shipped.lock),
        TREMPLIN_PLUGINS_TRUST=str(shipped.keys),
        TREMPLIN_DATA_DIR=str(shipped.folder),
    )
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1].startswith("2 passed in ")
