"""Zip packages, opened with every attack on them refused: bombs, traversal, links, encryption."""

from __future__ import annotations

import io
import posixpath
import re
import stat
import zipfile
import zlib
from typing import Final
from urllib.parse import unquote

from . import limits
from .collect import Refused

_DRIVE: Final = re.compile(r"^[A-Za-z]:")
_IGNORED: Final = re.compile(r"(?:^|/)(?:__MACOSX/|\.DS_Store$|Thumbs\.db$)")


class Package:
    """The checked content of a zip file, read on demand with a bound on what comes out."""

    def __init__(self, data: bytes) -> None:
        """Open and check ``data``; raises ``Refused`` when it is broken, unsafe or too large."""
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            entries = self._zip.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError):
            raise Refused("zip_broken") from None
        if len(entries) > limits.MAX_ARCHIVE_ENTRIES:
            raise Refused("zip_limit")
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._read_bytes = 0
        total = 0
        for entry in entries:
            self._check(entry)
            total += entry.file_size
            if total > limits.MAX_ARCHIVE_BYTES:
                raise Refused("zip_limit")
            if entry.is_dir() or _IGNORED.search(entry.filename):
                continue
            name = posixpath.normpath(entry.filename)
            if name in self._entries:
                raise Refused("zip_unsafe", entry=name, reason="duplicate name")
            self._entries[name] = entry
        self._folded = {name.casefold(): name for name in self._entries}

    @staticmethod
    def _check(entry: zipfile.ZipInfo) -> None:
        name = entry.filename
        reason = ""
        if "\\" in entry.orig_filename or "\x00" in entry.orig_filename:
            reason = "backslash or NUL in the name"
        elif name.startswith("/") or _DRIVE.match(name) or ".." in name.split("/"):
            reason = "path outside the package"
        elif stat.S_ISLNK(entry.external_attr >> 16):
            reason = "symbolic link"
        elif entry.flag_bits & 0x1:
            reason = "encrypted"
        elif entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            reason = "compression method"
        if reason:
            raise Refused("zip_unsafe", entry=name, reason=reason)
        ratio_from = limits.RATIO_APPLIES_FROM_BYTES
        if entry.file_size > limits.MAX_ENTRY_BYTES or (
            entry.file_size > ratio_from
            and entry.file_size > limits.MAX_COMPRESSION_RATIO * max(entry.compress_size, 1)
        ):
            raise Refused("zip_limit")

    def names(self) -> list[str]:
        """The files of the package, in its order."""
        return list(self._entries)

    def read(self, name: str) -> bytes | None:
        """The bytes of a file, None when it is absent; raises ``Refused`` when it lies about its size."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        try:
            with self._zip.open(entry) as stream:
                data = stream.read(entry.file_size + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            ValueError,
            NotImplementedError,
            RuntimeError,
        ):
            raise Refused("zip_broken") from None
        self._read_bytes += len(data)
        if len(data) > entry.file_size or self._read_bytes > 2 * limits.MAX_ARCHIVE_BYTES:
            raise Refused("zip_limit")
        return data

    def locate(self, reference: str, base: str = "") -> str | None:
        """The name of the file that ``reference`` in the file ``base`` means; never outside the package."""
        path = unquote(re.split(r"[?#]", reference)[0]).replace("\\", "/")
        folder = posixpath.dirname(base)
        for root in (folder, "", "web_resources", "resources", "images", "media"):
            name = posixpath.normpath(posixpath.join(root, path.lstrip("/")))
            if name in self._entries:
                return name
            if name.casefold() in self._folded:
                return self._folded[name.casefold()]
        return None
