"""Passes rules of the state log to the WAF's table of rules.

It is between the reconciler and `dataplane.waf.rules`. A rule is in force after it is compiled;
`in_force_through` reports this. A rule that can't be compiled is rejected alone.
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
    """The used part of `dataplane.waf.rules.Rules`."""

    def put(self, rules: Sequence[Rule], revision: int) -> None:
        """Add rules, or replace those of the same numbers; never waits for a compile."""
        ...

    def remove(self, numbers: Sequence[int], revision: int) -> None:
        """Remove rules, at once."""
        ...

    def begin_generation(self) -> None:
        """Rules that are put from here on belong to a new generation."""
        ...

    def sweep(self) -> None:
        """Remove rules of older generations."""
        ...

    def in_force_through(self, revision: int) -> int:
        """The newest revision, at most this one, such that the rules up to it are in force."""
        ...


class RuleChanges:
    """Decodes rows; rejects rows that are not valid rules."""

    def __init__(self, table: RuleTable, rejections: Rejections, clock: Clock) -> None:
        self._table = table
        self._rejections = rejections
        self._clock = clock
        self._ends: dict[int, int] = {}
        """Ends by number of the rule, in tenths of a second of the boot clock."""

    def put(self, rows: Sequence[RuleRow], revision: int) -> None:
        """Put rules; ended ones are removed."""
        live, over = list[Rule](), list[int]()
        for row in rows:
            place = RulePlace(int(row[0]))
            try:
                rule = from_row(row)
            except InvalidInputError as exc:
                self._rejections.refuse(place, exc, revision)
                continue
            self._rejections.accept([place])  # before it is put, because it may be refused at once
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
        """A rule can't be put in force after all; the rejection lasts until the rule's end."""
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
        """Whether the rule is over; else its end is stored, in case the rule is refused later."""
        self._ends.pop(rule.number, None)
        if rule.deadline is None:
            return False
        left_ms, now_ms = rule.deadline.remaining_ms(self._clock), self._clock.boot_ms()
        if len(self._ends) >= RULES_MAX:  # ended rules were not removed by a line
            self._ends = {key: end for key, end in self._ends.items() if end * 100 > now_ms}
        if left_ms:
            self._ends[rule.number] = -(-(now_ms + left_ms) // 100)
        return not left_ms
