"""A body that goes on coming does not keep whoever has heard enough of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from api.common.contract.errors import RequestTimeoutError
from api.common.exchange.arrival import Arrival, BodyWanted
from api.serving.bodies import intake
from api.serving.bodies.incoming import Incoming
from api.serving.bodies.intake import Intake

CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked"}
CHUNK = {"type": "http.request", "body": b"x", "more_body": True}


class Flowing:
    """A chunk comes just when somebody ends the wait for one, so that the wait ends unharmed."""

    def __init__(self) -> None:
        self.asked = 0

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        assert self.asked < 5, "nobody ends it"
        with suppress(asyncio.CancelledError):  # as asyncio.wait_for does when both come at once
            await asyncio.sleep(1)
        return CHUNK


def test_what_nobody_wants_is_not_waited_for() -> None:
    flowing = Flowing()

    async def skip() -> None:
        await Incoming(flowing.receive, CHUNKED).skip_what_is_here()

    asyncio.run(skip())
    assert flowing.asked == 1


def test_a_body_that_is_late_is_so_although_a_chunk_comes_at_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "ALLOWED_S", 0)
    arrival = Arrival(complete=False)

    async def collect() -> None:
        incoming = Incoming(Flowing().receive, CHUNKED)
        pool: Any = None  # what is held in memory needs no threads
        async with Intake(pool).collected(incoming, arrival, BodyWanted(1000, None)):
            pass

    asyncio.run(collect())
    assert isinstance(arrival.error, RequestTimeoutError)
