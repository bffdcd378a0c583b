"""A folder for the length of a command, in memory where the machine has enough of it.

A copied database is thousands of small files: about 0.1 s in memory, 2 s on a slow disk.
Standard library only: the command line uses it before anything is installed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tenants.embedded_host import alive

MEMORY = Path("/dev/shm")  # noqa: S108  the folder inside is made by mkdtemp
NEEDED_BYTES = 3 << 30


@contextlib.contextmanager
def scratch_folder(prefix: str, *, memory: Path = MEMORY) -> Iterator[Path]:
    """Give an empty folder that everybody may enter, and remove it with all it holds.

    Its name is ``prefix``, the process id and a random part. Folders of the same prefix whose
    process was killed are removed first. It is on disk when ``memory`` has less than 3 GiB to
    give, may not hold programs, or does not exist.
    """
    parent = memory if has_room(memory) else Path(tempfile.gettempdir())
    forget_orphans(prefix, parent)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-{os.getpid()}_", dir=parent)).resolve()
    folder.chmod(0o755)  # the database server may run as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def has_room(memory: Path) -> bool:
    """Return whether the file system at ``memory`` has the space, the memory and the right."""
    try:
        found = os.statvfs(memory)
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except (AttributeError, OSError):
        return False  # another system than Linux
    if found.f_flag & os.ST_NOEXEC or not os.access(memory, os.W_OK):
        return False
    available = next((line for line in lines if line.startswith("MemAvailable:")), "x 0 kB")
    free = min(found.f_bavail * found.f_frsize, int(available.split()[1]) * 1024)
    return free >= NEEDED_BYTES


def forget_orphans(prefix: str, parent: Path) -> None:
    """Remove our folders in ``parent`` whose process is gone: memory is not freed by itself."""
    uid = getattr(os, "getuid", int)()  # always 0 on Windows, as st_uid is
    for folder in parent.glob(f"{prefix}-*_*"):
        pid = folder.name.removeprefix(f"{prefix}-").partition("_")[0]
        with contextlib.suppress(OSError):
            ours = folder.lstat().st_uid == uid and not folder.is_symlink()
            if ours and pid.isdigit() and not alive(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)
