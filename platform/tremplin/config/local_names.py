"""Names under ``.localhost`` for demonstrations and tests.

Browsers answer 127.0.0.1 to such names; the resolver of the system does not. The operator's space
of a demonstration is one of them, and the other spaces call it from the server's side.
"""

from __future__ import annotations

import socket
from typing import Any

_resolve = socket.getaddrinfo


def _getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    name = host.decode("ascii", "ignore") if isinstance(host, bytes) else host
    if isinstance(name, str) and name.lower().rstrip(".").endswith(".localhost"):
        host = "127.0.0.1"
    return _resolve(host, *args, **kwargs)


def install() -> None:
    """Let names ending in ``.localhost`` stand for this machine in this process. Idempotent."""
    socket.getaddrinfo = _getaddrinfo
