"""An origin that records every byte received, and answers each complete request."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.instances.lab import Lab
from tests.support.network.namespaces import inside

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)


class Recorder:
    """The received data, by connection and by request."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        """Complete requests, as they were sent."""
        self.streams: dict[tuple[str, int], bytearray] = {}
        """All bytes, by the client's address and port; a port that is used again begins with an
        empty record."""

    def holds(self, text: bytes) -> bool:
        """Whether this text was received, complete or not."""
        return any(text in stream for stream in self.streams.values())

    def clear(self) -> None:
        """Forget all data."""
        self.requests.clear()
        self.streams.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address, port = writer.get_extra_info("peername")[:2]
        stream = self.streams[address.removeprefix("::ffff:"), port] = bytearray()
        begin = continued = 0
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                stream += chunk
                while (size := request_size(bytes(stream[begin:]))) is not None:
                    self.requests.append(bytes(stream[begin : begin + size]))
                    begin += size
                    writer.write(ANSWER)
                if continued <= begin and _awaits(bytes(stream[begin:])):
                    writer.write(CONTINUE)
                    continued = begin + 1
        writer.close()


def request_size(data: bytes) -> int | None:
    """Size of the first request, according to the standard; None: it is not complete."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return None
    size = len(head) + len(end)
    if _CHUNKED.search(head):
        rest = _chunks_size(body)
        return None if rest is None else size + rest
    length = _LENGTH.search(head)
    wanted = int(length[1]) if length else 0
    return size + wanted if len(body) >= wanted else None


def _chunks_size(body: bytes) -> int | None:
    at = 0
    while True:
        line, end, _ = body[at:].partition(b"\r\n")
        if not end:
            return None
        size = int(line.partition(b";")[0], 16)
        at += len(line) + 2
        if size == 0:
            break
        at += size + 2
        if at > len(body):
            return None
    last = body.find(b"\r\n\r\n", at - 2)
    return None if last < 0 else last + 4


def _awaits(data: bytes) -> bool:
    head, end, _ = data.partition(b"\r\n\r\n")
    return bool(end and _EXPECT.search(head))


class Sink:
    """Receives uploads of any size: records their checksums, not their bytes."""

    def __init__(self) -> None:
        self.sums: list[str] = []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                left = int(_LENGTH.search(head)[1])  # type: ignore[index]
                digest = hashlib.sha256()
                while left:
                    chunk = await reader.read(min(left, 1 << 18))
                    if not chunk:
                        return
                    digest.update(chunk)
                    left -= len(chunk)
                self.sums.append(digest.hexdigest())
                writer.write(ANSWER)


@contextmanager
def recorder(lab: Lab, *ports: int) -> Iterator[Recorder]:
    """Run a recorder on these ports of the origin, over both families, in a thread of the test."""
    made = Recorder()
    with _serving(lab, ports, made._serve):
        yield made


@contextmanager
def sink(lab: Lab, *ports: int) -> Iterator[Sink]:
    """The same for a `Sink`: large uploads with a Content-Length."""
    made = Sink()
    with _serving(lab, ports, made._serve):
        yield made


@contextmanager
def _serving(lab: Lab, ports: tuple[int, ...], serve: object) -> Iterator[None]:
    with inside(lab.instance.namespaces.origin):
        listeners = [
            socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512
            )
            for port in ports
        ]
    loop = asyncio.new_event_loop()
    for listener in listeners:
        loop.run_until_complete(asyncio.start_server(serve, sock=listener))  # type: ignore[arg-type]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        for listener in listeners:
            listener.close()
        loop.close()
