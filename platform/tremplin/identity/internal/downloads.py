"""Events of the audit log sent as a file."""

from __future__ import annotations

from typing import IO, Any

from django.http import FileResponse, HttpRequest

from tremplin.kernel import clock

BLOCK_SIZE = 65536


def zone_of(request: HttpRequest) -> str:
    """Return the time zone of the space, in which its days are counted."""
    return str(request.tenant.timezone)  # type: ignore[attr-defined]


def until_now(rows: Any) -> Any:
    """Return the events of ``rows`` that exist now: later ones do not join a running export."""
    last = rows.order_by("-id").values_list("id", flat=True).first() or 0
    return rows.filter(id__lte=last)


def attachment(
    request: HttpRequest, file: IO[bytes], *, what: str, extension: str, content_type: str
) -> FileResponse:
    """Send ``file`` from its start as ``<space>-<what>-<day>.<extension>``; no cache keeps it."""
    file.seek(0)
    day = clock.today(zone_of(request)).isoformat()
    slug = request.tenant.slug  # type: ignore[attr-defined]
    response = FileResponse(
        file,
        as_attachment=True,
        filename=f"{slug}-{what}-{day}.{extension}",
        content_type=content_type,
    )
    response.block_size = BLOCK_SIZE
    response["Cache-Control"] = "no-store"
    return response
