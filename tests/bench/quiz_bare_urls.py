"""The yardstick of the quiz benchmark: the same server, one view, one insert, no middleware.

The URLconf of the second web process; ``quiz_bare`` is its settings overlay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.urls import path

if TYPE_CHECKING:
    from django.http import HttpRequest

TABLE = "public.bench_quiz_bare"


def insert(request: HttpRequest) -> HttpResponse:
    """Insert the posted value in autocommit and acknowledge it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} (body) VALUES (%s)", [request.POST.get("a0", "")])  # noqa: S608
    body = b'{"outcome": "saved"}'
    # Without the common middleware nobody else says it, and the answer would be chunked.
    headers = {"Content-Length": str(len(body))}
    return HttpResponse(body, content_type="application/json", headers=headers)


insert.tremplin_scope = "public"  # type: ignore[attr-defined]
urlpatterns = [path("bare/", insert)]
