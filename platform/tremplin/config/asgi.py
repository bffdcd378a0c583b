"""ASGI entry point: pages in threads, the realtime hub on the event loop, nothing else."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tremplin.config.settings")

from a2wsgi import WSGIMiddleware

# The tasks sent by pages need the Celery application of this project as the current one.
from tremplin.config.celery import app as celery_app
from tremplin.config.env import environment
from tremplin.config.realtime_auth import authorise
from tremplin.config.wsgi import application as pages
from tremplin.kernel.realtime.endpoint import Endpoint
from tremplin.kernel.realtime.lifespan import Lifespan
from tremplin.kernel.realtime.startup import build_hub, bus

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

__all__ = ["application", "celery_app", "hub"]

REALTIME_PREFIX = "/_rt/"

hub = build_hub()
realtime = Endpoint(hub, authorise)
lifespan = Lifespan(hub, bus())
django = WSGIMiddleware(pages, workers=environment().web_threads)  # type: ignore[arg-type]


def for_wsgi(scope: Scope) -> Scope:
    """Return ``scope`` made safe for the WSGI bridge.

    A header with an underscore would become the same CGI variable as its twin with a hyphen and
    forge it; raw bytes in a query string would end in an error of the bridge.
    """
    query: bytes = scope["query_string"]
    return {
        **scope,
        "headers": [header for header in scope["headers"] if b"_" not in header[0]],
        "query_string": query
        if query.isascii()
        else quote(query, safe="=&%+/?:@!$'()*,;").encode(),
    }


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Dispatch one ASGI connection."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["type"] == "http":
        if scope["path"].startswith(REALTIME_PREFIX):
            await realtime(scope, receive, send)
        else:
            await django(for_wsgi(scope), receive, send)  # type: ignore[arg-type]
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1003})
