"""Rules of the state log, handed to the WAF's table of rules.

Between the reconciler and `dataplane.waf.rules`. A rule is in force some time after it was put,
once it is compiled; until when, `in_force_through` says. One that can't be is rejected by itself.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Protocol

from dataplane.base.clock import Clock
from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.reconcile.rejections import Rejection, Rejections, RulePlace
from dataplane.statelog import RuleRow
from dataplane.waf.document import RULES_MAX, Rule, from_row


class RuleTable(Protocol):
    """What is needed of `dataplane.waf.rules.Rules`."""

    def put(self, rules: Sequence[Rule], revision: int) -> None:
        """Adds rules, or replaces those of the same numbers; never waits for a compile."""
        ...

    def remove(self, numbers: Sequence[int], revision: int) -> None:
        """Removes rules, at once."""
        ...

    def begin_generation(self) -> None:
        """From here on, what is put belongs to a new generation."""
        ...

    def sweep(self) -> None:
        """Removes what was not put in this generation."""
        ...

    def in_force_through(self, revision: int) -> int:
        """The newest revision up to this one whose rules, and those before, are in force."""
        ...


class RuleChanges:
    """Decodes rows, and rejects those that are no rules."""

    def __init__(self, table: RuleTable, rejections: Rejections, clock: Clock) -> None:
        self._table = table
        self._rejections = rejections
        self._clock = clock
        self._ends: dict[int, int] = {}
        """By number, of rules that end: in tenths of a second of the boot clock."""

    def put(self, rows: Sequence[RuleRow], revision: int) -> None:
        """Put rules; those that have ended are removed."""
        live, over = list[Rule](), list[int]()
        for row in rows:
            place = RulePlace(int(row[0]))
            try:
                rule = from_row(row)
            except InvalidInputError as exc:
                self._rejections.refuse(place, exc, revision)
                continue
            self._rejections.accept([place])  # before it is put: that may refuse it at once
            if self._has_ended(rule):
                over.append(rule.number)
            else:
                live.append(rule)
        if live:
            self._table.put(live, revision)
        if over:
            self._table.remove(over, revision)

    def remove(self, numbers: Sequence[int], revision: int) -> None:
        """Remove rules."""
        self._rejections.accept(map(RulePlace, numbers))
        for number in numbers:
            self._ends.pop(number, None)
        if numbers:
            self._table.remove(numbers, revision)

    def refused(self, number: int, revision: int, text: str) -> None:
        """A rule that was put can't be brought in force after all; missed until its end."""
        rejection = Rejection(revision, RulePlace(number), errno.EINVAL, text)
        self._rejections.add(rejection, self._ends.get(number, abi.DEADLINE_NEVER))

    def begin_generation(self) -> None:
        """See `RuleTable`."""
        self._ends.clear()
        self._table.begin_generation()

    def sweep(self) -> None:
        """See `RuleTable`."""
        self._table.sweep()

    def in_force_through(self, revision: int) -> int:
        """See `RuleTable`."""
        return self._table.in_force_through(revision)

    def _has_ended(self, rule: Rule) -> bool:
        """Whether it is over; else its end is kept, for the case that it is refused."""
        self._ends.pop(rule.number, None)
        if rule.deadline is None:
            return False
        left_ms, now_ms = rule.deadline.remaining_ms(self._clock), self._clock.boot_ms()
        if len(self._ends) >= RULES_MAX:  # those that have ended were not removed by a line
            self._ends = {key: end for key, end in self._ends.items() if end * 100 > now_ms}
        if left_ms:
            self._ends[rule.number] = -(-(now_ms + left_ms) // 100)
        return not left_ms
