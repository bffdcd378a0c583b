"""The command line: data folder, modes, which verbs need a database, one-sentence errors."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from tenants import embedded
from tests.bench.measure import Measure, at_most
from tremplin.config import cli, database, progress, verbs

from .conftest import ROOT, clean_environment


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        capture_output=True,
        text=True,
        env=clean_environment(**environment),
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "rest", "chosen"),
    [
        (["demo", "--data", "x", "--port", "1"], ["demo", "--port", "1"], Path("x")),
        (["demo", "--data=a=b"], ["demo"], Path("a=b")),
        (["test", "--", "--data", "x"], ["test", "--", "--data", "x"], None),
        ([], [], None),
    ],
)
def test_data_option(words: list[str], rest: list[str], chosen: Path | None) -> None:
    assert cli.split_data_option(words) == (rest, chosen)


def test_data_folder_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREMPLIN_DATA_DIR", raising=False)
    assert cli.data_directory(None) == ROOT / "var"
    monkeypatch.setenv("TREMPLIN_DATA_DIR", str(folder))
    assert cli.data_directory(None) == folder
    assert cli.data_directory(folder / "x" / "..") == folder
    monkeypatch.chdir(folder)
    assert cli.data_directory(Path("here")) == folder / "here"
    assert os.environ["TREMPLIN_DATA_DIR"] == str(folder / "here")


@pytest.mark.parametrize(
    ("verb", "url", "mode"),
    [
        ("demo", "", "demo"),
        ("demo", "postgresql://db/x", "demo"),
        ("dev", "", "dev"),
        ("test", "", "test"),
        ("bench", "", "demo"),
        ("migrate", "", "dev"),
        ("migrate", "postgresql://db/x", "production"),
    ],
)
def test_default_mode(verb: str, url: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if url:
        monkeypatch.setenv("DATABASE_URL", url)
    assert cli.default_mode(verb) == mode


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (["migrate"], True),
        (["tenant", "list"], True),
        (["tenant", "--help"], False),
        (["check"], False),
        (["check", "--deploy"], False),
        (["check", "--database", "default"], True),
        (["makemigrations"], True),
        (["makemessages"], False),
        (["help"], False),
        ([], False),
    ],
)
def test_needs_database(words: list[str], needed: bool) -> None:
    assert cli.needs_database(words) is needed


def test_embedded_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert database.embedded_directory(folder) == folder / "postgres"
    monkeypatch.setenv("TREMPLIN_EMBEDDED_DIR", str(folder / "elsewhere"))
    assert database.embedded_directory(folder) == folder / "elsewhere"
    assert database.embedded_directory(folder, "test-postgres") == folder / "test-postgres"


def test_embedded_server_is_told_to_the_environment(cluster: Path) -> None:
    with database.database(cluster, durable=False) as server:
        assert server is not None
        assert os.environ["DATABASE_URL"] == server.url
        database.check_server(server.url)
    assert "DATABASE_URL" not in os.environ


def test_chosen_server_is_checked_then_kept(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded.server(cluster, durable=False) as server:
        monkeypatch.setenv("DATABASE_URL", server.url)
        with database.database(cluster) as second:
            assert second is None
        assert os.environ["DATABASE_URL"] == server.url


def complaint(url: str) -> str:
    with pytest.raises(database.DatabaseError) as caught:
        database.check_server(url)
    return str(caught.value)


def test_unusable_servers_are_explained(cluster: Path) -> None:
    with embedded.server(cluster, durable=False) as server:
        place = f"127.0.0.1:{server.port}"
        assert complaint(server.url.replace("tremplin:", "tremplin:x")) == (
            f"The server at {place} refuses the user or the password of DATABASE_URL: correct it."
        )
        assert complaint(f"{server.url}x") == (
            f"The server at {place} has no database named tremplinx: create it, then try again."
        )
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE bare TEMPLATE template0")
        bare = server.url.removesuffix("tremplin") + "bare"
        assert complaint(bare) == (
            f"The database at {place} lacks the vector extension and its user may not create it: "
            "ask its administrator to run CREATE EXTENSION vector in it."
        )
        database.check_server(server.admin_url.removesuffix("tremplin") + "bare")
        database.check_server(bare)
    assert complaint(server.url) == (
        f"No PostgreSQL answers at {place}: start it, correct DATABASE_URL, or unset it to use "
        "the embedded one."
    )
    assert complaint("mysql://somewhere") == (
        "DATABASE_URL is not an address of the form postgresql://user:password@host/name."
    )


def test_too_old_server(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        info = SimpleNamespace(server_version=140011)

        def __enter__(self) -> Old:
            return self

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(psycopg, "connect", lambda *_, **__: Old())
    assert complaint("postgresql://db.example/x") == (
        "The server at db.example:5432 is PostgreSQL 14 and Tremplin needs 15 or newer: upgrade "
        "it, or unset DATABASE_URL to use the embedded one."
    )


def test_expected_failures_are_one_sentence(folder: Path) -> None:
    done = manage("migrate", DATABASE_URL="postgresql://a:secret@127.0.0.1:1/x")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "No PostgreSQL answers at 127.0.0.1:1: start it, correct DATABASE_URL, or unset it to use "
        "the embedded one.\n",
    )
    done = manage("demo", "--data")
    assert (done.returncode, done.stderr) == (
        1,
        "--data needs the folder to use, as in --data DIR.\n",
    )
    done = manage("runserver")
    assert (done.returncode, done.stderr) == (
        1,
        "Use manage.py dev: runserver cannot hold live connections.\n",
    )
    (folder / "file").write_text("")
    done = manage("demo", "--port", "0")
    assert (done.returncode, done.stderr) == (
        2,
        "manage.py demo: argument --port: 0 is not a port (1 to 65535); --help lists what it "
        "takes.\n",
    )
    done = manage("test", "--data", str(folder / "file"))
    assert (done.returncode, done.stderr) == (
        1,
        f"{folder / 'file'} is a file: choose a folder with --data.\n",
    )


@pytest.mark.parametrize("verb", ["demo", "dev"])
def test_busy_port(folder: Path, verb: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = manage(verb, "--port", str(port), "--data", str(folder / "data"))
    assert (done.returncode, done.stderr) == (
        1,
        f"Port {port} is already used by another program: stop it, or choose another one with "
        "--port.\n",
    )
    assert not (folder / "data").exists()


def test_full_disk_in_any_verb(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "/data/media")

    monkeypatch.setattr(cli, "_run", fill)
    assert cli.main(["migrate"]) == 1
    assert capsys.readouterr().err == (
        "The disk that holds /data/media is full: free some space and try again.\n"
    )


def test_the_test_verb_gives_its_own_database(folder: Path) -> None:
    (folder / "test_url.py").write_text(
        "import os, psycopg\n"
        "def test_it():\n"
        "    with psycopg.connect(os.environ['DATABASE_URL']) as link:\n"
        "        row = link.execute(\"SELECT current_user, current_setting('fsync')\").fetchone()\n"
        "    assert row == ('tremplin', 'off')\n"
        "    assert os.environ['TREMPLIN_MODE'] == 'test'\n"
        f"    assert os.environ['TREMPLIN_DATA_DIR'] == {str(folder / 'data' / 'test')!r}\n"
    )
    words = ["-q", "-p", "no:django", "-p", "no:randomly", "-p", "no:cacheprovider"]
    words += ["-c", os.devnull, "--rootdir", str(folder)]
    data = ["--data", str(folder / "data")]
    done = manage("test", *data, *words, str(folder / "test_url.py"))
    assert (done.returncode, done.stdout.splitlines()[-1].split(" in ")[0]) == (0, "1 passed")
    assert [entry.name for entry in (folder / "data").iterdir()] == []
    (folder / "test_bad.py").write_text("def test_it():\n    assert 0\n")
    done = manage("test", *data, *words, str(folder / "test_bad.py"))
    assert done.returncode == 1


def test_commands_of_the_stack(folder: Path) -> None:
    web, worker = verbs.programs(8123, folder, reload=False)
    assert (
        web.command[1:]
        == (
            "-m uvicorn tremplin.config.asgi:application --host 127.0.0.1 --port 8123 "
            "--no-proxy-headers --timeout-graceful-shutdown 10 --lifespan on"
        ).split()
    )
    assert (
        worker.command[1:]
        == (
            "-m celery -A tremplin.config.celery worker -P threads -c 4 -B --without-mingle "
            f"--without-gossip --without-heartbeat -s {folder}/celery-schedule"
        ).split()
    )


def test_bench_names_what_exists(folder: Path) -> None:
    done = manage("bench", "nothing")
    assert done.returncode == 2
    assert "invalid choice: 'nothing'" in done.stderr
    assert "boot" in done.stderr


def test_measures() -> None:
    measure = Measure("page", 0.012345678, "s", 0.5, 40.5, "<= 1 s", True)
    assert json.loads(measure.as_json()) == {
        "name": "page",
        "value": 0.012346,
        "unit": "s",
        "baseline": 0.5,
        "ratio": 40.5,
        "target": "<= 1 s",
        "holds": True,
    }
    assert measure.as_row() == ["page", "0.01235", "s", "0.5", "40.5", "<= 1 s", "yes"]
    assert at_most("start", 6.0, "s", 5.0) == Measure(
        "start", 6.0, "s", target="<= 5 s", holds=False
    )
    assert at_most("start", 5.0, "s", 5.0).holds is True


def test_progress_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 12.25, 20.0, 20.0])  # the beginning and the end of each step
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    stream = io.StringIO()
    writer = progress.Progress(stream)
    with writer.step("Doing"):
        writer.note("a detail")
    with pytest.raises(ValueError, match="no"), writer.step("Failing"):
        raise ValueError("no")
    writer.table(("A", "Bcd"), [("1", "2"), ("three", "")])
    assert stream.getvalue().splitlines() == [
        "  Doing: done in 2.2 s",
        "  Failing: failed after 0.0 s",
        "  A      Bcd",
        "  -----  ---",
        "  1      2",
        "  three",
    ]


def test_progress_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    writer = progress.Progress(stream)
    with writer.step("Doing"):
        time.sleep(0.02)
        writer.line("an event")
        time.sleep(progress.TICK * 1.5)
    text = stream.getvalue()
    assert text.startswith("| Doing (0 s)\r\x1b[Kan event\n/ Doing (0 s)")
    # How long the step took depends on the machine; how it is written does not.
    assert re.search(r"\r\x1b\[K  Doing: done in \d+\.\d s\n$", text)
