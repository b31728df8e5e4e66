"""The SPSC ring: order, bounds, and an other end that lies."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dataplane.native import abi
from dataplane.native.abi import Message
from dataplane.shared.transport.ring import PAYLOAD_BYTES, Consumer, Element, Producer, RingError

HALFWAY = 1 << 63


@dataclass
class Ring:
    producer_part: abi.RingProducer
    consumer_part: abi.RingConsumer
    producer: Producer
    consumer: Consumer

    def start_at(self, cursor: int) -> None:
        """As if so many elements had come and gone."""
        self.producer_part.cursor = self.consumer_part.cursor = cursor % (1 << 64)


@pytest.fixture
def ring(library: ctypes.CDLL) -> Iterator[Ring]:
    parts = abi.RingProducer(), abi.RingConsumer()
    with Producer(library, *parts) as producer, Consumer(library, *parts) as consumer:
        yield Ring(*parts, producer, consumer)


def number(i: int) -> bytes:
    return struct.pack("<Q", i).ljust(PAYLOAD_BYTES, b"\0")


def test_an_element_arrives_as_it_was_sent(ring: Ring) -> None:
    payload = bytes(range(PAYLOAD_BYTES))
    assert ring.producer.push(Message.NOTICE, payload)
    assert ring.consumer.pop() == Element(Message.NOTICE, payload)
    assert ring.consumer.pop() is None


def test_a_short_payload_is_padded_over_what_was_there(ring: Ring) -> None:
    ring.producer.push(1, b"\xff" * PAYLOAD_BYTES)
    ring.producer.push(1, b"a")
    ring.consumer.pop()
    assert ring.consumer.pop() == Element(1, b"a".ljust(PAYLOAD_BYTES, b"\0"))


def test_a_payload_that_does_not_fit_is_refused(ring: Ring) -> None:
    with pytest.raises(ValueError, match="at most 48"):
        ring.producer.push(1, bytes(PAYLOAD_BYTES + 1))
    assert ring.consumer.pop() is None


@pytest.mark.parametrize("start", [0, abi.RING_SLOTS - 1, HALFWAY - 1, -1, -abi.RING_SLOTS])
def test_order_survives_every_wrap(ring: Ring, start: int) -> None:
    ring.start_at(start)
    for i in range(3 * abi.RING_SLOTS):
        assert ring.producer.push(1, number(i))
        if i % 2:
            assert ring.consumer.pop() == Element(1, number(i - 1))
            assert ring.consumer.pop() == Element(1, number(i))


@pytest.mark.parametrize("start", [0, -5])
def test_a_full_ring_refuses_and_loses_nothing(ring: Ring, start: int) -> None:
    ring.start_at(start)
    assert all(ring.producer.push(1, number(i)) for i in range(abi.RING_SLOTS))
    before = bytes(ring.producer_part)
    assert not ring.producer.push(1, number(99))
    assert bytes(ring.producer_part) == before
    assert [ring.consumer.pop() for _ in range(abi.RING_SLOTS)] == [
        Element(1, number(i)) for i in range(abi.RING_SLOTS)
    ]
    assert ring.consumer.pop() is None
    assert ring.producer.push(1, number(99))


@pytest.mark.parametrize("lie", [1, abi.RING_SLOTS, HALFWAY])
def test_a_consumer_ahead_of_the_producer_is_caught(ring: Ring, lie: int) -> None:
    ring.producer.push(1)
    ring.consumer_part.cursor = 1 + lie
    before = bytes(ring.producer_part)
    with pytest.raises(RingError, match="consumer's cursor"):
        ring.producer.push(1)
    assert bytes(ring.producer_part) == before


@pytest.mark.parametrize("lie", [abi.RING_SLOTS + 1, HALFWAY, (1 << 64) - 1])
def test_a_producer_cursor_that_cannot_be_is_caught(ring: Ring, lie: int) -> None:
    ring.producer_part.cursor = lie
    with pytest.raises(RingError, match="producer's cursor"):
        ring.consumer.pop()
    assert ring.consumer_part.cursor == 0


def test_a_stale_element_is_caught(ring: Ring) -> None:
    """A producer that was killed between slot and cursor, or that moves its cursor alone."""
    ring.producer.push(1)
    ring.consumer.pop()
    ring.producer_part.cursor = abi.RING_SLOTS + 1
    ring.consumer_part.cursor = abi.RING_SLOTS
    with pytest.raises(RingError):
        ring.consumer.pop()


@pytest.mark.parametrize("sequence", [0, 2, (1 << 64) - 1])
def test_a_wrong_sequence_is_caught(ring: Ring, sequence: int) -> None:
    ring.producer.push(1)
    ring.producer_part.slots[0].sequence = sequence
    with pytest.raises(RingError):
        ring.consumer.pop()


def test_what_was_popped_is_a_private_copy(ring: Ring) -> None:
    ring.producer.push(1, b"before")
    element = ring.consumer.pop()
    ctypes.memset(ring.producer_part.slots, 0xFF, ctypes.sizeof(ring.producer_part.slots))
    assert element is not None
    assert element.payload.startswith(b"before")


def test_each_end_needs_only_read_access_to_the_other_part(library: ctypes.CDLL) -> None:
    parts = []
    for kind in (abi.RingProducer, abi.RingConsumer):
        size = ctypes.sizeof(kind)
        fd = os.memfd_create("ring")
        os.ftruncate(fd, size)
        writable = mmap.mmap(fd, size)
        parts.append((writable, mmap.mmap(fd, size, prot=mmap.PROT_READ)))
        os.close(fd)
    (producer_rw, producer_ro), (consumer_rw, consumer_ro) = parts
    producer = Producer(library, producer_rw, consumer_ro)
    consumer = Consumer(library, producer_ro, consumer_rw)
    assert producer.push(Message.DOORBELL, b"x")
    assert consumer.pop() == Element(Message.DOORBELL, b"x".ljust(PAYLOAD_BYTES, b"\0"))
    producer.close()
    consumer.close()
    for pair in parts:
        for mapping in pair:
            mapping.close()  # raises BufferError where an end still holds it


def test_an_end_says_that_it_is_closed(ring: Ring) -> None:
    ring.producer.close()
    ring.producer.close()
    with pytest.raises(ValueError, match="close"):
        ring.producer.push(1)


def test_a_part_that_is_too_small_is_refused(library: ctypes.CDLL) -> None:
    with pytest.raises(ValueError, match="are needed"):
        Producer(library, bytearray(100), abi.RingConsumer())


def test_two_threads_see_every_element_once_and_in_order(ring: Ring) -> None:
    count = 20_000
    seen: list[int] = []

    def consume() -> None:
        while len(seen) < count:
            element = ring.consumer.pop()
            if element is not None:
                seen.append(struct.unpack_from("<Q", element.payload)[0])

    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    sent = 0
    while sent < count:
        sent += ring.producer.push(1, number(sent))
    thread.join(timeout=60)
    assert seen == list(range(count))
