"""The control lease: doorbell and questions."""

from __future__ import annotations

import ctypes
import itertools
import threading
import time
from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

from dataplane.base.clock import MS_PER_DS, SystemClock
from dataplane.base.networks import Network
from dataplane.client.lease import Lease
from dataplane.client.observer import Observer, translated
from dataplane.native import abi
from dataplane.shared.explained import PacketExplanation, PacketQuestion, joined, read, to_native
from dataplane.shared.transport.protocol import Explanation
from dataplane.shared.transport.ring import Consumer, Producer, RingError
from dataplane.statelog.changes import ListName

EntryKey: TypeAlias = tuple[ListName, Network]
_POLL_S_MIN, _POLL_S_MAX = 0.0002, 0.002
_IN_FLIGHT_MAX = abi.RING_SLOTS // 2
_PACKET_IDS = 1 << 32


class Control(Observer):
    """The control lease. Safe for several threads."""

    def __init__(self, lease: Lease, library: ctypes.CDLL) -> None:
        """Not for callers: see `door.control`."""
        super().__init__(lease)
        memories = lease.memories
        self._commands = Producer(library, memories[1].view, memories[2].view)
        self._replies = Consumer(library, memories[3].view, memories[4].view)
        self._command_lock = threading.Lock()
        self._reply_lock = threading.Lock()
        self._ids = itertools.count(1)

    def doorbell(self, revision: int) -> None:
        """Report that the state log has grown. It is only a hint: the log is polled anyway."""
        self._require_alive()
        self._push(abi.Message.DOORBELL, abi.Doorbell(revision=revision))
        with self._command_lock:  # prevents that the lease is closed meanwhile
            self._lease.wake()

    def wait_in_force(
        self, database_id: UUID, revision: int, timeout_s: float, *, of_rules: bool = False
    ) -> bool:
        """Wait until the revision is in force; returns whether it is. Holds no lock."""
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
        """Hits of exact entries; keys that were not answered in time are missing."""
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
        """The verdict on a packet now, with its reasons; None: no answer in time.

        The question must be valid: the data plane ends the lease of a client with an invalid one.
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
                    with translated():
                        return read(joined(pieces), question.source)
                time.sleep(_POLL_S_MIN)
        return None

    def _collect_parts(self, number: int, pieces: list[bytes]) -> bool:
        """Take the parts that have arrived; returns whether all have arrived."""
        with translated():
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
        """Release the lease; idempotent."""
        with self._reply_lock, self._command_lock:
            self._commands.close()
            self._replies.close()
            super().close()

    def _push(self, kind: abi.Message, payload: ctypes.Structure) -> bool:
        with self._command_lock, translated():
            return self._commands.push(kind, bytes(payload))

    def _collect(self, waiting: dict[int, EntryKey], answers: dict[EntryKey, Explanation]) -> int:
        """Take the replies that have arrived; replies to earlier, abandoned questions
        are ignored."""
        count = 0
        with translated():
            while element := self._replies.pop():
                count += 1
                if element.kind != abi.Message.EXPLAIN:
                    continue
                reply = abi.Explained.from_buffer_copy(element.payload)
                key = waiting.pop(reply.id, None)
                if key is not None:
                    answers[key] = Explanation(reply.hits, reply.found == 1)
        return count


def _question(number: int, key: EntryKey, deadline_boot_ms: int) -> abi.Explain:
    name, network = key
    question = abi.Explain(id=number, deadline_boot_ms=deadline_boot_ms)
    question.key[:] = list(network.key)
    question.prefix_length = network.prefix_length
    question.list = abi.ListKind[name.upper()]
    return question
