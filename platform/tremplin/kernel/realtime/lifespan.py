"""Starts the hub's listener with the server and ends every stream at the first signal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tremplin.kernel.realtime.bus import Bus
from tremplin.kernel.realtime.hub import Hub

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Lifespan:
    """The ASGI lifespan protocol of one process."""

    def __init__(self, hub: Hub, bus: Bus) -> None:
        self._hub = hub
        self._bus = bus

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the start and the end of the process."""
        del scope
        listener: asyncio.Task[None] | None = None
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                listener = asyncio.create_task(self._bus.feed(self._hub), name="realtime-listener")
                self._wrap_signals(asyncio.get_running_loop())
                await send({"type": "lifespan.startup.complete"})
            else:
                self._hub.close_all()
                if listener is not None:
                    listener.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await listener
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _wrap_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell the hub before the server hears of the signal.

        ``lifespan.shutdown`` comes too late: the server waits for open connections first.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            former = signal.getsignal(number)
            if not callable(former):
                continue
            signal.signal(number, self._handler(loop, former))

    def _handler(
        self, loop: asyncio.AbstractEventLoop, former: Callable[..., Any]
    ) -> Callable[[int, Any], None]:
        def handle(number: int, stack: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed already
                loop.call_soon_threadsafe(self._hub.close_all)
            former(number, stack)

        return handle
