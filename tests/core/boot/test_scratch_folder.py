"""The folder of a test run: in memory when there is room, gone with its command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tenants import scratch_folder as module
from tenants.scratch_folder import scratch_folder


@pytest.mark.parametrize("room", [True, False])
def test_a_folder_that_goes_with_its_block(
    room: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    memory.mkdir()
    disk.mkdir()
    monkeypatch.setattr(module.tempfile, "tempdir", str(disk))
    monkeypatch.setattr(module, "NEEDED_BYTES", 1 if room else 1 << 80)
    with scratch_folder("own", memory=memory) as folder:
        (folder / "file").write_text("x")
        assert folder.parent == (memory if room else disk)
        assert folder.name.startswith(f"own-{os.getpid()}_")
        assert folder.stat().st_mode & 0o777 == 0o755
    assert [list(memory.iterdir()), list(disk.iterdir())] == [[], []]


def test_no_room_where_there_is_no_such_folder(tmp_path: Path) -> None:
    assert module.has_room(tmp_path / "absent") is False


def test_only_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    names = [f"own-{child.pid}_a", f"own-{os.getpid()}_b", f"other-{child.pid}_c", "own-x_d"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    module.forget_orphans("own", tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(names[1:])
