"""The SPSC ring of ``ring.c`` for Python: one class per end.

Each end writes only its own part of the memory (``RingProducer`` or ``RingConsumer`` in ``abi``)
and does not trust the other: an impossible cursor or sequence number raises ``RingError``. Ends are
not thread safe. They keep their buffers alive until ``close()``.
"""

from __future__ import annotations

import ctypes
import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from dataplane.base.errors import SecBeatError
from dataplane.native import abi

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PAYLOAD_BYTES = ctypes.sizeof(abi.Doorbell)


class RingError(SecBeatError):
    """The other end of a ring has violated the protocol."""


@dataclass(frozen=True)
class Element:
    """A received element: ``kind`` as sent (it may be no ``abi.Message``), 48 bytes of payload."""

    kind: int
    payload: bytes


class _End:
    """Common to both ends: the two parts, one element for copies, and a close."""

    def __init__(self, producer_buffer: ReadableBuffer, consumer_buffer: ReadableBuffer) -> None:
        """Both buffers hold one part each, zeroed or as an earlier end has left them."""
        self._producer = Part(producer_buffer, ctypes.sizeof(abi.RingProducer))
        self._consumer = Part(consumer_buffer, ctypes.sizeof(abi.RingConsumer))
        self._element = abi.RingElement()

    def close(self) -> None:
        """Release the buffers, so that a mapping can be closed; may be called again."""
        self._producer.close()
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Producer(_End):
    """The writing end: writes the producer part, only reads the consumer part."""

    def __init__(
        self,
        library: ctypes.CDLL,
        producer_buffer: ReadableBuffer,
        consumer_buffer: ReadableBuffer,
    ) -> None:
        super().__init__(producer_buffer, consumer_buffer)
        self._push = _declare(library).sb_ring_push

    def push(self, kind: int, payload: bytes = b"") -> bool:
        """Append one element; False: the ring is full, nothing was written.

        ``payload`` is at most 48 bytes (ValueError) and padded with zeros. Raises RingError when
        the consumer's cursor is impossible.
        """
        if len(payload) > PAYLOAD_BYTES:
            raise ValueError(f"payload of {len(payload)} bytes, at most {PAYLOAD_BYTES} fit")
        element = self._element
        element.kind = kind
        ctypes.memmove(element.payload, payload.ljust(PAYLOAD_BYTES, b"\0"), PAYLOAD_BYTES)
        result = self._push(
            self._producer.address, self._consumer.address, ctypes.addressof(element)
        )
        if result in {0, -errno.ENOSPC}:
            return bool(result == 0)
        raise RingError("ring: the consumer's cursor is impossible")


class Consumer(_End):
    """The reading end: writes the consumer part, only reads the producer part."""

    def __init__(
        self,
        library: ctypes.CDLL,
        producer_buffer: ReadableBuffer,
        consumer_buffer: ReadableBuffer,
    ) -> None:
        super().__init__(producer_buffer, consumer_buffer)
        self._pop = _declare(library).sb_ring_pop

    def pop(self) -> Element | None:
        """Take the oldest element, None when empty; raises RingError for invalid data of the
        producer."""
        element = self._element
        result = self._pop(
            self._producer.address, self._consumer.address, ctypes.addressof(element)
        )
        if result == 0:
            return None
        if result < 0:
            raise RingError("ring: the producer's cursor or an element's sequence is impossible")
        return Element(element.kind, bytes(element.payload))


class Part:
    """The address of a buffer that may be read-only, and a reference that keeps the buffer alive.

    ctypes' ``from_buffer`` refuses read-only mappings, and the other end's part is one.
    """

    def __init__(self, buffer: ReadableBuffer, size: int) -> None:
        with memoryview(buffer) as view:
            if view.nbytes < size:
                raise ValueError(f"ring part of {view.nbytes} bytes, {size} are needed")
        self._buffer = _PyBuffer()
        _get_buffer(ctypes.py_object(buffer), ctypes.addressof(self._buffer), 0)

    @property
    def address(self) -> int:
        """Address of the first byte; ValueError after close."""
        if not self._buffer.buf:
            raise ValueError("ring: used after close()")
        return self._buffer.buf

    def close(self) -> None:
        """Release the buffer."""
        if self._buffer.buf:
            _release_buffer(ctypes.addressof(self._buffer))
            self._buffer.buf = None

    def __del__(self) -> None:
        if hasattr(self, "_buffer"):
            self.close()


class _PyBuffer(ctypes.Structure):
    """``Py_buffer`` (Include/pybuffer.h, part of the stable ABI since Python 3.11)."""

    buf: int | None

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = [ctypes.py_object, ctypes.c_void_p, ctypes.c_int]
_get_buffer.restype = ctypes.c_int
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = [ctypes.c_void_p]
_release_buffer.restype = None


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    library.sb_ring_push.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    library.sb_ring_push.restype = ctypes.c_int
    library.sb_ring_pop.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    library.sb_ring_pop.restype = ctypes.c_int
    return library
