"""An ASGI application that runs a WSGI application in a few threads, which wait for no client.

The event loop reads heads and bodies and sends answers, however slow the client is. The application
runs in a thread when the head has arrived, so that it can refuse before a body is read, and again
when the body that it wants has arrived (`api.common.exchange.arrival`). Requests that must be
answered while all threads are busy do not need one (`Lanes`).
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from api.common.contract.roles import Principal
from api.common.exchange.arrival import Arrival, BodyWanted
from api.common.exchange.streams import Stream
from api.serving.bodies.incoming import (
    ALLOWED_S,
    BYTES_PER_S_MIN,
    ClientGoneError,
    Incoming,
    Receive,
)
from api.serving.bodies.intake import Intake
from api.serving.bodies.streaming import Headers, Send, Streams
from api.serving.environ import environ_of

BEGAN_S = "secbeat.began_s"
"""Key in a request's environ: the monotonic time at which its head had arrived."""
Wsgi = Callable[[dict[str, Any], Any], Any]


@dataclass(frozen=True)
class Lanes:
    """Paths whose requests do not wait for a thread of the pool."""

    instant: frozenset[str] = frozenset()
    """Answered by the event loop: their handlers do not block."""
    apart: frozenset[str] = frozenset()
    """Answered by one separate thread."""


@dataclass
class Answered:
    """An answer to send."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    stream: Stream | None = None
    """Sent instead of a body."""

    def start(self, status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
        """``start_response`` of PEP 3333."""
        self.status = int(status.split(maxsplit=1)[0])
        self.headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]


@dataclass(frozen=True)
class Reading:
    """The shortcut has admitted the request, and needs its body to answer."""

    principal: Principal
    bytes_max: int
    decide: Callable[[bytes], Answered | None]


Shortcut = Callable[[Mapping[str, Any]], Answered | Reading | None]
"""Answers a request at once, in the event loop; None, at once or later: the application answers."""


class Bridge:
    """The ASGI application."""

    def __init__(
        self,
        app: Wsgi,
        threads: int,
        lanes: Callable[[], Lanes],
        shortcut: Shortcut = lambda _environ: None,
    ) -> None:
        """`lanes` is called at each request: the application may be replaced by another one."""
        self._app = app
        self._lanes = lanes
        self._shortcut = shortcut
        self._pool = ThreadPoolExecutor(threads, "request")
        self._apart = ThreadPoolExecutor(1, "apart")
        self._intake = Intake(self._pool)
        self._streams = Streams()

    def stop(self) -> None:
        """The server stops: end streams, which have no end of their own."""
        self._streams.stop()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        with suppress(ClientGoneError):
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        environ = environ_of(scope)
        environ[BEGAN_S] = time.monotonic()
        short = self._shortcut(environ)
        if isinstance(short, Answered):
            await _send(send, short.status, short.headers, short.body)
            return
        incoming = Incoming(receive, environ)
        arrival = Arrival(complete=incoming.complete)
        arrival.enter(environ)
        if short is None:
            answer = await self._run(environ, arrival)
        else:
            arrival.principal, answer = short.principal, BodyWanted(short.bytes_max, None)
        if isinstance(answer, BodyWanted):
            async with self._intake.collected(incoming, arrival, answer):
                found = _decided(short, arrival)
                environ["wsgi.input"] = io.BytesIO(arrival.body)
                answer = found or await self._run(environ, arrival)
        if isinstance(answer, BodyWanted):
            raise TypeError("the application wants a second body")
        await self._answer(receive, send, answer, incoming)
        if not incoming.complete:
            # The start of the next request is unknown: for Gunicorn an error ends the connection.
            raise ConnectionAbortedError("answered before the body was there")

    async def _answer(
        self, receive: Receive, send: Send, answer: Answered, incoming: Incoming
    ) -> None:
        try:
            await incoming.skip_what_is_here()
            headers = [*answer.headers]
            if not incoming.complete:
                headers.append((b"connection", b"close"))
            if answer.stream is None:
                await _send(send, answer.status, headers, answer.body)
            else:
                await self._streams.serve(receive, send, (answer.status, headers), answer.stream)
        finally:
            if answer.stream is not None:
                answer.stream.close()

    async def _run(self, environ: dict[str, Any], arrival: Arrival) -> Answered | BodyWanted:
        path, lanes = environ["PATH_INFO"], self._lanes()
        if path in lanes.instant:
            return self._call(environ, arrival)
        executor = self._apart if path in lanes.apart else self._pool
        future = executor.submit(self._call, environ, arrival)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.add_done_callback(_give_up)
            raise

    def _call(self, environ: dict[str, Any], arrival: Arrival) -> Answered | BodyWanted:
        """Run the application in a thread, which continues if the client disconnects and the task
        ends."""
        answer = Answered()
        try:
            parts = self._app(environ, answer.start)
            if isinstance(parts, Stream):
                answer.stream = parts
                return answer
            try:
                answer.body = b"".join(parts)
            finally:
                if hasattr(parts, "close"):
                    parts.close()
        except BodyWanted as wanted:
            return wanted
        finally:
            if arrival.complete or arrival.error is not None:
                arrival.close()
        return answer


def _decided(short: Reading | None, arrival: Arrival) -> Answered | None:
    if short is None or arrival.error is not None:
        return None
    return short.decide(bytes(arrival.body))


def _give_up(future: Future[Answered | BodyWanted]) -> None:
    """Discard the answer of a request whose client disconnected while a thread worked on it."""
    if future.cancelled() or future.exception() is not None:
        return
    answer = future.result()
    if isinstance(answer, Answered) and answer.stream is not None:
        answer.stream.close()


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    try:
        async with asyncio.timeout(ALLOWED_S + len(body) / BYTES_PER_S_MIN):
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
    except TimeoutError as exc:
        # For a client that is gone, Gunicorn closes without a log line.
        raise asyncio.CancelledError("the client does not read its answer") from exc
