"""Clients that keep a server waiting, hundreds of each kind, in their own process.

``python -m tests.support.clients.slow_clients HOST PORT KEY COUNT KIND... [--tls]`` connects COUNT
clients of each kind, reconnects each one that the server has disconnected, prints once a second how
many are connected, and ends when its standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import resource
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[3]
_TURN_S = 1.0
_CONNECTIONS_PER_S = 250
"""The clients are slow but do not flood: a flood of requests is another test."""
_SOURCES = 16
"""Number of source addresses on loopback, 127.0.1.1 and so on."""


@dataclass(frozen=True)
class Kind:
    """The bytes that a client sends at once, and the bytes that it then sends one per turn."""

    opening: bytes
    drip: bytes = b""
    reads: bool = True
    handshakes: bool = True
    """With TLS: whether the client completes the handshake."""


def kinds(key: str) -> dict[str, Kind]:
    """All kinds by name; ``key``: a valid key."""

    def post(path: str, media_type: str, length: int, *more: str) -> bytes:
        head = [f"POST /api/v1{path} HTTP/1.1", "Host: node", f"Content-Type: {media_type}"]
        head += [f"Content-Length: {length}", *more]
        return ("\r\n".join(head) + "\r\n\r\n").encode()

    good, bad = f"X-SecBeat-API-Key: {key}", "X-SecBeat-API-Key: guess"
    ban = "/blacklist", "application/json", 1000
    bring = "/blacklist/import", "text/plain", 1 << 20
    head = b"GET /api/v1/health/live HTTP/1.1\r\nHost: node\r\nX-Slow: " + b"x" * 1000
    return {
        "silent": Kind(b"", handshakes=False),
        "half-line": Kind(b"GET /api/v1/hea"),
        "slow-head": Kind(head[:1], head[1:]),
        "body-no-key": Kind(post(*ban) + b"{", b" " * 998),
        "body-wrong-key": Kind(post(*ban, bad) + b"{", b" " * 998),
        "body-good-key": Kind(post(*ban, good) + b"{", b" " * 998),
        "body-chunked": Kind(
            post(*ban, good).replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked"),
            b"3e8\r\n" + b" " * 998,
        ),
        "upload-no-key": Kind(post(*bring) + b"#" * 20_000, b"#" * 1000),
        "upload-good-key": Kind(post(*bring, good) + b"#" * 20_000, b"#" * 1000),
        "unread": Kind(b"GET /openapi.json HTTP/1.1\r\nHost: node\r\n\r\n" * 3, reads=False),
    }


class Crowd:
    """The process of the clients, for its parent."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def connected(self) -> int:
        """Number of connected clients in the last second."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the clients have ended"
        return int(line)


@contextmanager
def crowd(
    port: int, key: str, count: int, names: Sequence[str], *, tls: bool = False
) -> Iterator[Crowd]:
    """Connect this many clients of each kind. Most of them stay connected: a refused client
    reconnects."""
    command = [
        sys.executable,
        "-m",
        "tests.support.clients.slow_clients",
        "127.0.0.1",
        str(port),
        key,
    ]
    command += [str(count), *names, *(["--tls"] if tls else [])]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            found = Crowd(process)
            enough = 0.75 * count * len(names)
            wait_for(lambda: found.connected() >= enough, f"{enough:.0f} clients are connected", 60)
            yield found
        finally:
            process.kill()


class _Crowd:
    """The clients, in their own process."""

    def __init__(self, target: tuple[str, int], *, tls: bool) -> None:
        self._target = target
        self._tls = trusting() if tls else None
        self._sources = itertools.cycle(f"127.0.1.{last + 1}" for last in range(_SOURCES))
        self._choice = random.Random(1)
        self.connected = 0

    async def client(self, kind: Kind, begin_s: float) -> None:
        """Run one client for ever."""
        await asyncio.sleep(begin_s)
        while True:
            with suppress(OSError):
                await self._connection(kind)
            await asyncio.sleep(_TURN_S * self._choice.uniform(0.5, 1.5))

    async def _connection(self, kind: Kind) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        if not kind.reads:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.bind((next(self._sources), 0))
        loop = asyncio.get_running_loop()
        try:
            await asyncio.wait_for(loop.sock_connect(connection, self._target), 10)
        except (OSError, TimeoutError):
            connection.close()
            return
        tls = self._tls if kind.handshakes else None
        name = "node" if tls else None
        reader, writer = await asyncio.open_connection(
            sock=connection, ssl=tls, server_hostname=name, limit=1 if not kind.reads else 65_536
        )
        self.connected += 1
        try:
            await _talk(kind, reader, writer)
        finally:
            self.connected -= 1
            writer.transport.abort()


async def _talk(kind: Kind, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send until the server disconnects. If the server has only closed its side, the client
    continues to send."""
    writer.write(kind.opening)
    ended = asyncio.ensure_future(_ended(kind, reader))
    try:
        for byte in itertools.chain(kind.drip, itertools.repeat(None)):
            if byte is None:
                await asyncio.wait({ended}, timeout=_TURN_S)
            else:
                await asyncio.sleep(_TURN_S)
            if writer.is_closing() or (ended.done() and byte is None):
                break
            if byte is not None:
                writer.write(bytes([byte]))
    finally:
        ended.cancel()


async def _ended(kind: Kind, reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while kind.reads and await reader.read(65_536):
            pass
        if not kind.reads:
            await asyncio.Future()


def trusting() -> ssl.SSLContext:
    """A TLS context that accepts any certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _main(arguments: argparse.Namespace) -> None:
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    found = _Crowd((arguments.host, arguments.port), tls=arguments.tls)
    chosen = [kinds(arguments.key)[name] for name in arguments.kinds]
    clients = chosen * arguments.count  # mixes the kinds
    begin_s = 1.0 / _CONNECTIONS_PER_S
    tasks = [
        asyncio.ensure_future(found.client(kind, number * begin_s))
        for number, kind in enumerate(clients)
    ]
    while True:
        await asyncio.sleep(_TURN_S)
        failed = [task for task in tasks if task.done()]
        if failed:
            failed[0].result()
        print(found.connected, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("key")
    parser.add_argument("count", type=int)
    parser.add_argument("kinds", nargs="+")
    parser.add_argument("--tls", action="store_true")
    asyncio.run(_main(parser.parse_args()))
