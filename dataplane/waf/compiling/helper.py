"""The compile helper: a process of the data plane's user with a socket of its own.

The API asks it whether patterns can be rules, the data plane asks it for databases. It compiles
nothing itself: every piece of work is a child with limits (`compiling.child`). It has no state: its
successor gives the same answers.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataplane.base.logs import Log
from dataplane.base.process.listener import listen, peer_of, uids_of
from dataplane.waf.compiling.engine import Engine
from dataplane.waf.compiling.work import Work, begin
from dataplane.waf.exchange.wire import Decoder, WireError, encode

CLIENTS_MAX = 32
OWN_MAX = 8
"""Connections reserved for the data plane."""
IDLE_S_MAX = 60.0
"""A foreign client without a pending request loses its connection after this time."""
REQUESTS_MAX = 8
"""Unanswered requests of one client."""
_POLL_MS = 200
_BEAT_S = 1.0
_RECEIVE_BYTES = 1 << 16
_log = Log()


@dataclass(frozen=True)
class HelperSettings:
    """Settings of the helper."""

    socket: Path
    client_users: tuple[str, ...]
    cache: Path
    """Directory of jobs and databases."""


@dataclass(eq=False)
class _Client:
    connection: socket.socket
    is_own: bool
    """The client's user is the data plane's, or root: it may request databases."""
    decoder: Decoder = field(default_factory=Decoder)
    unsent: bytearray = field(default_factory=bytearray)
    waiting: int = 0
    heard_at: float = field(default_factory=time.monotonic)

    def is_idle(self) -> bool:
        """Whether the client has no pending request."""
        return not (self.is_own or self.waiting) and time.monotonic() > self.heard_at + IDLE_S_MAX


class Helper:
    """The socket, its clients, and the present work."""

    def __init__(self, settings: HelperSettings, life: int, beats: int) -> None:
        """``life``: a descriptor that ends when the data plane has ended. ConfigurationError.

        ``beats``: a non-blocking descriptor that gets a byte each second as a sign of life.
        """
        self._settings = settings
        self._engine = Engine()
        self._life = life
        self._beats = beats
        self._beat_at = 0.0
        self._own_uids = {0, os.geteuid()}
        self._uids = self._own_uids | set(uids_of(settings.client_users))
        self._clients: dict[int, _Client] = {}
        self._work: dict[int, Work] = {}
        self._queue: list[Work] = []
        self._poll = select.epoll()
        self._listener = listen(settings.socket, settings.client_users, socket.SOCK_STREAM)
        self._poll.register(self._listener, select.EPOLLIN)
        self._poll.register(life, select.EPOLLIN)

    def run(self) -> None:
        """Run until the data plane has ended."""
        _log.info("compile helper runs", engine=self._engine.version)
        while self._turn():
            pass
        self._settings.socket.unlink(missing_ok=True)
        for work in self._work.values():
            work.kill()
        _log.info("compile helper ends")

    def _beat(self) -> None:
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + _BEAT_S
            with contextlib.suppress(BlockingIOError):  # the keeper does not read: it is stopped
                os.write(self._beats, b".")

    def _turn(self) -> bool:
        self._beat()
        for fd, event in self._poll.poll(_POLL_MS / 1000):
            if fd == self._life:
                return False
            if fd == self._listener.fileno():
                self._accept()
            elif fd in self._clients:
                self._serve(self._clients[fd], event)
            elif fd in self._work:
                self._advance(fd)
        for work in self._work.values():
            work.check_time()
        self._begin_waiting()
        for client in [one for one in self._clients.values() if one.is_idle()]:
            self._drop(client)
        return True

    # --- clients ----------------------------------------------------------------------------------

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            uid = peer_of(connection).uid
            client = _Client(connection, uid in self._own_uids)
            alike = [one for one in self._clients.values() if one.is_own == client.is_own]
            if uid not in self._uids or len(alike) >= (OWN_MAX if client.is_own else CLIENTS_MAX):
                connection.close()
                return
            connection.setblocking(False)
            self._clients[connection.fileno()] = client
            self._poll.register(connection, select.EPOLLIN)

    def _serve(self, client: _Client, event: int) -> None:
        try:
            if event & select.EPOLLOUT:
                self._flush(client)
            if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._receive(client)
        except (OSError, WireError):
            self._drop(client)

    def _receive(self, client: _Client) -> None:
        data = client.connection.recv(_RECEIVE_BYTES)
        if not data:
            raise WireError("it has closed the connection")
        client.heard_at = time.monotonic()
        client.decoder.feed(data)
        while (message := client.decoder.next()) is not None:
            if client.waiting >= REQUESTS_MAX:
                raise WireError("too many requests at a time")
            work = begin(message, self._engine, self._settings.cache, is_own=client.is_own)
            work.owner = client
            client.waiting += 1
            self._queue.append(work)

    def _answer(self, client: _Client, message: dict[str, Any]) -> None:
        client.waiting -= 1
        if client.connection.fileno() < 0:
            return
        try:
            client.unsent += encode(message)
            self._flush(client)
        except (OSError, WireError):
            self._drop(client)

    def _flush(self, client: _Client) -> None:
        with contextlib.suppress(BlockingIOError):
            while client.unsent:
                del client.unsent[: client.connection.send(client.unsent)]
        wanted = select.EPOLLIN | (select.EPOLLOUT if client.unsent else 0)
        self._poll.modify(client.connection, wanted)

    def _drop(self, client: _Client) -> None:
        """Disconnect a client, and end its work: nobody needs the answer."""
        fd = client.connection.fileno()
        if fd < 0:
            return
        self._poll.unregister(fd)
        del self._clients[fd]
        client.connection.close()
        self._queue = [work for work in self._queue if work.owner is not client]
        for work_fd, work in list(self._work.items()):
            if work.owner is client:
                self._forget(work_fd)
                work.kill()

    # --- work -------------------------------------------------------------------------------------

    def _begin_waiting(self) -> None:
        """Start waiting work of each kind that has room."""
        for work in list(self._queue):
            if all(other.kind != work.kind for other in self._work.values()):
                self._queue.remove(work)
                self._begin(work)

    def _begin(self, work: Work) -> None:
        fd = work.start()
        if fd is None:
            self._finish(work)
        else:
            self._work[fd] = work
            self._poll.register(fd, select.EPOLLIN)

    def _advance(self, fd: int) -> None:
        if self._work[fd].hear():
            work = self._forget(fd)
            work.take()
            self._begin(work)

    def _forget(self, fd: int) -> Work:
        self._poll.unregister(fd)
        return self._work.pop(fd)

    def _finish(self, work: Work) -> None:
        if isinstance(work.owner, _Client):
            self._answer(work.owner, work.answer())
