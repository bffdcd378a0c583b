"""The verbs of the command line that are ours: demo, dev, test and bench."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tenants.embedded import Server, die_with_parent
from tenants.embedded_host import fallback_directory
from tenants.scratch_folder import scratch_folder
from tremplin.config import processes
from tremplin.config.database import database, embedded_directory
from tremplin.config.progress import Progress, table

ROOT = Path(__file__).resolve().parents[3]
PORT = 8000
SOURCES = ("platform", "tenants", "plugins", "themes", "cms")
ALONE = ("tests/core/kernel", "tests/core/realtime", "tests/core/redis_server")
BROWSER = ("tests/core/portal/test_in_browser.py", "tests/browser")
WORKER_FLAGS = ("-P", "threads", "-c", "4", "-B", "--without-mingle", "--without-gossip")


class _Parser(argparse.ArgumentParser):
    """Argument parser whose error is one sentence and exit status 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; --help lists what it takes.\n")


# --- demo and dev -------------------------------------------------------------------------------


def demo(arguments: list[str], data: Path, data_chosen: bool) -> int:
    """Prepare the demo world, serve it until Ctrl-C, or walk through it with ``--check``."""
    parser = _Parser(prog="manage.py demo", description=demo.__doc__)
    parser.add_argument("--port", type=_port, default=PORT, help=f"web port (default {PORT})")
    parser.add_argument("--reset", action="store_true", help="start again from an empty database")
    parser.add_argument("--check", action="store_true", help="walk the main journey and leave")
    options = parser.parse_args(arguments)
    if not options.check:
        return _explained(lambda: _demo(options, data))
    options.port = processes.free_port()
    if data_chosen:
        return _explained(lambda: _demo(options, data))
    with _temporary_data() as folder:
        return _explained(lambda: _demo(options, folder))


def dev(arguments: list[str], data: Path, _data_chosen: bool) -> int:
    """Serve the working tree, restarting the web and worker processes when a file changes."""
    parser = _Parser(prog="manage.py dev", description=dev.__doc__)
    parser.add_argument("--port", type=_port, default=PORT, help=f"web port (default {PORT})")
    options = parser.parse_args(arguments)
    return _explained(lambda: _dev(options, data))


def _explained(run: Callable[[], int]) -> int:
    try:
        return run()
    except processes.ProcessError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a port (1 to 65535)")
    return int(text)


@contextlib.contextmanager
def _temporary_data() -> Iterator[Path]:
    """A data folder that goes with the command, reachable by the database's own user."""
    folder = Path(tempfile.mkdtemp(prefix="tremplin-check-")).resolve()
    folder.chmod(0o711)
    saved = {name: os.environ.get(name) for name in ("TREMPLIN_DATA_DIR", "TREMPLIN_EMBEDDED_DIR")}
    os.environ["TREMPLIN_DATA_DIR"] = str(folder)
    os.environ.pop("TREMPLIN_EMBEDDED_DIR", None)
    try:
        yield folder
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for path in (folder, fallback_directory(embedded_directory(folder))):
            shutil.rmtree(path, ignore_errors=True)


