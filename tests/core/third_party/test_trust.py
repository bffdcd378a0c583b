"""Signed manifests: what may run, and every way of lying about it."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from importlib.metadata import Distribution, EntryPoint, PathDistribution
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tremplin.kernel import trust
from tremplin.modules import checks

NAME = "tremplin-demo-module"
FILES = {
    "tremplin_demo_module/__init__.py": "",
    "tremplin_demo_module/plugin.py": "plugin = 1\n",
    "tremplin_demo_module-1.0.0.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: tremplin_demo_module\nVersion: 1.0.0\n"
    ),
    "tremplin_demo_module-1.0.0.dist-info/entry_points.txt": (
        "[tremplin.plugins.v1]\ndemo_module = tremplin_demo_module.plugin:plugin\n"
    ),
    "tremplin_demo_module-1.0.0.dist-info/RECORD": "",
}


def wheel(folder: Path, **more: str) -> Path:
    path = folder / "tremplin_demo_module-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**FILES, **more}.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def key(tmp_path: Path) -> Any:
    return trust.new_key(tmp_path / "publisher.pem")


@pytest.fixture
def policy(tmp_path: Path, key: Any, settings: Any) -> trust.Policy:
    """An installation that trusts the key and locks nothing yet."""
    keys = tmp_path / "plugins.trust"
    keys.write_text(
        f'[[key]]\npublisher = "Atelier"\npublic = "{trust.public_text(key.public_key())}"\n'
    )
    settings.PLUGIN_TRUST = trust.Policy(tmp_path / "plugins.lock", keys)
    return settings.PLUGIN_TRUST


def installed(folder: Path) -> Distribution:
    """The wheel's files where an installer puts them."""
    target = folder / "site"
    for name, text in FILES.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text)
    return PathDistribution(target / "tremplin_demo_module-1.0.0.dist-info")


def problem(policy: trust.Policy, dist: Distribution) -> str:
    fresh = replace(policy, _read=None)
    point = EntryPoint("demo_module", "tremplin_demo_module.plugin:plugin", trust.GROUP)
    return fresh.problem_of(point._for(dist))  # type: ignore[attr-defined]


def test_the_whole_way_from_a_wheel_to_an_installation(
    tmp_path: Path, policy: trust.Policy, capsys: pytest.CaptureFixture[str]
) -> None:
    path, dist = wheel(tmp_path), installed(tmp_path)
    assert problem(policy, dist) == (
        f"{NAME} is not in plugins.lock: an operator adds it with manage.py plugin lock"
    )
    with pytest.raises(CommandError, match="is not signed"):
        call_command("plugin", "lock", str(path))
    call_command("plugin", "sign", str(path), "--key", str(tmp_path / "publisher.pem"))
    call_command("plugin", "verify", str(path))
    call_command("plugin", "lock", str(path))
    assert f"{NAME} 1.0.0 is signed by Atelier.\n" in capsys.readouterr().out
    assert problem(policy, dist) == ""
    (row,) = trust.read_lock(policy.lock).values()
    assert (row.name, row.version, len(row.sha256), len(row.key)) == (NAME, "1.0.0", 64, 16)
    assert len(json.loads(row.manifest)["files"]) == 4


def test_changed_missing_and_added_files_are_found(tmp_path: Path, policy: trust.Policy) -> None:
    path, dist = wheel(tmp_path), installed(tmp_path)
    call_command("plugin", "sign", str(path), "--key", str(tmp_path / "publisher.pem"))
    call_command("plugin", "lock", str(path))
    source = tmp_path / "site" / "tremplin_demo_module" / "plugin.py"
    source.write_text("plugin = 2\n")
    assert "plugin.py differs from the signed one" in problem(policy, dist)
    source.unlink()
    assert "plugin.py is missing" in problem(policy, dist)
    source.write_text("plugin = 1\n")
    assert problem(policy, dist) == ""
    (source.parent / "extra.py").write_text("")
    assert "extra.py was added after the signature" in problem(policy, dist)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": "2.0.0"}, "1.0.0 is installed, plugins.lock names 2.0.0"),
        ({"sha256": "0" * 64}, "differs from its signed manifest"),
        ({"signature": "AAAA"}, "a signature that does not match its manifest"),
        ({"signature": "not base64!"}, "a signature that does not match its manifest"),
        ({"key": "0" * 16}, "signed by the key 0000000000000000, which is not trusted here"),
    ],
)
def test_a_forged_line_of_the_lock_does_not_count(
    tmp_path: Path, policy: trust.Policy, key: Any, change: dict[str, str], reason: str
) -> None:
    honest = trust.sign(trust.describe(wheel(tmp_path)), key)
    trust.write_lock(policy.lock, {NAME: replace(honest, **change)})
    assert reason in problem(policy, installed(tmp_path))


def test_a_manifest_changed_after_the_signature_does_not_count(
    tmp_path: Path, policy: trust.Policy, key: Any
) -> None:
    honest = trust.sign(trust.describe(wheel(tmp_path)), key)
    forged = honest.manifest.replace("plugin.py", "plugout.py")
    trust.write_lock(policy.lock, {NAME: replace(honest, manifest=forged)})
    assert "a signature that does not match" in problem(policy, installed(tmp_path))


def test_another_wheel_beside_the_manifest_is_refused(
    tmp_path: Path, policy: trust.Policy, key: Any
) -> None:
    path = wheel(tmp_path)
    trust.write_sidecar(path, trust.sign(trust.describe(path), key))
    wheel(tmp_path, **{"tremplin_demo_module/evil.py": "1"})
    with pytest.raises(CommandError, match="is not the file that was signed"):
        call_command("plugin", "lock", str(path))
    assert not policy.lock.exists()


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("../outside.py", "an unsafe path"),
        ("/etc/passwd", "an unsafe path"),
        ("tremplin_demo_module-1.0.0.data/scripts/run", "outside its package"),
    ],
)
def test_a_wheel_that_writes_elsewhere_is_refused(tmp_path: Path, member: str, reason: str) -> None:
    with pytest.raises(trust.TrustError, match=reason):
        trust.describe(wheel(tmp_path, **{member: "x"}))


def test_a_broken_lock_refuses_every_module(tmp_path: Path, policy: trust.Policy) -> None:
    policy.lock.write_text("[[module]\n")
    assert problem(policy, installed(tmp_path)) == (
        "plugins.lock cannot be read: repair it or write it again."
    )


def test_unsigned_modules_run_only_where_allowed_and_never_in_production(
    tmp_path: Path, policy: trust.Policy, settings: Any
) -> None:
    dist = installed(tmp_path)
    allowed = replace(policy, unsigned=True, production=False)
    assert (problem(allowed, dist), allowed.problem_of_folder()) == ("", "")
    settings.PLUGIN_TRUST = allowed
    assert [item.id for item in checks.check_unsigned()] == ["tremplin.W020"]
    live = replace(policy, unsigned=True, production=True)
    assert "is not in plugins.lock" in problem(live, dist)
    assert live.problem_of_folder() == (
        "is not signed: in production a module is installed and locked"
    )
    settings.PLUGIN_TRUST = live
    assert [item.id for item in checks.check_unsigned()] == ["tremplin.E020"]
    settings.PLUGIN_TRUST = policy
    assert checks.check_unsigned() == []


def test_a_key_is_never_overwritten_and_readable_by_its_owner_only(
    tmp_path: Path, key: Any
) -> None:
    path = tmp_path / "publisher.pem"
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="a key is never overwritten"):
        call_command("plugin", "key", str(path), "--publisher", "Me")
    assert path.read_bytes() == before
