"""Command line: gives each verb its mode, its data folder and its database, then runs it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

from tenants.embedded import EmbeddedError
from tremplin.config.database import DatabaseError, database, embedded_directory
from tremplin.config.progress import Progress

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = "tremplin.config.settings"
MODES = {"demo": "demo", "dev": "dev", "test": "test", "bench": "demo"}
MODULE_VERBS = frozenset({"check", "key", "sign", "lock", "verify"})  # of "plugin": no database
DATABASE_FREE = frozenset(
    {
        *("", "help", "version", "--help", "-h", "--version"),
        *("collectstatic", "compilemessages", "diffsettings", "findstatic", "makemessages"),
        *("startapp", "startplugin", "startproject"),
    }
)


class CommandLineError(Exception):
    """A command cannot run as asked; the message is one sentence."""


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status; expected failures are one sentence."""
    try:
        return _run(list(arguments))
    except (CommandLineError, DatabaseError, EmbeddedError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        where = error.filename or "the data folder"
        sys.stderr.write(f"The disk that holds {where} is full: free some space and try again.\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return 130


def _run(arguments: list[str]) -> int:
    rest, chosen = split_data_option(arguments)
    if rest[:2] == ["plugin", "dev"] and "--help" not in rest:
        rest = _module_under_development(rest[2:])
    verb = rest[0] if rest else ""
    data = data_directory(chosen)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    os.environ.setdefault("TREMPLIN_MODE", default_mode(verb))
    if verb == "runserver":
        raise CommandLineError("Use manage.py dev: runserver cannot hold live connections.")
    own = _own_verbs().get(verb)
    if own:
        return own(rest[1:], data, chosen is not None)
    if needs_database(rest):
        with database(embedded_directory(data), report=Progress().line):
            return _django(rest)
    return _django(rest)


def _module_under_development(arguments: list[str]) -> list[str]:
    """Add the folder of a module to those scanned, and return the ``dev`` command that serves it."""
    if not arguments or arguments[0].startswith("-"):
        raise CommandLineError("Say which module: python3 manage.py plugin dev FOLDER.")
    folder = Path(arguments[0]).expanduser().absolute()
    if not (folder / "pyproject.toml").is_file():
        raise CommandLineError(f"{folder} holds no pyproject.toml: give the folder of a module.")
    known = os.environ.get("TREMPLIN_EXTRA_PLUGINS", "")
    os.environ["TREMPLIN_EXTRA_PLUGINS"] = os.pathsep.join(filter(None, [known, str(folder)]))
    verb = "demo" if "--demo" in arguments else "dev"
    return [verb, *(word for word in arguments[1:] if word != "--demo")]


def _own_verbs() -> dict[str, Callable[[list[str], Path, bool], int]]:
    from tremplin.config import verbs

    return {"demo": verbs.demo, "dev": verbs.dev, "test": verbs.test, "bench": verbs.bench}


def _django(arguments: list[str]) -> int:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *arguments])
    return 0


def default_mode(verb: str) -> str:
    """Mode of a command: its own for our verbs, ``dev`` on the embedded server.

    With ``DATABASE_URL`` set, another verb stays in production unless told otherwise.
    """
    if verb in MODES:
        return MODES[verb]
    return "production" if os.environ.get("DATABASE_URL") else "dev"


def needs_database(arguments: list[str]) -> bool:
    """Whether a Django command must find a server running."""
    verb = arguments[0] if arguments else ""
    if verb in DATABASE_FREE or "--help" in arguments or "-h" in arguments:
        return False
    if verb == "plugin":
        return len(arguments) < 2 or arguments[1] not in MODULE_VERBS
    return verb != "check" or any(word.startswith("--database") for word in arguments)


def split_data_option(arguments: list[str]) -> tuple[list[str], Path | None]:
    """Take ``--data DIR`` out of a command line; what follows ``--`` is left alone."""
    rest: list[str] = []
    chosen: Path | None = None
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest.extend([word, *words])
        elif word == "--data":
            value = next(words, None)
            if value is None:
                raise CommandLineError("--data needs the folder to use, as in --data DIR.")
            chosen = Path(value)
        elif word.startswith("--data="):
            chosen = Path(word.removeprefix("--data="))
        else:
            rest.append(word)
    return rest, chosen


def data_directory(chosen: Path | None) -> Path:
    """Absolute data folder of this command, told to the settings and to child processes.

    ``--data``, else ``TREMPLIN_DATA_DIR``, else ``var`` beside manage.py.  It is created by the
    verbs that write there.
    """
    named = chosen or Path(os.environ.get("TREMPLIN_DATA_DIR") or ROOT / "var")
    path = Path(os.path.abspath(named.expanduser()))
    os.environ["TREMPLIN_DATA_DIR"] = str(path)
    return path