def _require_writable(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            pass
    except FileExistsError:
        raise processes.ProcessError(f"{data} is a file: choose a folder with --data.") from None
    except PermissionError:
        raise processes.ProcessError(
            f"The folder {data} cannot be written: give yourself the right, or choose another one "
            "with --data."
        ) from None


def _setup(progress: Progress) -> None:
    """Load Django and bring the database to the current schema."""
    import django

    # The child processes log everything; here only what a person must know is shown.
    quiet = {"TREMPLIN_LOG_LEVEL": "WARNING", "TREMPLIN_LOG_FORMAT": "text"}
    added = [name for name in quiet if name not in os.environ]
    os.environ.update({name: quiet[name] for name in added})
    with progress.step("Loading the application"):
        django.setup()
    for name in added:
        del os.environ[name]
    from tenants import setup

    with progress.step("Preparing the database"):
        setup.ensure_database(progress.note)


def _demo(options: argparse.Namespace, data: Path) -> int:
    progress = Progress()
    began = time.monotonic()
    processes.require_free_port(options.port)
    _require_writable(data)
    os.environ["TREMPLIN_PUBLIC_PORT"] = str(options.port)
    with contextlib.ExitStack() as stack:
        with progress.step("Starting the database"):
            server = stack.enter_context(database(embedded_directory(data), report=progress.line))
            if options.reset and server:
                _erase(server, data)
        _setup(progress)
        from tremplin.operations.demo import loader

        with progress.step("Preparing the demo world"):
            summary = loader.prepare(reset=options.reset, report=progress.note)
        _release_connections()
        supervisor = _supervisor(options.port, data, server, progress, reload=False)
        with supervisor.running():
            with progress.step("Starting the web and worker processes"):
                ready = supervisor.wait_until_ready(_health(options.port))
            if not ready:
                return 130
            progress.line(f"Ready in {time.monotonic() - began:.1f} s.")
            if options.check:
                return _check(options.port, progress)
            _announce(summary, options.port)
            supervisor.serve()
            progress.line("Stopping.")
    progress.line("Stopped.")
    return 0


def _erase(server: Server, data: Path) -> None:
    """Empty the demo's own database and files; never a database that the operator chose."""
    if server.attached:
        raise processes.ProcessError(
            "The demo is running in another terminal: stop it there before --reset."
        )
    server.recreate_database()
    for name in ("media", "mail"):
        shutil.rmtree(data / name, ignore_errors=True)


def _check(port: int, progress: Progress) -> int:
    from tremplin.operations.demo import check

    results = check.run(f"http://127.0.0.1:{port}", progress.line)
    for result in results:
        mark = "ok    " if result.ok else "FAILED"
        sys.stdout.write(f"{mark}  {result.name}{f': {result.detail}' if result.detail else ''}\n")
    failed = sum(1 for result in results if not result.ok)
    sys.stdout.write(f"{len(results)} checks, {failed} failed.\n")
    sys.stdout.flush()
    return 1 if failed or not results else 0


def _announce(summary: Any, port: int) -> None:
    """Say where to go and as whom: the result of the command, so on the output stream."""
    lines: list[str] = []
    if summary.skipped:
        lines += ["", "Left out of the demo world, as its module does not exist yet:"]
        lines += [f"  - {text}" for text in summary.skipped]
    rows = [
        (row.space, row.url, row.person, row.email, row.password, row.role)
        for row in summary.addresses
    ]
    lines += ["", *table(("Space", "Address", "Person", "E-mail", "Password", "Role"), rows)]
    lines += ["", f"Serving on port {port}. Ctrl-C stops everything."]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _dev(options: argparse.Namespace, data: Path) -> int:
    progress = Progress()
    processes.require_free_port(options.port)
    _require_writable(data)
    os.environ["TREMPLIN_PUBLIC_PORT"] = str(options.port)
    os.environ.setdefault("TREMPLIN_LOG_FORMAT", "text")
    with contextlib.ExitStack() as stack:
        with progress.step("Starting the database"):
            server = stack.enter_context(database(embedded_directory(data), report=progress.line))
        _setup(progress)
        addresses = _space_addresses(options.port)
        _release_connections()
        supervisor = _supervisor(options.port, data, server, progress, reload=True)
        with supervisor.running():
            with progress.step("Starting the web and worker processes"):
                ready = supervisor.wait_until_ready(_health(options.port))
            if not ready:
                return 130
            progress.table(("Space", "Address"), addresses)
            progress.line("Files are watched. Ctrl-C stops everything.")
            supervisor.serve()
            progress.line("Stopping.")
    return 0


def _space_addresses(port: int) -> list[tuple[str, str]]:
    from tenants import registry

    return [(t.name, f"http://{t.primary_host}:{port}/") for t in registry.active()]


def _release_connections() -> None:
    """Close this process's connections: the supervisor needs none and the children have theirs."""
    from django.db import connections

    connections.close_all()
    for connection in connections.all(initialized_only=True):
        close_pool = getattr(connection, "close_pool", None)
        if close_pool:
            close_pool()


def _health(port: int) -> str:
    return f"http://127.0.0.1:{port}/health/ready"


def _supervisor(
    port: int, data: Path, server: Server | None, progress: Progress, *, reload: bool
) -> processes.Supervisor:
    def look_after_database() -> None:
        if server is None or server.running():
            return
        if server.attached:
            raise processes.ProcessError(
                "The command that owned the database ended: start this one again."
            )
        progress.line("The database process ended: it is started again.")
        server.restart()

    return processes.Supervisor(
        programs(port, data, reload=reload),
        root=ROOT,
        logs=data / "log",
        report=progress.line,
        look_after=look_after_database,
        verbose=reload,
    )


def programs(port: int, data: Path, *, reload: bool) -> list[processes.Program]:
    """The web process and the worker, watched for file changes when ``reload``."""
    path = [str(ROOT / "platform"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        "PYTHONPATH": os.pathsep.join(entry for entry in path if entry),
        "PYTHONUNBUFFERED": "1",
    }
    folders = [str(ROOT / name) for name in SOURCES if (ROOT / name).is_dir()]
    extra = os.environ.get("TREMPLIN_EXTRA_PLUGINS", "").split(os.pathsep)
    folders += [folder for folder in extra if folder]
    web = [sys.executable, "-m", "uvicorn", "tremplin.config.asgi:application"]
    web += ["--host", processes.HOST, "--port", str(port), "--no-proxy-headers"]
    web += ["--timeout-graceful-shutdown", "3" if reload else "10", "--lifespan", "on"]
    worker = [sys.executable, "-m", "celery", "-A", "tremplin.config.celery", "worker"]
    worker += [*WORKER_FLAGS, "--without-heartbeat", "-s", str(data / "celery-schedule")]
    if reload:
        web += ["--reload", "--reload-include", "*.html", "--reload-include", "*.toml"]
        for folder in folders:
            web += ["--reload-dir", folder]
        worker = _watched(worker, folders)
    return [
        processes.Program("web", web, environment),
        processes.Program("worker", worker, environment),
    ]


def _watched(command: Sequence[str], folders: Sequence[str]) -> list[str]:
    watch = [sys.executable, "-m", "watchfiles", "--filter", "python", "--sigint-timeout", "10"]
    return [*watch, shlex.join(command), *folders]


# --- test ---------------------------------------------------------------------------------------


def test(arguments: list[str], data: Path, _data_chosen: bool) -> int:
    """Run the test suite on its own embedded server; the arguments are pytest's."""
    return _explained(lambda: _test(arguments, data))


def _test(arguments: list[str], data: Path) -> int:
    _require_writable(data)
    os.environ["TREMPLIN_DATA_DIR"] = str(data / "test")
    # A developer's choice of directory is for their data, never for a server without fsync.
    os.environ.pop("TREMPLIN_EMBEDDED_DIR", None)
    with scratch_folder("tremplin-server") as folder, database(folder / "postgres", durable=False):
        if arguments:
            return _pytest(arguments)
        return max(_pytest(group) for group in _groups())


def _groups() -> list[list[str]]:
    """Return the runs that make the whole suite.

    Tests of live servers and of the process-wide kernel have a process of their own, and so has
    the browser: its driver keeps an event loop that other tests must not meet.
    """
    order = ["-p", "no:randomly"]
    apart = [*ALONE, *BROWSER]
    ignored = [option for folder in apart for option in ("--ignore", folder)]
    together = ["-n", str(_cores()), "--dist", "loadgroup", "--no-loadscope-reorder"]
    return [[*together, *order, *ignored], [*order, *ALONE], [*order, *BROWSER]]


def _cores() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def _pytest(arguments: Sequence[str]) -> int:
    """Run pytest as a child: it gets Ctrl-C itself and prints its summary before we stop."""
    path = [str(ROOT), str(ROOT / "platform"), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(entry for entry in path if entry)
    saved = signal.signal(signal.SIGINT, signal.SIG_IGN)
    death = die_with_parent(signal.SIGTERM)

    def in_child() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if death:
            death()

    # The suite chooses its data folder before any setting is read: with this name in the
    # environment, pytest would load the settings first, with another folder and other secrets.
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    child = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        env=environment,
        preexec_fn=None if sys.platform == "win32" else in_child,  # noqa: PLW1509
    )
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
            child.kill()
            child.wait()
        signal.signal(signal.SIGINT, saved)


# --- bench --------------------------------------------------------------------------------------


def bench(arguments: list[str], data: Path, _data_chosen: bool) -> int:
    """Measure: a table for people, or one JSON object per line with ``--json``."""
    from tests.bench.measure import KEYS

    folder = ROOT / "tests" / "bench"
    known = sorted(
        path.stem
        for path in folder.glob("*.py")
        if path.stem not in {"measure", "__init__"} and "def run(" in path.read_text("utf-8")
    )
    parser = _Parser(prog="manage.py bench", description=bench.__doc__, add_help=False)
    parser.add_argument("name", choices=known, metavar=f"NAME ({', '.join(known)})")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    if not arguments or arguments[0] in {"-h", "--help"}:
        parser.print_help(sys.stdout)
        return 0 if arguments else 2
    name = arguments[0]
    if name not in known:
        parser.parse_args([name])
    module = importlib.import_module(f"tests.bench.{name}")
    parser.add_argument("-h", "--help", action="help")
    if hasattr(module, "add_arguments"):
        module.add_arguments(parser)
    options = parser.parse_args(arguments)
    options.data = data
    progress = Progress()
    options.report = progress.line
    rows: list[list[str]] = []
    missed = 0
    with _bench_context(module, data, progress):
        for measure in module.run(options):
            missed += measure.holds is False
            if options.json:
                sys.stdout.write(f"{measure.as_json()}\n")
                sys.stdout.flush()
            else:
                rows.append(measure.as_row())
                progress.line(f"  {' '.join(cell for cell in measure.as_row() if cell)}")
    if rows:
        sys.stdout.write("\n".join(table(KEYS, rows)) + "\n")
    return 1 if missed else 0


@contextlib.contextmanager
def _bench_context(module: Any, data: Path, progress: Progress) -> Iterator[None]:
    """Database and settings of a benchmark, unless it says ``NEEDS_DATABASE = False``.

    A module may also name its ``MODE`` (default demo) and its settings ``OVERLAY``.
    """
    if not getattr(module, "NEEDS_DATABASE", True):
        yield
        return
    os.environ["TREMPLIN_MODE"] = getattr(module, "MODE", "demo")
    os.environ["TREMPLIN_DATA_DIR"] = str(data / "bench")
    if overlay := getattr(module, "OVERLAY", ""):
        os.environ["TREMPLIN_SETTINGS_OVERLAY"] = overlay
    os.environ.pop("TREMPLIN_EMBEDDED_DIR", None)
    path = [str(ROOT / "platform"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(entry for entry in path if entry)
    with database(embedded_directory(data, "bench-postgres"), report=progress.line):
        import django

        django.setup()
        yield
