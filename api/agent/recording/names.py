"""Names of WAF rules: requested from the API, and cached for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from api.agent.node_api import RequestError
from api.agent.response.measures import Api
from dataplane.waf.document import rule_id

KEPT_S = 600.0
KEPT_MAX = 1_000
ANSWER_S = 2.0
"""Time limit for an answer: events wait for it."""
AWAY_S = 30.0
"""Pause after a failed request to the API; hits are reported without a name meanwhile."""


class RuleNames:
    """Used by the recording thread only."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[int, tuple[float, str | None]] = {}
        self._not_before_s = 0.0

    def __call__(self, number: int) -> str | None:
        """The rule's name; None: it has none, or it is not known."""
        now_s = self._clock()
        asked_s, name = self._known.get(number, (-KEPT_S, None))
        if now_s - asked_s < KEPT_S or now_s < self._not_before_s:
            return name
        try:
            found = self._api.request("GET", f"rules/{rule_id(number)}")
        except RequestError as error:
            if error.status == 0:
                self._not_before_s = now_s + AWAY_S
                return name
            found = {}  # the rule was deleted
        name = found.get("name")
        if len(self._known) >= KEPT_MAX:
            self._known.pop(next(iter(self._known)))
        self._known[number] = now_s, name
        return name
