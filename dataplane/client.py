"""The only door into a running data plane, for everything outside `dataplane`.

Three leases: `observe` reads statistics, `control` also rings the doorbell and asks, `events` also
takes events. Each is a connection; closing it, or dying, gives the lease back. What comes out are
plain values (`dataplane.stats`, `dataplane.events`).

Fork: a lease belongs to the process that asked for it. Connect after forking, never before; a child
that inherits one holds it open for as long as it lives.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self, TypeAlias
from uuid import UUID

from dataplane import abi
from dataplane.clock import SystemClock
from dataplane.errors import DataplaneAwayError
from dataplane.events import DropSample, Event, Notice, decode_event
from dataplane.lease import Lease, connect
from dataplane.library import load
from dataplane.networks import Network
from dataplane.protocol import Explanation, Want
from dataplane.ring import Consumer, Producer, RingError
from dataplane.statelog.changes import ListName
from dataplane.stats import Capacities, NodeStats
from dataplane.statsview import StatsView

__all__ = [
    "Control",
    "DropSample",
    "Events",
    "Explanation",
    "Notice",
    "Observer",
    "control",
    "events",
    "observe",
]

EntryKey: TypeAlias = tuple[ListName, Network]
_POLL_S_MIN, _POLL_S_MAX = 0.0002, 0.002
_IN_FLIGHT_MAX = abi.RING_SLOTS // 2


class Observer:
    """The observe lease: reads statistics. Does not load libsecbeat."""

    def __init__(self, lease: Lease) -> None:
        """Not for callers: see `observe`."""
        self._lease = lease
        try:
            self._view = StatsView(lease.memories[0].view, SystemClock())
        except BaseException:
            lease.close()
            raise

    def stats(self) -> NodeStats:
        """What the data plane publishes now; DataplaneAwayError when it has gone."""
        self._require_alive()
        with _translated():
            return self._view.read()

    def capacities(self) -> Capacities:
        """The sizes of the tables; cheaper than `stats`."""
        self._require_alive()
        with _translated():
            return self._view.capacities()

    def in_force(self, database_id: UUID, revision: int) -> bool:
        """Whether packets meet the revision, by what was published last, be it gone since."""
        with _translated():
            return self._view.in_force(database_id, revision)

    def alive(self) -> bool:
        """Whether the data plane still holds the other end. A hung one does: see the heartbeat."""
        return self._lease.alive()

    def close(self) -> None:
        """Give the lease back; idempotent."""
        self._view.close()
        self._lease.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_alive(self) -> None:
        if not self.alive():
            raise DataplaneAwayError("the data plane has gone")


class Control(Observer):
    """The control lease. May be shared by threads."""

    def __init__(self, lease: Lease, library: ctypes.CDLL) -> None:
        """Not for callers: see `control`."""
        super().__init__(lease)
        memories = lease.memories
        self._commands = Producer(library, memories[1].view, memories[2].view)
        self._replies = Consumer(library, memories[3].view, memories[4].view)
        self._command_lock = threading.Lock()
        self._reply_lock = threading.Lock()
        self._ids = itertools.count(1)

    def doorbell(self, revision: int) -> None:
        """Say that the state log has grown; a hint: it is read before long anyway."""
        self._send(abi.Message.DOORBELL, abi.Doorbell(revision=revision))

    def drain(self) -> None:
        """Ask the data plane to stop receiving, finish, and exit."""
        if not self._send(abi.Message.DRAIN, abi.Doorbell()):
            raise DataplaneAwayError("the data plane does not read its commands")

    def wait_in_force(self, database_id: UUID, revision: int, timeout_s: float) -> bool:
        """Whether the revision is in force, waiting so long for it; holds no lock."""
        end = time.monotonic() + timeout_s
        pause_s = _POLL_S_MIN
        while not self.in_force(database_id, revision):
            left_s = end - time.monotonic()
            if left_s <= 0:
                self._require_alive()
                return False
            time.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, _POLL_S_MAX)
        return True

    def explain(
        self, keys: Sequence[EntryKey], timeout_s: float = 0.25
    ) -> dict[EntryKey, Explanation]:
        """Hits of exact entries; a key that is missing was not answered in time."""
        end = time.monotonic() + timeout_s
        deadline_boot_ms = SystemClock().boot_ms() + int(timeout_s * 1000)
        answers: dict[EntryKey, Explanation] = {}
        waiting: dict[int, EntryKey] = {}
        rest = iter(keys)
        key = next(rest, None)
        with self._reply_lock:
            while (key or waiting) and time.monotonic() < end:
                self._require_alive()
                pushed = False
                while key and len(waiting) < _IN_FLIGHT_MAX:
                    number = next(self._ids)
                    question = _question(number, key, deadline_boot_ms)
                    if not self._push(abi.Message.EXPLAIN, question):
                        break
                    waiting[number], pushed = key, True
                    key = next(rest, None)
                if pushed:
                    self._lease.wake()
                if not self._collect(waiting, answers):
                    time.sleep(_POLL_S_MIN)
        return answers

    def close(self) -> None:
        """Give the lease back; idempotent."""
        with self._reply_lock, self._command_lock:
            self._commands.close()
            self._replies.close()
            super().close()

    def _send(self, kind: abi.Message, payload: ctypes.Structure) -> bool:
        """False: the ring is full."""
        self._require_alive()
        pushed = self._push(kind, payload)
        with self._command_lock:  # nobody closes the lease meanwhile
            self._lease.wake()
        return pushed

    def _push(self, kind: abi.Message, payload: ctypes.Structure) -> bool:
        with self._command_lock, _translated():
            return self._commands.push(kind, bytes(payload))

    def _collect(self, waiting: dict[int, EntryKey], answers: dict[EntryKey, Explanation]) -> int:
        """Take the replies that are there; those to earlier, given-up questions go unheard."""
        count = 0
        with _translated():
            while element := self._replies.pop():
                count += 1
                reply = abi.Explained.from_buffer_copy(element.payload)
                key = waiting.pop(reply.id, None)
                if key is not None and element.kind == abi.Message.EXPLAIN:
                    answers[key] = Explanation(reply.hits, reply.found == 1)
        return count


class Events(Observer):
    """The events lease."""

    def __init__(self, lease: Lease, library: ctypes.CDLL) -> None:
        """Not for callers: see `events`."""
        super().__init__(lease)
        memories = lease.memories
        self._rings = [
            Consumer(library, producer.view, consumer.view)
            for producer, consumer in zip(memories[1::2], memories[2::2], strict=True)
        ]
        self._turn = 0

    def drain(self, limit: int = 1024) -> list[Event]:
        """Events that have come in, at most so many, fair over the rings, each ring in order.

        DataplaneAwayError when there are none left and the data plane has gone.
        """
        found: list[Event] = []
        with _translated():
            empty = 0
            while len(found) < limit and empty < len(self._rings):
                element = self._rings[self._turn].pop()
                self._turn = (self._turn + 1) % len(self._rings)
                empty = 0 if element else empty + 1
                event = decode_event(element) if element else None
                if event:
                    found.append(event)
        if not found:
            self._require_alive()
        return found

    def close(self) -> None:
        """Give the lease back; idempotent."""
        for ring in self._rings:
            ring.close()
        super().close()


def observe(socket: Path, timeout_s: float = 1.0) -> Observer:
    """Read statistics of the data plane that listens there.

    Raises DataplaneAwayError (nobody listens or answers, or it is of another build) and
    LeaseBusyError (too many observers).
    """
    return Observer(connect(socket, Want.OBSERVE, timeout_s))


def control(socket: Path, timeout_s: float = 1.0) -> Control:
    """Take the control lease, waiting so long (at most 5 s) for whoever holds it; see `observe`."""
    library = load()
    return Control(connect(socket, Want.CONTROL, timeout_s), library)


def events(socket: Path, timeout_s: float = 1.0) -> Events:
    """Take the events lease, waiting so long (at most 5 s) for whoever holds it; see `observe`."""
    library = load()
    return Events(connect(socket, Want.EVENTS, timeout_s), library)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RingError as exc:
        raise DataplaneAwayError(f"the data plane broke the ring protocol: {exc}") from exc
    except ValueError as exc:
        raise DataplaneAwayError("the lease has been given back") from exc


def _question(number: int, key: EntryKey, deadline_boot_ms: int) -> abi.Explain:
    name, network = key
    question = abi.Explain(id=number, deadline_boot_ms=deadline_boot_ms)
    question.key[:] = list(network.key)
    question.prefix_length = network.prefix_length
    question.list = abi.ListKind[name.upper()]
    return question
