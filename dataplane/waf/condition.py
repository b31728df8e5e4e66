"""Publishes the state of the rules: words of the header, the degraded bit, notices."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from dataplane.base.logs import Log
from dataplane.native import abi

Notice: TypeAlias = Callable[[abi.NoticeKind, int], None]
AWAY_S = 5.0
"""A compile helper that has not answered for so long is missing: after a crash it returns within
this time."""
MANY = 32
"""If more rules than these have waited, a notice reports that all are in force."""
_log = Log()


class Condition:
    """The state of one node; call ``update`` repeatedly with all values."""

    def __init__(self, header: abi.StatsHeader) -> None:
        self.notice: Notice = lambda _kind, _value: None
        """Sends notices to the events client."""
        self._header = header
        self._up_at = time.monotonic()
        self._is_lost = False
        self._has_been_told = True

    def update(
        self, state: abi.RulesState, used: int, pending: int, *, is_failing: bool = False
    ) -> None:
        """The present state of the rules: their number, and how many of them wait.

        ``is_failing``: compiling has failed repeatedly.
        """
        header = self._header
        header.rules_state, header.rules_used, header.rules_pending = state, used, pending
        self._look_for_helper(bool(state & abi.RulesState.AWAY))
        is_whole = bool(state & abi.RulesState.READY) and not self._is_lost
        is_well = is_whole and not is_failing and not state & abi.RulesState.NO_MEMORY
        others = header.degraded & ~abi.Degraded.RULES
        header.degraded = others if is_well else others | abi.Degraded.RULES
        if pending > MANY or not state & abi.RulesState.READY:
            self._has_been_told = False
        elif not pending and not self._has_been_told:
            self._has_been_told = True
            self.notice(abi.NoticeKind.RULES_IN_FORCE, used)

    def _look_for_helper(self, is_away: bool) -> None:
        now = time.monotonic()
        if not is_away:
            self._up_at = now
        is_lost = now - self._up_at > AWAY_S
        if is_lost != self._is_lost:
            self._is_lost = is_lost
            lost, back = abi.NoticeKind.COMPILER_LOST, abi.NoticeKind.COMPILER_BACK
            _log.warning("no compile helper answers" if is_lost else "compile helper is back")
            self.notice(lost if is_lost else back, 0)
