"""Gunicorn's worker with an event loop: accepts and limits connections, and shuts down orderly."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

from gunicorn.workers.gasgi import ASGIWorker

from api.serving.connections.protocol import Connection

_TURN_S = 0.2
_SEND_BYTES = 131_072
"""Kernel buffer for an answer that the client does not read; the default would grow to
megabytes."""
_LAST_HEADS_S = 1.0
"""Time for requests that are under way at the end."""


class Worker(ASGIWorker):  # type: ignore[misc]
    """Serves the bridge (`api.serving.bridge`) that Gunicorn's application loads."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._idle: dict[Connection, None] = {}

    def idle(self, connection: Connection) -> None:
        """See `api.serving.connections.protocol.Connections`.

        Beyond the limit, the connection that has been idle longest is closed. A client with a
        request sends its head within milliseconds, so many silent connections only displace each
        other.
        """
        self._idle.pop(connection, None)
        self._idle[connection] = None
        if self.nr_conns > self.worker_connections:
            next(iter(self._idle)).drop()

    def busy(self, connection: Connection) -> None:
        """See `api.serving.connections.protocol.Connections`."""
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
