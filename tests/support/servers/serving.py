"""The API's HTTP server in a thread of the test, with an application of the test."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.sock import TCPSocket

from api.serving.bridge import Bridge
from api.serving.connections.head import PARSER
from api.serving.connections.worker import Worker

KEEPALIVE_S = 5


@dataclass(frozen=True)
class Serving:
    """A server on 127.0.0.1."""

    port: int
    worker: Worker

    @property
    def connections(self) -> int:
        """Number of current connections."""
        return int(self.worker.nr_conns)


@contextmanager
def serving(application: Bridge, connections_max: int = 100) -> Iterator[Serving]:
    """Serve this application during the block."""
    config = Config()
    for name, value in {
        **PARSER,
        "worker_connections": connections_max,
        "keepalive": KEEPALIVE_S,
        "asgi_disconnect_grace_period": 0,
        "graceful_timeout": 1,
    }.items():
        config.set(name, value)
    listener = TCPSocket(("127.0.0.1", 0), config, Logger(config))
    worker = Worker(1, os.getppid(), [listener], None, 30, config, Logger(config))
    worker.asgi = application
    port: int = listener.getsockname()[1]
    thread = Thread(target=_run, args=(worker,))
    thread.start()
    try:
        yield Serving(port, worker)
    finally:
        worker.alive = False
        thread.join(30)
        worker.tmp.close()


def _run(worker: Any) -> None:
    worker.loop = asyncio.new_event_loop()
    try:
        worker.loop.run_until_complete(worker._serve())
    finally:
        worker._cleanup()


def connected(port: int) -> socket.socket:
    """A new connection, with a timeout of a minute."""
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def until_closed(connection: socket.socket) -> bytes:
    """All bytes until the server closes the connection."""
    found = b""
    while chunk := connection.recv(65_536):
        found += chunk
    return found
