"""The limited child process: what it gives back, and each way it is stopped."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tremplin.kernel import limited_process
from tremplin.kernel.limited_process import LimitedProcessError


def script(folder: Path, text: str) -> Path:
    path = folder / "parse.py"
    path.write_text(text, encoding="utf-8")
    return path


def reason_of(path: Path, data: bytes = b"", **options: float) -> str:
    with pytest.raises(LimitedProcessError) as caught:
        limited_process.run(path, data, **options)
    return caught.value.reason


def test_bytes_go_in_and_out(tmp_path: Path) -> None:
    path = script(tmp_path, "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])\n")
    data = bytes(range(256)) * 8192
    assert limited_process.run(path, data) == data[::-1]


def test_environment_is_minimal_and_isolated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = script(
        tmp_path,
        "import os, sys\n"
        "names = sorted(n for n in os.environ if n != 'LC_CTYPE')\n"
        "print(names, os.getcwd(), sys.flags.isolated, sys.argv[1:], __name__)\n",
    )
    assert limited_process.run(path, b"").decode().strip() == (
        "['LANG', 'OPENBLAS_NUM_THREADS', 'PATH'] / 1 [] __main__"
    )


def test_memory(tmp_path: Path) -> None:
    path = script(tmp_path, "data = bytearray(600 << 20)\n")
    assert reason_of(path, memory_mb=256) == "memory"
    assert limited_process.run(path, b"", memory_mb=1024) == b""


def test_processor_time(tmp_path: Path) -> None:
    path = script(tmp_path, "while True: pass\n")
    assert reason_of(path, cpu_seconds=1, timeout=30) == "cpu"


def test_wall_time_kills_the_whole_group(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    marker.touch()
    path = script(
        tmp_path,
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "sys.stderr.write(f'child {child.pid}\\n'); sys.stderr.flush()\n"
        "time.sleep(60)\n",
    )
    started = time.monotonic()
    with pytest.raises(LimitedProcessError) as caught:
        limited_process.run(path, b"", timeout=1.5)
    assert caught.value.reason == "timeout"
    assert time.monotonic() - started < 5
    pid = int(caught.value.detail.split()[1])
    deadline = time.monotonic() + 5
    while _is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_no_file_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / "out"
    path = script(tmp_path, f"with open({str(target)!r}, 'w') as f: f.write('x' * 100)\n")
    assert reason_of(path) == "failed"
    assert target.read_bytes() == b""


def test_output_is_capped(tmp_path: Path) -> None:
    path = script(tmp_path, "import sys\nwhile True: sys.stdout.buffer.write(b'x' * 65536)\n")
    assert reason_of(path, output_limit=1_000_000, timeout=20) == "output_too_large"
    exact = script(tmp_path, "import sys\nsys.stdout.write('x' * 1000)\n")
    assert limited_process.run(exact, b"", output_limit=1000) == b"x" * 1000
    assert reason_of(exact, output_limit=999) == "output_too_large"


def test_failure_and_crash_keep_the_error_for_the_log(tmp_path: Path) -> None:
    path = script(tmp_path, "raise ValueError('not a PDF')\n")
    with pytest.raises(LimitedProcessError) as caught:
        limited_process.run(path, b"")
    assert caught.value.reason == "failed"
    assert caught.value.detail.rstrip().endswith("ValueError: not a PDF")
    assert reason_of(script(tmp_path, "import os\nos.abort()\n")) == "crashed"
    assert reason_of(tmp_path / "missing.py") == "failed"


def test_input_larger_than_a_pipe_to_a_child_that_does_not_read(tmp_path: Path) -> None:
    path = script(tmp_path, "print('done')\n")
    assert limited_process.run(path, b"x" * 5_000_000) == b"done\n"
