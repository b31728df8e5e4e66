"""Repeats a request while the API does not answer: it restarts, or its database is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from appliance.cli.client.problems import TryLaterError, UnavailableError
from appliance.cli.terminal.output import warn

AWAY_S = 300.0
"""Default time limit: an upgrade of an orchestrator, or a reboot of its host, takes less."""
POLL_S = 1.0

T = TypeVar("T")


def outlast(ask: Callable[[], T], what: str, limit_s: float = AWAY_S) -> T:
    """The answer to a request that changes nothing, about work that continues without this process.

    Args:
        what: the work and its state, for the message of the error.
        limit_s: time for which the API may not answer; it is asked at least once.

    Raises:
        TryLaterError: the API has not answered for so long.
    """
    until_s, is_said = time.monotonic() + limit_s, False
    while True:
        try:
            return ask()
        except (UnavailableError, TryLaterError) as error:
            why = "; ".join(str(error).splitlines())
            if time.monotonic() >= until_s:
                raise TryLaterError(f"{what}: {why}") from error
            if not is_said:
                warn(f"{why}; asking again for at most {limit_s:.0f} s")
            is_said = True
            time.sleep(POLL_S)
