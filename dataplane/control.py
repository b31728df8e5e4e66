"""The data plane's control socket: who may connect, who holds which lease, and their commands.

Runs on the control loop's turn, never blocks, and does bounded work per turn. A client that breaks
the protocol loses its connection and is reported; nobody else notices. Knows nothing of what
commands mean (`on_command`) nor of what is in the log.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import socket
from dataclasses import dataclass, field

from dataplane import abi
from dataplane.clock import Clock
from dataplane.leases import CommandRings, EventRings
from dataplane.listener import listen, uid_of, uids_of
from dataplane.protocol import (
    GRANT,
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
from dataplane.ring import RingError
from dataplane.settings import DataplaneSettings
from dataplane.shm import SharedStats

COMMANDS_PER_TURN = 64
OBSERVERS_MAX = 16
WAITERS_MAX = 4
CONNECTIONS_MAX = 48
SILENT_MS_MAX = 1000
_ACCEPTS_PER_TURN = 8
_EVENTS_PER_TURN = 64
_REPORT_MS_MIN = 100


@dataclass(eq=False)
class _Client:
    """One connection: silent, then waiting or granted."""

    connection: socket.socket
    uid: int
    since_ms: int
    request: Request | None = None
    granted: bool = False

    def holds(self, want: Want) -> bool:
        """Whether it was granted that."""
        return self.granted and self.request is not None and self.request.want is want

    def deadline_ms(self) -> int:
        """When the patience with it, or its own, ends."""
        return self.since_ms + (SILENT_MS_MAX if self.request is None else self.request.wait_ms)


@dataclass
class _Leases:
    """Who holds what only one may hold."""

    control: _Client | None = None
    rings: CommandRings | None = None
    events: _Client | None = None
    waiters: list[_Client] = field(default_factory=list)


class ControlServer:
    """The socket and its clients; a context manager. Call `turn` every millisecond or so."""

    def __init__(
        self,
        settings: DataplaneSettings,
        stats: SharedStats,
        events: EventRings,
        library: ctypes.CDLL,
        clock: Clock,
        on_command: OnCommand,
    ) -> None:
        """Listens on return; ConfigurationError: an unknown user, or a socket that is in use."""
        self._stats = stats
        self._events = events
        self._library = library
        self._clock = clock
        self._on_command = on_command
        self._uids = {0, os.geteuid(), *uids_of(settings.client_users)}
        self._clients: dict[int, _Client] = {}
        self._leases = _Leases()
        self._reported_ms = -_REPORT_MS_MIN
        self._poll = select.epoll()
        self._path = settings.socket
        self._listener = listen(settings.socket, settings.client_users)
        self._inode = self._path.stat().st_ino
        self._poll.register(self._listener, select.EPOLLIN)

    def turn(self) -> None:
        """Accept, answer, carry commands out, give up on who is late."""
        now_ms = self._clock.boot_ms()
        for fd, _ in self._poll.poll(0, _EVENTS_PER_TURN):
            if fd == self._listener.fileno():
                self._accept(now_ms)
            elif fd in self._clients:
                self._hear(self._clients[fd], now_ms)
        self._give_up(now_ms)
        self._serve_waiters()
        self._serve_commands(now_ms)
        self._events.turn()
        self._stats.header.events_lost = self._events.lost

    def notice(self, kind: abi.NoticeKind, value: int = 0) -> None:
        """Tell the events client, if there is one."""
        notice = abi.Notice(boot_ms=self._clock.boot_ms(), notice=kind, value=value)
        try:
            self._events.post(abi.Message.NOTICE, bytes(notice))
        except RingError:
            if self._leases.events is not None:
                self._close(self._leases.events)

    def close(self) -> None:
        """Ends every lease and removes the socket, if it is still ours; idempotent."""
        for client in list(self._clients.values()):
            self._close(client)
        self._listener.close()
        self._poll.close()
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def __enter__(self) -> ControlServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self, now_ms: int) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                connection, _address = self._listener.accept()
            except OSError:  # nobody more, or gone again, or out of descriptors
                return
            connection.setblocking(False)
            client = _Client(connection, uid_of(connection), now_ms)
            if client.uid not in self._uids:
                self._refuse(client, Refusal.PERMISSION, f"user id {client.uid} may not connect")
            elif len(self._clients) >= CONNECTIONS_MAX:
                self._refuse(client, Refusal.BUSY, f"more than {CONNECTIONS_MAX} connections")
            else:
                self._clients[connection.fileno()] = client
                self._poll.register(connection, select.EPOLLIN | select.EPOLLRDHUP)

    def _hear(self, client: _Client, now_ms: int) -> None:
        """A request, the end of the connection, or garbage."""
        try:
            message, fds = receive(client.connection)
            close_all(fds)
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
        elif self._is_free(request.want):
            self._grant(client, request.want)
        elif request.want is Want.OBSERVE:
            self._refuse(client, Refusal.BUSY, f"there are {OBSERVERS_MAX} observers")
        elif self._waiting_for(request.want) >= WAITERS_MAX:
            self._refuse(client, Refusal.BUSY, f"{WAITERS_MAX} others wait for {request.want}")
        else:
            self._leases.waiters.append(client)

    def _is_free(self, want: Want) -> bool:
        if want is Want.CONTROL:
            return self._leases.control is None
        if want is Want.EVENTS:
            return self._events.free
        return self._observers() < OBSERVERS_MAX

    def _observers(self) -> int:
        return sum(client.holds(Want.OBSERVE) for client in self._clients.values())

    def _waiting_for(self, want: Want) -> int:
        return sum(
            waiter.request is not None and waiter.request.want is want
            for waiter in self._leases.waiters
        )

    def _grant(self, client: _Client, want: Want) -> None:
        fds = [self._stats.fd]
        client.granted = True
        if want is Want.CONTROL:
            self._leases.control = client
            self._leases.rings = CommandRings(self._library)
            fds += self._leases.rings.fds
        elif want is Want.EVENTS:
            self._leases.events = client
            fds += self._events.lease()
        try:
            send(client.connection, GRANT, fds)
        except OSError:
            self._close(client)

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
        """First come, first served."""
        for client in list(self._leases.waiters):
            if client.request is not None and self._is_free(client.request.want):
                self._leases.waiters.remove(client)
                self._grant(client, client.request.want)

    def _serve_commands(self, now_ms: int) -> None:
        rings, client = self._leases.rings, self._leases.control
        if rings is None or client is None:
            return
        try:
            rings.turn(self._on_command, now_ms, COMMANDS_PER_TURN)
        except (RingError, ProtocolError):
            self._report(client)
            self._close(client)

    def _refuse(self, client: _Client, refusal: Refusal, message: str) -> None:
        with contextlib.suppress(OSError):
            send(client.connection, encode_refusal(refusal, message))
        if refusal is not Refusal.BUSY:
            self._report(client)
        self._close(client)

    def _report(self, client: _Client) -> None:
        """At most ten a second, or a hostile client would push other events out."""
        now_ms = self._clock.boot_ms()
        if now_ms - self._reported_ms < _REPORT_MS_MIN:
            return
        self._reported_ms = now_ms
        self.notice(abi.NoticeKind.CLIENT_REFUSED, client.uid)

    def _close(self, client: _Client) -> None:
        """Idempotent; whatever it held is free again."""
        if self._clients.pop(client.connection.fileno(), None) is not None:
            self._poll.unregister(client.connection)
        client.connection.close()
        leases = self._leases
        if client in leases.waiters:
            leases.waiters.remove(client)
        if client is leases.control and leases.rings is not None:
            leases.rings.close()
            leases.control = leases.rings = None
        if client is leases.events:
            leases.events = None
            self._events.release()
