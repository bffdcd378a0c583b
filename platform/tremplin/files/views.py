"""The one view that serves stored files: signed address, harmless types, byte ranges."""

from __future__ import annotations

import io
import re
from typing import IO, Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from tremplin.files.internal.sniff import OCTETS
from tremplin.files.models import StoredFileRecord
from tremplin.files.service import ADDRESS_SECONDS, is_signed, served_type
from tremplin.kernel.access import guarded

BLOCK_SIZE = 65536
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class _Slice(io.RawIOBase):
    """The bytes ``start`` to ``end`` (included) of an open file, as a file."""

    def __init__(self, stream: IO[bytes], start: int, end: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = end - start + 1
        stream.seek(start)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = self._stream.read(wanted) if wanted else b""
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


class Download(FileResponse):
    """A file response in blocks of 64 KiB (the default of 4 KiB costs an event-loop trip each)."""

    block_size = BLOCK_SIZE


def wanted_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte asked by a ``Range`` header (RFC 9110, one range).

    None when there is no range or one we do not serve (the whole file is then the answer). Raises
    ``ValueError`` when the range lies outside the file.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(0, size - int(match[2])), size - 1
        if int(match[2]) == 0:
            raise ValueError("an empty suffix")
    else:
        start = int(match[1])
        end = min(int(match[2]), size - 1) if match[2] else size - 1
        if match[2] and int(match[2]) < start:
            return None
    if start >= size:
        raise ValueError("past the end")
    return start, end


@guarded(anonymous=True)
@require_safe
def download(request: HttpRequest, file: UUID, signature: str, name: str) -> HttpResponseBase:
    """Serve a file to whoever holds an address signed for this tenant less than a day ago."""
    del name
    if not is_signed(file, signature):
        raise Http404
    record = StoredFileRecord.objects.filter(pk=file).first()
    if record is None or not default_storage.exists(record.path):
        raise Http404
    try:
        asked = wanted_range(request.headers.get("Range", ""), record.size)
    except ValueError:
        refused = HttpResponse(status=416)
        refused["Content-Range"] = f"bytes */{record.size}"
        return refused
    stream: Any = default_storage.open(record.path)
    mime = served_type(record)
    start, end = asked or (0, record.size - 1)
    response = Download(
        _Slice(stream, start, end),
        as_attachment=mime == OCTETS,
        filename=record.name,
        content_type=mime,
        status=206 if asked else 200,
    )
    response["Content-Length"] = str(end - start + 1)
    response["Accept-Ranges"] = "bytes"
    if asked:
        response["Content-Range"] = f"bytes {start}-{end}/{record.size}"
    response["Cache-Control"] = f"private, max-age={ADDRESS_SECONDS}, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
