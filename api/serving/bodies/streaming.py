"""Sends streams: answers without an end, many at a time, from one thread beside the event loop.

If a client does not read, transport and kernel buffer about 200 KiB. If that stays full for
`SLOW_S`, the connection is closed; the client can reconnect and name its position.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from api.common.exchange.streams import Stream, StreamEndedError
from api.serving.bodies.incoming import Receive

POLL_S = 0.1
BEAT_S = 15.0
"""After this silence a stream sends a heartbeat: proxies close silent connections."""
SLOW_S = 30.0

Headers = list[tuple[bytes, bytes]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Streams:
    """All streams of one event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "streams")
        self._is_stopping = False

    def stop(self) -> None:
        """End all streams within `POLL_S`, orderly; new ones end at once."""
        self._is_stopping = True

    async def serve(
        self, receive: Receive, send: Send, head: tuple[int, Headers], stream: Stream
    ) -> None:
        """Send a stream until it ends, the client goes, or the server stops."""
        status, headers = head
        gone = asyncio.create_task(_client_gone(receive))
        try:
            await _in_time(
                send({"type": "http.response.start", "status": status, "headers": headers})
            )
            await self._pump(send, stream, gone)
            await _in_time(send({"type": "http.response.body", "body": b""}))
        except TimeoutError as exc:
            # For a client that is gone, Gunicorn closes without a log line.
            raise asyncio.CancelledError("the client does not read its stream") from exc
        finally:
            gone.cancel()

    async def _pump(self, send: Send, stream: Stream, gone: asyncio.Task[None]) -> None:
        loop = asyncio.get_running_loop()
        data, sent_at = stream.beat(), loop.time()  # the head is sent with the first data
        while not (self._is_stopping or gone.done()):
            if not data and loop.time() - sent_at >= BEAT_S:
                data = stream.beat()
            if data:
                await _in_time(
                    send({"type": "http.response.body", "body": data, "more_body": True})
                )
                sent_at = loop.time()
            else:
                await asyncio.sleep(POLL_S)
            try:
                data = await loop.run_in_executor(self._thread, stream.take)
            except StreamEndedError:
                return


async def _client_gone(receive: Receive) -> None:
    """Wait until the client has closed its side: it neither sends nor reads any more."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _in_time(sending: Awaitable[None]) -> None:
    """Wait until the transport has room; raises TimeoutError."""
    async with asyncio.timeout(SLOW_S):
        await sending
