"""The data plane's control socket: access control, leases and their commands.

Runs on the control loop's turn, never blocks, and does bounded work per turn. A client that
violates the protocol loses its connection, and an event reports it; other clients are not affected.
The server does not interpret commands (`on_command`) and does not read the log.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from dataplane.base.clock import Clock
from dataplane.base.errors import ConfigurationError
from dataplane.base.logs import Log
from dataplane.base.process.listener import Peer, listen, peer_of, uids_of
from dataplane.base.settings import DataplaneSettings
from dataplane.control.rings import CommandRings, EventRings
from dataplane.native import abi
from dataplane.shared.transport.protocol import (
    GRANT,
    WAKE,
    OnCommand,
    ProtocolError,
    Refusal,
    Request,
    Want,
    close_all,
    decode_request,
    encode_refusal,
    receive,
    send,
)
from dataplane.shared.transport.ring import RingError
from dataplane.shared.transport.shm import SharedStats

COMMANDS_PER_TURN = 256
ANSWER_S_MAX = 0.003
"""Questions per turn; a page of 1,000 entries takes about 7 ms (2-core VM)."""
OBSERVERS_MAX = 16
OBSERVERS_PER_PROCESS_MAX = 8
WAITERS_MAX = 4
CONNECTIONS_MAX = 48
CONNECTIONS_PER_PROCESS_MAX = 16
"""More connections than any SecBeat process needs; one process cannot use up all."""
SILENT_MS_MAX = 1000
ACCEPTS_PER_TURN = 8
_EVENTS_PER_TURN = 64
_WAKES_PER_TURN = 64
_REPORT_MS_MIN = 100
_LOOK_MS = 1000
_log = Log()


@dataclass(eq=False)
class _Client:
    """One connection: without a request, then waiting or granted."""

    connection: socket.socket
    peer: Peer
    since_ms: int
    request: Request | None = None
    granted: bool = False

    def holds(self, want: Want) -> bool:
        """Whether the client holds a lease of this kind."""
        return self.granted and self.request is not None and self.request.want is want

    def deadline_ms(self) -> int:
        """Time at which the request or its wait times out."""
        return self.since_ms + (SILENT_MS_MAX if self.request is None else self.request.wait_ms)


@dataclass
class _LeaseHolders:
    """The holders of exclusive leases."""

    control: _Client | None = None
    rings: CommandRings | None = None
    events: _Client | None = None
    waiters: list[_Client] = field(default_factory=list)


class ControlServer:
    """The socket and its clients; a context manager. Call `turn`, then `wait`, repeatedly."""

    def __init__(
        self,
        settings: DataplaneSettings,
        stats: SharedStats,
        events: EventRings,
        library: ctypes.CDLL,
        clock: Clock,
        on_command: OnCommand,
    ) -> None:
        """Listens on return; ConfigurationError: an unknown user, or the socket is in use."""
        self._stats = stats
        self._events = events
        self._library = library
        self._clock = clock
        self._on_command = on_command
        self._uids = {0, os.geteuid(), *uids_of(settings.client_users)}
        self._clients: dict[int, _Client] = {}
        self._holders = _LeaseHolders()
        self._reported_ms = -_REPORT_MS_MIN
        self._poll = select.epoll()
        self._path = settings.socket
        self._users = settings.client_users
        self._looked_ms, self._trouble = clock.boot_ms(), ""
        self._listener = listen(self._path, self._users)
        self._inode = self._path.stat().st_ino
        self._poll.register(self._listener, select.EPOLLIN)

    @property
    def is_busy(self) -> bool:
        """Whether received commands are not executed yet."""
        return self._holders.rings is not None and self._holders.rings.has_more

    def wait(self, timeout_s: float) -> bool:
        """Wait at most so long for data of a client; returns whether there is some."""
        return bool(self._poll.poll(timeout_s, 1))

    def turn(self) -> None:
        """Accept, answer, execute commands, time out late clients."""
        now_ms = self._clock.boot_ms()
        if now_ms - self._looked_ms >= _LOOK_MS:
            self._looked_ms = now_ms
            self._look_after_socket()
        for fd, _ in self._poll.poll(0, _EVENTS_PER_TURN):
            if fd == self._listener.fileno():
                self._accept(now_ms)
            elif fd in self._clients:
                self._hear(self._clients[fd], now_ms)
        self._give_up(now_ms)
        self._serve_waiters()
        self._serve(lambda rings: rings.turn(self._on_command, COMMANDS_PER_TURN))
        self._events.turn()
        self._stats.header.events_lost = self._events.lost

    def answer(self) -> None:
        """Answer questions, for a limited time. The part of the turn with the lowest priority."""
        if self._holders.rings is not None:
            now_ms = self._clock.boot_ms()
            self._serve(lambda rings: rings.answer(self._on_command, now_ms, ANSWER_S_MAX))

    def notice(self, kind: abi.NoticeKind, value: int = 0) -> None:
        """Send a notice to the events client, if there is one."""
        notice = abi.Notice(boot_ms=self._clock.boot_ms(), notice=kind, value=value)
        try:
            self._events.post(abi.Message.NOTICE, bytes(notice))
        except RingError:
            if self._holders.events is not None:
                self._close(self._holders.events)

    def close(self) -> None:
        """End every lease and remove the socket if it is still this server's; idempotent."""
        for client in list(self._clients.values()):
            self._close(client)
        self._listener.close()
        self._poll.close()
        with contextlib.suppress(OSError):
            if self._is_ours():
                self._path.unlink()

    def _look_after_socket(self) -> None:
        """Create the socket again if it was removed; connected clients are not affected.

        A failure is logged once and tried again a second later.
        """
        if self._is_ours():
            return
        try:
            listener = listen(self._path, self._users)
            inode = self._path.stat().st_ino
        except (ConfigurationError, OSError) as exc:
            if str(exc) != self._trouble:
                _log.warning("the control socket is gone", why=str(exc))
            self._trouble = str(exc)
            return
        self._poll.unregister(self._listener)
        self._listener.close()
        self._listener, self._inode, self._trouble = listener, inode, ""
        self._poll.register(listener, select.EPOLLIN)
        _log.warning("the control socket was gone and is made again", socket=str(self._path))

    def _is_ours(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def __enter__(self) -> ControlServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self, now_ms: int) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                connection, _address = self._listener.accept()
            except OSError:  # none left, or disconnected, or out of descriptors
                return
            connection.setblocking(False)
            client = _Client(connection, peer_of(connection), now_ms)
            pid, uid = client.peer
            if uid not in self._uids:
                self._refuse(client, Refusal.PERMISSION, f"user id {uid} may not connect")
            elif self._connections_of(pid) >= CONNECTIONS_PER_PROCESS_MAX:
                text = f"more than {CONNECTIONS_PER_PROCESS_MAX} connections of process {pid}"
                self._refuse(client, Refusal.BUSY, text)
            elif len(self._clients) >= CONNECTIONS_MAX:
                self._refuse(client, Refusal.BUSY, f"more than {CONNECTIONS_MAX} connections")
            else:
                self._clients[connection.fileno()] = client
                self._poll.register(connection, select.EPOLLIN | select.EPOLLRDHUP)

    def _connections_of(self, pid: int) -> int:
        return sum(client.peer.pid == pid for client in self._clients.values())

    def _hear(self, client: _Client, now_ms: int) -> None:
        """Read a request, the end of the connection, or invalid data."""
        try:
            for _ in range(_WAKES_PER_TURN):  # the rest of this turn processes the commands
                message, fds = receive(client.connection)
                close_all(fds)
                if message != WAKE or fds or not client.holds(Want.CONTROL):
                    break
            else:
                return
            if not message:
                self._close(client)
            elif client.request is not None:
                self._refuse(client, Refusal.PROTOCOL, "a second message")
            else:
                self._ask(client, decode_request(message), now_ms)
        except BlockingIOError:
            return
        except OSError:
            self._close(client)
        except ProtocolError as exc:
            self._refuse(client, Refusal.PROTOCOL, str(exc))

    def _ask(self, client: _Client, request: Request, now_ms: int) -> None:
        client.request, client.since_ms = request, now_ms
        if request.abi_hash != abi.ABI_HASH:
            self._refuse(client, Refusal.ABI, f"the data plane has layout {abi.ABI_HASH}")
        elif request.want is Want.OBSERVE and not self._may_observe(client):
            limits = f"{OBSERVERS_MAX} observers, or {OBSERVERS_PER_PROCESS_MAX} of one process"
            self._refuse(client, Refusal.BUSY, f"there are {limits}")
        elif self._is_free(request.want):
            self._grant(client, request.want)
        elif self._waiting_for(request.want) >= WAITERS_MAX:
            self._refuse(client, Refusal.BUSY, f"{WAITERS_MAX} others wait for {request.want}")
        else:
            self._holders.waiters.append(client)

    def _is_free(self, want: Want) -> bool:
        if want is Want.CONTROL:
            return self._holders.control is None
        return want is Want.OBSERVE or self._events.free

    def _may_observe(self, client: _Client) -> bool:
        pids = [each.peer.pid for each in self._clients.values() if each.holds(Want.OBSERVE)]
        return len(pids) < OBSERVERS_MAX and pids.count(client.peer.pid) < OBSERVERS_PER_PROCESS_MAX

    def _waiting_for(self, want: Want) -> int:
        return sum(
            waiter.request is not None and waiter.request.want is want
            for waiter in self._holders.waiters
        )

    def _grant(self, client: _Client, want: Want) -> None:
        client.granted = True
        try:
            send(client.connection, GRANT, [self._stats.fd, *self._take(client, want)])
        except OSError:  # it has disconnected, or descriptors or memory are exhausted
            self._close(client)

    def _take(self, client: _Client, want: Want) -> list[int]:
        """Give the client an exclusive lease; returns its descriptors."""
        if want is Want.CONTROL:
            self._holders.rings = CommandRings(self._library)
            self._holders.control = client
            return self._holders.rings.fds
        if want is Want.EVENTS:
            self._holders.events = client
            return self._events.begin_lease()
        return []

    def _give_up(self, now_ms: int) -> None:
        late = [
            client
            for client in self._clients.values()
            if not client.granted and now_ms >= client.deadline_ms()
        ]
        for client in late:
            if client.request is None:
                self._refuse(client, Refusal.PROTOCOL, f"no request in {SILENT_MS_MAX} ms")
            else:
                self._refuse(client, Refusal.BUSY, f"another client holds {client.request.want}")

    def _serve_waiters(self) -> None:
        """Serve waiting clients in the order of their arrival."""
        for client in list(self._holders.waiters):
            if client.request is not None and self._is_free(client.request.want):
                self._holders.waiters.remove(client)
                self._grant(client, client.request.want)

    def _serve(self, work: Callable[[CommandRings], None]) -> None:
        rings, client = self._holders.rings, self._holders.control
        if rings is None or client is None:
            return
        try:
            work(rings)
        except (RingError, ProtocolError):
            self._report(client)
            self._close(client)

    def _refuse(self, client: _Client, refusal: Refusal, message: str) -> None:
        # Reported first: a client with the answer finds the event, even if this process ends now.
        if refusal is not Refusal.BUSY:
            self._report(client)
        with contextlib.suppress(OSError):
            send(client.connection, encode_refusal(refusal, message))
        self._close(client)

    def _report(self, client: _Client) -> None:
        """Report an event; at most ten a second, so that a hostile client cannot push out other
        events."""
        now_ms = self._clock.boot_ms()
        if now_ms - self._reported_ms < _REPORT_MS_MIN:
            return
        self._reported_ms = now_ms
        self.notice(abi.NoticeKind.CLIENT_REFUSED, client.peer.uid)

    def _close(self, client: _Client) -> None:
        """Close a connection and release its leases; idempotent."""
        if self._clients.pop(client.connection.fileno(), None) is not None:
            self._poll.unregister(client.connection)
        client.connection.close()
        holders = self._holders
        if client in holders.waiters:
            holders.waiters.remove(client)
        if client is holders.control and holders.rings is not None:
            holders.rings.close()
            holders.control = holders.rings = None
        if client is holders.events:
            holders.events = None
            self._events.end_lease()
