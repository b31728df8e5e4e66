"""Collects request bodies that the application wants, within limits for the whole process.

Bodies go into memory, or into a file that threads write: the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path

from api.common.contract.errors import (
    ApiError,
    FieldError,
    RequestTimeoutError,
    TooManyRequestsError,
    UnavailableError,
)
from api.common.disk import storage_error
from api.common.exchange.arrival import Arrival, BodyWanted, too_large
from api.serving.bodies.incoming import ALLOWED_S, BYTES_PER_S_MIN, Incoming

HELD_BYTES_MAX = 32 << 20
"""Limit of the bodies in memory, of all requests."""
UPLOADS_MAX = 4
"""Number of bodies that are written to files at once."""
_WRITE_BYTES = 1 << 20
_RETRY_UPLOAD_S = 10
_RETRY_S = 1


class Intake:
    """The bodies being collected; used by one event loop."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._held_bytes = 0
        self._uploads = 0

    @asynccontextmanager
    async def collected(
        self, incoming: Incoming, arrival: Arrival, wanted: BodyWanted
    ) -> AsyncIterator[None]:
        """Collect the body; the arrival is complete, or has the error that ended it. The thread
        that reads it closes it, possibly after the end of the request."""
        try:
            try:
                if wanted.directory is None:
                    await self._hold(incoming, arrival, wanted.bytes_max)
                else:
                    await self._upload(incoming, arrival, wanted.bytes_max, wanted.directory)
                arrival.complete = True
            except ApiError as error:
                arrival.error = error
            except BaseException:
                self._threads.submit(arrival.close)
                raise
            yield
        finally:
            self._held_bytes -= len(arrival.body)

    async def _hold(self, incoming: Incoming, arrival: Arrival, bytes_max: int) -> None:
        async def take(chunk: bytes) -> None:
            if self._held_bytes + len(chunk) > HELD_BYTES_MAX:
                raise UnavailableError(
                    f"the bodies under way have more than {HELD_BYTES_MAX} bytes together",
                    retry_after_s=_RETRY_S,
                )
            self._held_bytes += len(chunk)
            arrival.body += chunk

        await _receive(incoming, bytes_max, take)

    async def _upload(
        self, incoming: Incoming, arrival: Arrival, bytes_max: int, directory: Path
    ) -> None:
        if self._uploads >= UPLOADS_MAX:
            raise _too_many_uploads(arrival)
        self._uploads += 1
        try:
            await self._write(incoming, arrival, bytes_max, directory)
        except OSError as exc:
            raise storage_error(exc, directory) or UnavailableError(
                f"{directory} can't take the body: {exc.strerror}", retry_after_s=_RETRY_UPLOAD_S
            ) from exc
        finally:
            self._uploads -= 1

    async def _write(
        self, incoming: Incoming, arrival: Arrival, bytes_max: int, directory: Path
    ) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, arrival.open, directory)
        pending = bytearray()

        async def take(chunk: bytes) -> None:
            pending.extend(chunk)
            if len(pending) >= _WRITE_BYTES:
                await loop.run_in_executor(self._threads, arrival.write, bytes(pending))
                pending.clear()

        await _receive(incoming, bytes_max, take)
        await loop.run_in_executor(self._threads, arrival.write, bytes(pending))


async def _receive(
    incoming: Incoming, bytes_max: int, take: Callable[[bytes], Awaitable[None]]
) -> None:
    """Pass on the body as it arrives. Raises `TooLargeError` and `RequestTimeoutError`."""
    begin, size = asyncio.get_running_loop().time(), 0
    try:
        async with asyncio.timeout_at(begin + ALLOWED_S) as deadline:
            while not incoming.complete:
                chunk = await incoming.next()
                size += len(chunk)
                if size > bytes_max:
                    raise too_large(size, bytes_max)
                await take(chunk)
                if deadline.expired():  # Gunicorn's wait has swallowed it: see `Incoming`
                    raise _late(size)
                deadline.reschedule(begin + ALLOWED_S + size / BYTES_PER_S_MIN)
    except TimeoutError:
        raise _late(size) from None


def _late(size: int) -> RequestTimeoutError:
    allowed_s = ALLOWED_S + size / BYTES_PER_S_MIN
    return RequestTimeoutError(f"only {size} bytes of the body arrived within {allowed_s:.0f} s")


def _too_many_uploads(arrival: Arrival) -> TooManyRequestsError:
    limit = f"{UPLOADS_MAX} uploads at once, of all keys"
    key = None if arrival.principal is None else arrival.principal.name
    message = f"{UPLOADS_MAX} uploads are under way, the most at once"
    return TooManyRequestsError(
        message,
        errors=[FieldError("key", key, limit, message)],
        retry_after_s=_RETRY_UPLOAD_S,
    )
