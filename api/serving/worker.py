"""Gunicorn's worker with an event loop: it accepts and bounds connections, and ends in order."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

from gunicorn.workers.gasgi import ASGIWorker

from api.serving.protocol import Connection

_TURN_S = 0.2
_SEND_BYTES = 131_072
"""Of kernel memory that an answer nobody reads may take; by itself it would grow to megabytes."""
_LAST_HEADS_S = 1.0
"""At the end, for requests that are on their way."""


class Worker(ASGIWorker):  # type: ignore[misc]
    """Serves the bridge (`api.serving.bridge`) that Gunicorn's application loads."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._idle: dict[Connection, None] = {}

    def idle(self, connection: Connection) -> None:
        """See `api.serving.protocol.Connections`.

        Beyond the limit the one that has been idle longest goes: whoever has a request sends its
        head within milliseconds, so a crowd of silent connections crowds out only itself.
        """
        self._idle.pop(connection, None)
        self._idle[connection] = None
        if self.nr_conns > self.worker_connections:
            next(iter(self._idle)).drop()

    def busy(self, connection: Connection) -> None:
        """See `api.serving.protocol.Connections`."""
        self._idle.pop(connection, None)

    async def _serve(self) -> None:
        for each in self.sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)  # for its connections
            server = await self.loop.create_server(
                lambda: Connection(self, self), sock=each.sock, backlog=self.cfg.backlog
            )
            self.servers.append(server)
        while self.alive and self.ppid == os.getppid():
            self.notify()
            await asyncio.sleep(_TURN_S)
        self.asgi.stop()
        self.loop.call_later(_LAST_HEADS_S, self._finish_idle)
        await self._shutdown()

    def _finish_idle(self) -> None:
        for connection in list(self._idle):
            connection.finish()
