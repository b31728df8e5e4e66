"""The rules, their slots, and which of them wait for a database.

Writes the native slots. It does not handle databases: `dataplane.waf.rules` tells which rules are
in force.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from dataplane.base.clock import Clock
from dataplane.base.errors import InvalidInputError
from dataplane.tables.waf_table import WafTable
from dataplane.waf.document import RULES_MAX, Rule, rule_id
from dataplane.waf.enforcing.groups import GroupNames
from dataplane.waf.enforcing.slot_records import SlotRecords
from dataplane.waf.enforcing.slots import Slots
from dataplane.waf.exchange.job import Member

ENDS_MAX = 2 * RULES_MAX
"""Stored ends; those of removed rules are among them."""


@dataclass(slots=True, eq=False)
class Entry:
    """One rule."""

    rule: Rule
    generation: int
    slot: int | None = None
    """None: it has no slot yet, or was refused."""


class Entries:
    """Not for several threads."""

    def __init__(
        self,
        table: WafTable,
        records: SlotRecords,
        slots: Slots,
        groups: GroupNames,
        clock: Clock,
    ) -> None:
        self.rules: dict[int, Entry] = {}
        """Entries by number."""
        self.pending: dict[int, int] = {}
        """Numbers of rules that no database contains, and their revisions, the oldest first."""
        self.refused: dict[int, str] = {}
        """Numbers of rules that can't be in force, and the reasons."""
        self._table, self._records, self._slots = table, records, slots
        self._groups, self._clock = groups, clock
        self._by_slot: dict[int, int] = {}
        self._ends: list[tuple[int, int]] = []

    @property
    def live(self) -> Set[int]:
        """Slots of all rules that have one."""
        return self._by_slot.keys()

    def pending_slots(self) -> frozenset[int]:
        """Slots of waiting rules."""
        found = (self.rules[number].slot for number in self.pending)
        return frozenset(slot for slot in found if slot is not None)

    # --- one at a time ----------------------------------------------------------------------------

    def add(self, rule: Rule, revision: int, generation: int) -> Entry:
        """Add a new rule; it has no slot, and waits.

        InvalidInputError: there is no room for it, or for its group.
        """
        if len(self.rules) >= RULES_MAX:
            raise InvalidInputError(
                f"{rule_id(rule.number)}: there are {RULES_MAX} rules, the limit",
                field="rules",
                value=rule.number,
                limit=str(RULES_MAX),
            )
        self._groups.hold(_group(rule))
        entry = self.rules[rule.number] = Entry(rule, generation)
        self.pending[rule.number] = revision
        self._note_end(rule)
        return entry

    def change(self, entry: Entry, rule: Rule, generation: int) -> None:
        """Change a rule with the same number and pattern. InvalidInputError: see `add`."""
        if entry.rule.group != rule.group:
            self._groups.hold(_group(rule))
            self._groups.release(_group(entry.rule))
        before, entry.rule, entry.generation = entry.rule, rule, generation
        if before.deadline != rule.deadline:
            self._note_end(rule)

    def _note_end(self, rule: Rule) -> None:
        """Store the end, for `ended`."""
        if rule.deadline is None:
            return
        if len(self._ends) >= ENDS_MAX:  # most ends are of removed rules
            live = (entry.rule for entry in self.rules.values() if entry.rule.deadline is not None)
            self._ends = [(self._end_ms(one), one.number) for one in live]
            heapq.heapify(self._ends)
        else:
            heapq.heappush(self._ends, (self._end_ms(rule), rule.number))

    def _end_ms(self, rule: Rule) -> int:
        left_ms = 0 if rule.deadline is None else rule.deadline.remaining_ms(self._clock)
        return self._clock.boot_ms() + left_ms

    def ended(self) -> list[int]:
        """Numbers of rules that have ended since the last call: their slots match nothing."""
        found, now_ms = [], self._clock.boot_ms()
        while self._ends and self._ends[0][0] <= now_ms:
            _, number = heapq.heappop(self._ends)
            entry = self.rules.get(number)
            end = None if entry is None else entry.rule.deadline
            if entry is None or end is None:
                continue
            if end.remaining_ms(self._clock):  # the wall clock was set since
                self._note_end(entry.rule)
            else:
                found.append(number)
        return found

    def remove(self, number: int) -> int | None:
        """Remove a rule; returns its slot, which matches nothing from now on."""
        entry = self.rules.pop(number, None)
        if entry is None:
            return None
        self.pending.pop(number, None)
        self.refused.pop(number, None)
        self._groups.release(_group(entry.rule))
        return self._vacate(entry)

    def refuse(self, slot: int, text: str) -> tuple[int, int] | None:
        """Mark a rule that can't be in force; returns its number and revision, None: it was
        removed."""
        number = self._by_slot.get(slot)
        if number is None:
            return None
        self.refused[number] = text
        self._vacate(self.rules[number])
        return number, self.pending.pop(number, 0)

    def _vacate(self, entry: Entry) -> int | None:
        slot, entry.slot = entry.slot, None
        if slot is not None:
            self._table.remove([slot])
            self._slots.leave([slot])
            del self._by_slot[slot]
        return slot

    # --- slots ------------------------------------------------------------------------------------

    def claim(self, members: Sequence[Member]) -> None:
        """Give rules of a cached database their slots again."""
        for one in members:
            entry = self.rules.get(one.number)
            if entry is None or entry.slot is not None:
                continue
            is_same = (entry.rule.pattern, entry.rule.targets) == (one.pattern, one.targets)
            if is_same and self._slots.claim(one.slot, one.number):
                self._assign(entry, one.slot)

    def give_slots(self, numbers: Collection[int]) -> None:
        """Assign free slots to rules without one; `write` must follow."""
        for number in numbers:
            slot = self._slots.take(number)
            if slot is None:
                return
            self._assign(self.rules[number], slot)

    def without_slot(self) -> list[int]:
        """Numbers of rules that wait for a slot."""
        return [number for number in self.pending if self.rules[number].slot is None]

    def write(self, entries: Collection[Entry]) -> None:
        """Write rules to their slots."""
        record = self._records.record
        made = [record(one.rule, one.slot) for one in entries if one.slot is not None]
        if made:
            self._table.put(made)

    def write_changed_profiles(self, change: Callable[[], object]) -> None:
        """Write the slots of rules whose profiles have other indices after the change."""
        listed = [entry for entry in self.rules.values() if entry.rule.profiles]
        kinds = {entry.rule.profiles for entry in listed}
        before = self._indices(kinds)
        change()
        after = self._indices(kinds)
        self.write([one for one in listed if before[one.rule.profiles] != after[one.rule.profiles]])

    def members(self, slots: Collection[int]) -> Iterator[Member]:
        """The rules to compile for these slots."""
        for slot in sorted(slots):
            number = self._by_slot.get(slot)
            # Removed since the build was planned: its slot is not reused meanwhile.
            if number is not None:
                rule = self.rules[number].rule
                yield Member(slot, number, rule.pattern, rule.targets)

    def _assign(self, entry: Entry, slot: int) -> None:
        entry.slot = slot
        self._by_slot[slot] = entry.rule.number

    def _indices(
        self, kinds: Collection[tuple[str, ...]]
    ) -> Mapping[tuple[str, ...], frozenset[int]]:
        return {names: self._records.indices(names) for names in kinds}


def _group(rule: Rule) -> tuple[str, ...]:
    return () if rule.group is None else (rule.group,)
