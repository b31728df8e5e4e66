"""The rings of leases: commands and replies, and the events of every lcore.

A lease gets new memory for all that its client writes, so a mapping of an earlier client has no
effect. Event producers live as long as the process (workers write them); only the consumer's part
is replaced. The old part is unmapped when no worker can hold its address any more.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from dataplane.base.clock import MS_PER_DS
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.shared.explained import PacketQuestion, from_native, parts
from dataplane.shared.transport.protocol import (
    Doorbell,
    Explain,
    Explanation,
    OnCommand,
    ProtocolError,
)
from dataplane.shared.transport.ring import Consumer, Element, Producer
from dataplane.shared.transport.shm import Memory
from dataplane.tables.retired import Retired

_PRODUCER_BYTES = ctypes.sizeof(abi.RingProducer)
_CONSUMER_BYTES = ctypes.sizeof(abi.RingConsumer)
RETIRED_LEASES_MAX = 4
"""Leases whose memory waits for the workers; beyond that, a new lease has to wait."""
_QUESTIONS_MAX = abi.RING_SLOTS


class _Question(NamedTuple):
    """A question that waits for its answer."""

    id: int
    deadline_boot_ms: int
    command: Explain | PacketQuestion


class CommandRings:
    """The data plane's ends of a control client's rings."""

    def __init__(self, library: ctypes.CDLL) -> None:
        with ExitStack() as opened:
            keep = opened.enter_context
            self._memories = [
                keep(Memory.theirs("secbeat-commands", abi.RingProducer())),
                keep(Memory.ours("secbeat-commands-cursor", _CONSUMER_BYTES)),
                keep(Memory.ours("secbeat-replies", _PRODUCER_BYTES)),
                keep(Memory.theirs("secbeat-replies-cursor", abi.RingConsumer())),
            ]
            opened.pop_all()  # no error occurred: `close` frees them
        views = [memory.view for memory in self._memories]
        self._commands = Consumer(library, views[0], views[1])
        self._replies = Producer(library, views[2], views[3])
        self._questions: deque[_Question] = deque()
        self._more = False

    @property
    def has_more(self) -> bool:
        """Whether commands may be left in the ring, or questions wait for `answer`."""
        return self._more or bool(self._questions)

    @property
    def fds(self) -> list[int]:
        """Descriptors: producer and consumer of commands, producer and consumer of replies."""
        return [memory.fd for memory in self._memories]

    def turn(self, on_command: OnCommand, count_max: int) -> None:
        """Take received commands, at most so many; RingError, ProtocolError: invalid data.

        Commands are executed at once, except questions, which `answer` processes.
        """
        self._more = False
        for _ in range(count_max):
            element = self._commands.pop() if len(self._questions) < _QUESTIONS_MAX else None
            if element is None:
                return
            command = _decode_command(element)
            if isinstance(command, _Question):
                self._questions.append(command)
            else:
                on_command(command)
        self._more = True

    def answer(self, on_command: OnCommand, now_boot_ms: int, budget_s: float) -> None:
        """Answer questions, oldest first, for a limited time; RingError: invalid data."""
        end = time.perf_counter() + budget_s
        while self._questions and time.perf_counter() < end:
            asked = self._questions.popleft()
            if asked.deadline_boot_ms < now_boot_ms:
                continue
            self._reply(asked.id, on_command(asked.command))

    def _reply(self, number: int, answer: Explanation | abi.PacketExplained | None) -> None:
        """On a full ring the reply is lost: the client does not read its replies."""
        if isinstance(answer, Explanation):
            reply = abi.Explained(id=number, hits=answer.hits, found=int(answer.found))
            self._replies.push(abi.Message.EXPLAIN, bytes(reply))
        elif answer is not None:
            for part in parts(answer, number):
                self._replies.push(abi.Message.EXPLAIN_PACKET, bytes(part))

    def close(self) -> None:
        """Idempotent."""
        self._questions.clear()
        self._commands.close()
        self._replies.close()
        for memory in self._memories:
            memory.close()


class EventRings:
    """The event rings of every lcore and, as the last one, of the control loop."""

    def __init__(
        self,
        library: ctypes.CDLL,
        lcore_count: int,
        switch: Callable[[int, int], None],
        readers_address: int,
    ) -> None:
        """`switch(index, address)` stores an lcore's ``events_consumer``; 0: no client.

        `readers_address`: of the ``abi.Readers`` of these lcores.
        """
        self.lost = 0
        self._library = library
        self._switch = switch
        self._producers = [
            Memory.ours(f"secbeat-events-{index}", _PRODUCER_BYTES)
            for index in range(lcore_count + 1)
        ]
        self._cursors: list[Memory] = []
        self._own: Producer | None = None
        self._retired = Retired(library, readers_address, RETIRED_LEASES_MAX)

    def producer_address(self, index: int) -> int:
        """Address of an lcore's ``sb_ring_producer``."""
        return self._producers[index].address

    def post(self, kind: abi.Message, payload: bytes) -> None:
        """Write an event of the control loop; RingError: the client has corrupted the ring."""
        if self._own is not None and not self._own.push(kind, payload):
            self.lost += 1

    @property
    def free(self) -> bool:
        """Whether a lease can be given now."""
        return not self._cursors and self._retired.has_room

    def begin_lease(self) -> list[int]:
        """Begin a lease: producer and consumer of each ring, to be handed to the client."""
        for index, producer in enumerate(self._producers):
            written = abi.RingProducer.from_buffer(producer.view).cursor
            cursor = Memory.theirs(f"secbeat-cursor-{index}", abi.RingConsumer(cursor=written))
            self._cursors.append(cursor)
            if index < len(self._producers) - 1:
                self._switch(index, cursor.address)
        self._own = Producer(self._library, self._producers[-1].view, self._cursors[-1].view)
        pairs = zip(self._producers, self._cursors, strict=True)
        return [memory.fd for pair in pairs for memory in pair]

    def end_lease(self) -> None:
        """End the lease; idempotent."""
        if self._own is not None:
            self._own.close()
            self._own = None
        if self._cursors:
            for index in range(len(self._producers) - 1):
                self._switch(index, 0)
            self._retired.add(*self._cursors)
        self._cursors = []

    def turn(self) -> None:
        """Unmap the memory that no worker can read any more."""
        self._retired.reclaim()

    def close(self) -> None:
        """Free everything after the workers have stopped; idempotent."""
        self.end_lease()
        self._retired.close()
        for producer in self._producers:
            producer.close()


def _decode_command(element: Element) -> Doorbell | _Question:
    match element.kind:
        case abi.Message.DOORBELL:
            return Doorbell(abi.Doorbell.from_buffer_copy(element.payload).revision)
        case abi.Message.EXPLAIN:
            asked = abi.Explain.from_buffer_copy(element.payload)
            if asked.prefix_length <= 128 and asked.list < abi.LIST_COUNT:  # noqa: PLR2004
                network = Network(bytes(asked.key), asked.prefix_length)
                command = Explain(network, abi.ListKind(asked.list))
                return _Question(asked.id, asked.deadline_boot_ms, command)
        case abi.Message.EXPLAIN_PACKET:
            packet = abi.ExplainPacket.from_buffer_copy(element.payload)
            question = from_native(packet)
            if question.is_valid:
                return _Question(packet.id, packet.deadline_ds * MS_PER_DS, question)
    raise ProtocolError("a command that no client of ours sends")
