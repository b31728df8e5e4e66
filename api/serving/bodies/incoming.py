"""A request's body as it arrives from the client, chunk by chunk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

ALLOWED_S = 30.0
BYTES_PER_S_MIN = 65_536
"""A body may take `ALLOWED_S`, and one second more for each of so many of its bytes; so may an
answer."""

Receive = Callable[[], Awaitable[dict[str, Any]]]


class ClientGoneError(Exception):
    """The client has disconnected."""


class Incoming:
    """The body of one request, in the event loop."""

    def __init__(self, receive: Receive, environ: Mapping[str, Any]) -> None:
        self._receive = receive
        self._is_held_back = "HTTP_EXPECT" in environ
        """The client sends the body on request (100 Continue, RFC 9110 section 10.1.1)."""
        announced = environ.get("CONTENT_LENGTH", "0") != "0"
        self.complete = not announced and "HTTP_TRANSFER_ENCODING" not in environ
        """Whether `next` has returned all of it."""

    async def next(self) -> bytes:
        """The next bytes, as soon as there are some. Raises `ClientGoneError`."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        self.complete = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body

    async def skip_what_is_here(self) -> None:
        """Discard unread bytes that have arrived, without waiting for more."""
        if self._is_held_back or self.complete:
            return
        with suppress(TimeoutError, ClientGoneError):
            async with asyncio.timeout(0) as limit:
                # While data arrives, Gunicorn's wait may swallow the cancellation that ends this
                # task.
                while not (self.complete or limit.expired()):
                    await self.next()
