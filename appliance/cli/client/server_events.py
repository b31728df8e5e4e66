"""Follows a stream of server-sent events, and reconnects when it breaks off."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from appliance.cli.client.node_api import NodeApi, Query
from appliance.cli.client.problems import UnavailableError
from appliance.cli.terminal.output import warn

RETRY_S = 1.0
RETRY_AFTER_MAX_S = 60


def follow(api: NodeApi, path: str, query: Query, last: str | None) -> Iterator[dict[str, Any]]:
    """Every event after the one numbered ``last``, or from now on, for ever.

    Raises:
        RefusedError: the API can't be reached at first, or does not let this key follow.
    """
    has_followed = False
    while True:
        pause_s, why = RETRY_S, "the stream has ended"
        try:
            message: dict[str, str] = {}
            for line in api.follow(path, query, last):
                has_followed = True
                if line:
                    name, _, value = line.decode(errors="replace").partition(":")
                    message[name] = value.removeprefix(" ")
                    continue
                last = message.get("id", last)
                if "data" in message:
                    yield json.loads(message["data"])
                message = {}
        except UnavailableError as error:
            if not has_followed:
                raise
            pause_s = min(max(RETRY_S, error.retry_after_s), RETRY_AFTER_MAX_S)
            why = "; ".join(str(error).splitlines())
        warn(f"{why}; following again")
        time.sleep(pause_s)
