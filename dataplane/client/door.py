"""The only door into a running data plane, for everything outside `dataplane`.

Three leases: `observe` reads statistics, `control` also rings the doorbell and asks, `events` also
takes events. Each is a connection; closing it, or dying, gives the lease back. What comes out are
plain values (`dataplane.shared.stats`, `dataplane.shared.events`).

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
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeAlias
from uuid import UUID

from dataplane.base.clock import MS_PER_DS, SystemClock
from dataplane.base.errors import DataplaneAwayError
from dataplane.base.networks import Network
from dataplane.client.lease import Lease, connect
from dataplane.native import abi
from dataplane.native.library import load
from dataplane.shared.captures import Capture, Seen
from dataplane.shared.events import DropSample, Event, Notice, RuleTriggered, decode_event
from dataplane.shared.evidence import Evidence
from dataplane.shared.explained import PacketExplanation, PacketQuestion, joined, read, to_native
from dataplane.shared.incidents import BaselinePeriod, Incident, Top
from dataplane.shared.protocol import Explanation, Want
from dataplane.shared.ring import Consumer, Producer, RingError
from dataplane.shared.stats import Capacities, NodeStats
from dataplane.shared.statsview import StatsView
from dataplane.statelog.changes import ListName

__all__ = [
    "Control",
    "DropSample",
    "Events",
    "Evidence",
    "Explanation",
    "Notice",
    "Observer",
    "PacketExplanation",
    "PacketQuestion",
    "RuleTriggered",
    "control",
    "events",
    "observe",
]

EntryKey: TypeAlias = tuple[ListName, Network]
_POLL_S_MIN, _POLL_S_MAX = 0.0002, 0.002
_IN_FLIGHT_MAX = abi.RING_SLOTS // 2
_PACKET_IDS = 1 << 32


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

    def in_force(self, database_id: UUID, revision: int, *, of_rules: bool = False) -> bool:
        """Whether packets meet the revision, by what was published last, be it gone since.

        ``of_rules``: and requests the rules of the WAF that it changes.
        """
        with _translated():
            return self._view.in_force(database_id, revision, of_rules=of_rules)

    def rule_hits(self, numbers: Sequence[int]) -> dict[int, int]:
        """Requests that each rule hit; one that the data plane does not have is missing."""
        self._require_alive()
        with _translated():
            return self._view.rule_hits(numbers)

    def evidence(self, limit: int, rule: int | None = None) -> list[Evidence]:
        """The newest that rules of the WAF have matched, of one if it is named, newest first."""
        self._require_alive()
        with _translated():
            return self._view.evidence(limit, rule)

    def incidents(self, updated_since_boot_ms: int = 0) -> list[Incident]:
        """Attacks, active and ended, oldest first: the newest 256, those that go on among them.

        ``updated_since_boot_ms``: only what has changed since that time on the boot clock.
        """
        self._require_alive()
        with _translated():
            return self._view.incidents(updated_since_boot_ms)

    def captures(self, seen: Seen, limit: int) -> tuple[list[Capture], Seen]:
        """Packets of attacks that were kept since ``seen``, which is what it gave before.

        At first ``{}``; at most the newest ``limit`` of each lcore.
        """
        self._require_alive()
        with _translated():
            return self._view.captures(seen, limit)

    def top(self) -> Top:
        """The heaviest sources and targets of the node."""
        self._require_alive()
        with _translated():
            return self._view.top()

    def profiles(self) -> dict[int, str]:
        """Names of the profiles, by index; 0 is the default."""
        self._require_alive()
        with _translated():
            return self._view.profiles()

    def baseline(self) -> BaselinePeriod:
        """The rates of profiles in the last ten seconds that are over."""
        self._require_alive()
        with _translated():
            return self._view.baseline()

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
        self._require_alive()
        self._push(abi.Message.DOORBELL, abi.Doorbell(revision=revision))
        with self._command_lock:  # nobody closes the lease meanwhile
            self._lease.wake()

    def wait_in_force(
        self, database_id: UUID, revision: int, timeout_s: float, *, of_rules: bool = False
    ) -> bool:
        """Whether the revision is in force, waiting so long for it; holds no lock."""
        end = time.monotonic() + timeout_s
        pause_s = _POLL_S_MIN
        while not self.in_force(database_id, revision, of_rules=of_rules):
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

    def explain_packet(
        self, question: PacketQuestion, timeout_s: float = 0.5
    ) -> PacketExplanation | None:
        """What would happen to a packet now; None: no answer in time.

        The question must be valid: the data plane ends the lease of whoever asks another.
        """
        end = time.monotonic() + timeout_s
        deadline_ds = (SystemClock().boot_ms() + int(timeout_s * 1000)) // MS_PER_DS + 1
        with self._reply_lock:
            number = next(self._ids) % _PACKET_IDS
            asked = to_native(question, number, deadline_ds)
            self._require_alive()
            if not self._push(abi.Message.EXPLAIN_PACKET, asked):
                return None
            self._lease.wake()
            pieces: list[bytes] = []
            while time.monotonic() < end:
                self._require_alive()
                if self._collect_parts(number, pieces):
                    with _translated():
                        return read(joined(pieces), question.source)
                time.sleep(_POLL_S_MIN)
        return None

    def _collect_parts(self, number: int, pieces: list[bytes]) -> bool:
        """Take the parts that are there; whether they are all."""
        with _translated():
            while element := self._replies.pop():
                part = abi.ExplainedPart.from_buffer_copy(element.payload)
                if element.kind != abi.Message.EXPLAIN_PACKET or part.id != number:
                    continue
                if part.part != len(pieces):
                    raise RingError("a part of an answer is missing")
                pieces.append(bytes(part.bytes))
                if part.part + 1 == part.count:
                    return True
        return False

    def close(self) -> None:
        """Give the lease back; idempotent."""
        with self._reply_lock, self._command_lock:
            self._commands.close()
            self._replies.close()
            super().close()

    def _push(self, kind: abi.Message, payload: ctypes.Structure) -> bool:
        with self._command_lock, _translated():
            return self._commands.push(kind, bytes(payload))

    def _collect(self, waiting: dict[int, EntryKey], answers: dict[EntryKey, Explanation]) -> int:
        """Take the replies that are there; those to earlier, given-up questions go unheard."""
        count = 0
        with _translated():
            while element := self._replies.pop():
                count += 1
                if element.kind != abi.Message.EXPLAIN:
                    continue
                reply = abi.Explained.from_buffer_copy(element.payload)
                key = waiting.pop(reply.id, None)
                if key is not None:
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
            found = self._completed(found)
        if not found:
            self._require_alive()
        return found

    def _completed(self, found: list[Event]) -> list[Event]:
        """With what the pages say of each rule, looked up once for all of them."""
        rules = {event.rule for event in found if isinstance(event, RuleTriggered)}
        if not rules:
            return found
        hits, groups = self._view.rule_hits([*rules]), self._view.group_names()
        return [
            replace(
                event,
                group=groups.get(event.group_index, ""),
                hits=hits.get(event.rule),
                evidence=self._view.evidence_at(event.lcore, event.sequence),
            )
            if isinstance(event, RuleTriggered)
            else event
            for event in found
        ]

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
