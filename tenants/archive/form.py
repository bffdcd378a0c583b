"""The form of an archive: names of members, the manifest, and what it is checked against."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tenants.errors import ArchiveError

NAME = "tremplin-archive"
VERSION = 1
MANIFEST = "manifest.json"
SCHEMA = "schema.sql"
PUBLIC = "public.json"
DATA = "data/"
FILES = "files/"
BLOCK = 1 << 20
SECTION = "-- section: "
SECTIONS = ("tables", "constraints", "indexes", "keys", "crossing_keys")

# What the builder writes, and nothing else: an archive is data, not a program.
STATEMENT = re.compile(
    r"(CREATE TABLE |CREATE (UNIQUE )?INDEX |ALTER TABLE [^;]+ ADD CONSTRAINT )", re.S
)
QUOTED = re.compile(r"E?'(?:[^'\\]|''|\\.)*'|\"(?:[^\"]|\"\")*\"", re.S)


class Tally:
    """Size, rows and sha256 of a member while it is written or read."""

    __slots__ = ("_sum", "rows", "size")

    def __init__(self) -> None:
        self.size = 0
        self.rows = 0
        self._sum = hashlib.sha256()

    def add(self, block: bytes) -> None:
        self.size += len(block)
        self.rows += block.count(b"\n")
        self._sum.update(block)

    @property
    def sha256(self) -> str:
        return self._sum.hexdigest()


def blocks(source: IO[bytes]) -> Iterator[bytes]:
    """Yield the content of ``source`` in blocks of 1 MiB."""
    while block := source.read(BLOCK):
        yield block


def safe_path(name: str) -> PurePosixPath:
    """Return the path of a stored file. Raises ``ArchiveError`` when it leaves its folder."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise ArchiveError(reason=f"the file name {name!r} is not allowed")
    return path


def schema_text(sections: dict[str, list[str]]) -> str:
    """Return the statements as readable SQL, by section."""
    parts = []
    for name in SECTIONS:
        parts.append(f"{SECTION}{name}\n")
        parts += [f"{statement};\n" for statement in sections[name]]
    return "".join(parts)


def schema_sections(text: str) -> dict[str, list[str]]:
    """Return the statements of ``schema.sql`` by section, checked one by one."""
    found: dict[str, list[str]] = {}
    for part in re.split(rf"^{SECTION}", text, flags=re.M)[1:]:
        name, _, body = part.partition("\n")
        statements = [piece for piece in body.split(";\n") if piece.strip()]
        for statement in statements:
            if not STATEMENT.match(statement) or ";" in QUOTED.sub("''", statement):
                raise ArchiveError(reason=f"{SCHEMA} holds an unexpected statement")
        found[name] = statements
    if tuple(found) != SECTIONS:
        raise ArchiveError(reason=f"{SCHEMA} is incomplete")
    return found


class Archive:
    """An archive opened for reading; ``verify`` reads every byte before anything is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise ArchiveError(reason=f"there is no file {path}") from None
        except (OSError, zipfile.BadZipFile) as error:
            raise ArchiveError(reason=f"{path.name} is not an archive ({error})") from None
        try:
            self.manifest = self._manifest()
        except BaseException:
            self.zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.zip.close()

    def _manifest(self) -> dict[str, Any]:
        try:
            manifest = json.loads(self.zip.read(MANIFEST))
        except KeyError:
            raise ArchiveError(reason=f"{MANIFEST} is missing") from None
        except (ValueError, zipfile.BadZipFile, zlib.error, OSError):
            raise ArchiveError(reason=f"{MANIFEST} cannot be read") from None
        if not isinstance(manifest, dict) or manifest.get("format") != NAME:
            raise ArchiveError(reason="it was not made by this product")
        if manifest.get("version") != VERSION:
            raise ArchiveError(
                reason=f"its version {manifest.get('version')} is not {VERSION}: use the release"
                " that made it"
            )
        return manifest

    def read(self, name: str) -> bytes:
        return self.zip.read(name)

    def open(self, name: str) -> IO[bytes]:
        return self.zip.open(name)

    def verify(self) -> None:
        """Check the presence, size, sha256 and row count of every member."""
        expected: dict[str, dict[str, Any]] = {
            **self.manifest["members"],
            **{f"{DATA}{name}.copy": facts for name, facts in self.manifest["tables"].items()},
            **{f"{FILES}{safe_path(n)}": facts for n, facts in self.manifest["files"].items()},
        }
        present = set(self.zip.namelist()) - {MANIFEST}
        if missing := sorted(set(expected) - present):
            raise ArchiveError(reason=f"{missing[0]} is missing")
        if strange := sorted(present - set(expected)):
            raise ArchiveError(reason=f"{strange[0]} is not in the manifest")
        for name, facts in expected.items():
            tally = Tally()
            try:
                with self.open(name) as source:
                    for block in blocks(source):
                        tally.add(block)
            except (OSError, zipfile.BadZipFile, zlib.error, EOFError):
                raise ArchiveError(reason=f"{name} is damaged") from None
            if tally.sha256 != facts["sha256"] or tally.rows != facts.get("rows", tally.rows):
                raise ArchiveError(reason=f"{name} is damaged")
        schema_sections(self.read(SCHEMA).decode())
