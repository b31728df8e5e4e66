"""Finds the rules because of which a small tier can't be built: the helper tests them one by one.

The API has every rule tested before it commits it. This is for rules that were added while the
helper was away, and for an engine that was replaced since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dataplane.waf.exchange.job import Member
from dataplane.waf.exchange.wire import GROUP_BYTES_MAX, GROUP_MAX


class Suspects:
    """One test at a time."""

    def __init__(self, ask: Callable[[dict[str, Any]], bool]) -> None:
        self._ask = ask
        self._asked: list[Member] = []

    def examine(self, members: Sequence[Member]) -> None:
        """Request a test, for as many rules as fit into one request; does nothing while one is
        under way."""
        if self._asked:
            return
        asked, size = [], 0
        for member in members[:GROUP_MAX]:
            size += len(member.pattern.encode())
            if size > GROUP_BYTES_MAX:
                break
            asked.append(member)
        if asked and self._ask({"admit": [[one.pattern, one.targets] for one in asked]}):
            self._asked = asked

    def hear(self, verdicts: object) -> Iterator[tuple[int, str]]:
        """Slots that are refused, and the reasons; an invalid answer yields none."""
        asked, self._asked = self._asked, []
        if not isinstance(verdicts, list):
            return
        for member, verdict in zip(asked, verdicts, strict=False):
            if isinstance(verdict, list) and verdict and verdict[0] is not None:
                yield member.slot, str(verdict[0])

    def lose(self) -> None:
        """The helper is gone: no answer will come."""
        self._asked = []
