"""The WAF's rules in the data plane, and which of them are in force.

The reconciler uses it, on the control loop. A rule's action, end, enabled and profiles are written
to its slot and take effect at once, as does its removal. Its pattern is in force when a database
with it is swapped in. Nothing waits for the compile helper: while it is away, rules in force stay
in force, and new ones wait.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from dataplane.base.errors import InvalidInputError, SecBeatError
from dataplane.base.logs import Log
from dataplane.native import abi
from dataplane.waf.condition import Condition
from dataplane.waf.document import RULE_NS_MAX, RULES_MAX, Rule
from dataplane.waf.enforcing.build import Build, Tier
from dataplane.waf.enforcing.entries import Entry
from dataplane.waf.enforcing.parts import RuleParts
from dataplane.waf.enforcing.suspects import Suspects
from dataplane.waf.enforcing.tiers import Situation, TierName, is_full, plans, unneeded

QUIET_S = 60.0
"""After so long without an addition, the tiers are merged."""
_BATCH = 512
_PLAN_EVERY_S = 1.0
"""Interval at which delayed builds are tried again, and ended rules are searched."""
_log = Log()
OnRefused: TypeAlias = Callable[[int, int, str], None]


class Rules:
    """Not for several threads."""

    def __init__(self, parts: RuleParts) -> None:
        self.on_refused: OnRefused = _log_refused
        """``(number, revision, text)``: called for a rule that can't be in force."""
        self.condition = Condition(parts.header)
        """The published state; its `notice` may be set."""
        self.groups = parts.groups
        """The groups of the rules are held; the code that puts a policy in force holds its own."""
        self._entries, self._records, self._slots = parts.entries, parts.records, parts.slots
        self._databases, self._link, self._header = parts.databases, parts.link, parts.header
        self._header.rules_max = RULES_MAX
        self._suspects = Suspects(parts.link.send)
        self._finished: deque[Build] = deque()
        self._generation = self._main_dead = self._losses = 0
        self._is_started = self._is_dirty = self._is_deferred = self._is_full = False
        self._plan_at = self._changed_at = 0.0

    # --- what there is ----------------------------------------------------------------------------

    def put(self, rules: Sequence[Rule], revision: int) -> None:
        """Add rules, or change them; a rule with the same pattern and targets is not compiled
        again."""
        written = []
        for rule in rules:
            try:
                written.append(self._put(rule, revision))
            except InvalidInputError as exc:  # there is no room for it, or its group
                self.on_refused(rule.number, revision, str(exc))
        self._entries.write(written)

    def remove(self, numbers: Iterable[int], revision: int) -> None:  # noqa: ARG002 - acts at once
        """Remove rules; they match nothing from now on. Unknown numbers are ignored."""
        main = self._databases.in_force.get("main", frozenset())
        for number in numbers:
            slot = self._entries.remove(number)
            self._main_dead += slot in main
            self._is_dirty = True

    def begin_generation(self) -> None:
        """All rules will be put again."""
        self._generation += 1

    def sweep(self) -> None:
        """Remove rules that were not put since `begin_generation`."""
        rules = self._entries.rules.items()
        self.remove([number for number, one in rules if one.generation != self._generation], 0)

    def in_force_through(self, revision: int) -> int:
        """The newest revision, at most this one, such that the rules up to it are in force or were
        refused."""
        oldest = next(iter(self._entries.pending.values()), None)
        return revision if oldest is None else min(revision, oldest - 1)

    def use_profiles(self, indices: Mapping[str, int]) -> None:
        """Set the profiles, by name, of a policy that will be in force soon."""
        self._entries.write_changed_profiles(lambda: self._records.use_profiles(indices))

    def _put(self, rule: Rule, revision: int) -> Entry:
        entry = self._entries.rules.get(rule.number)
        if entry is not None and not _is_same_pattern(entry.rule, rule):
            self.remove([rule.number], revision)
            entry = None
        if entry is not None:
            self._entries.change(entry, rule, self._generation)
            if rule.number in self._entries.refused:
                self.on_refused(rule.number, revision, self._entries.refused[rule.number])
            return entry
        entry = self._entries.add(rule, revision, self._generation)
        self._is_dirty, self._changed_at = True, time.monotonic()
        if self._is_started:
            self._entries.give_slots([rule.number])
        return entry

    # --- what is in force -------------------------------------------------------------------------

    def start(self, between: Callable[[], None] = lambda: None) -> None:
        """Put the cached databases in force before packets are forwarded.

        ``between`` is called every few milliseconds, so that clients are answered meanwhile.
        """
        begun = time.monotonic()
        cached = list(self._databases.cached())
        self._slots.reserve({one.slot for _, _, members in cached for one in members})
        for _, _, members in cached:
            self._entries.claim(
                [one for one in members if not self._databases.is_refused(one.slot)]
            )
        self._entries.give_slots(self._entries.without_slot())
        self._is_started = True
        entries = list(self._entries.rules.values())
        for start in range(0, len(entries), _BATCH):
            self._entries.write(entries[start : start + _BATCH])
            between()
        loaded = {}
        for name, tier, members in cached:
            found = self._databases.load(tier, frozenset(one.slot for one in members), between)
            if found is not None:
                loaded[name] = found
        self._swap(loaded)
        self._publish()
        waiting, seconds = self.pending_count, round(time.monotonic() - begun, 3)
        _log.info("rules loaded", rules=self.count, pending=waiting, seconds=seconds)

    @property
    def is_busy(self) -> bool:
        """Whether the next turn has something to do, as far as is known."""
        return self._is_started and (self._databases.is_busy or bool(self._finished))

    def turn(self) -> None:
        """Work for about two milliseconds."""
        if not self._is_started:
            return
        answers = self._link.turn()
        for answer in answers:
            if "admitted" in answer:
                self._refuse(self._suspects.hear(answer["admitted"]))
        if self._link.losses != self._losses:
            self._losses = self._link.losses
            self._suspects.lose()
        self._finished.extend(self._databases.turn(answers))
        while self._finished and self._databases.can_swap:
            self._take(self._finished.popleft())
        self._plan()
        if self._records.is_over:
            self._entries.write_changed_profiles(self._records.forget_before)
        self._publish()

    def _take(self, build: Build) -> None:
        """A build is over: swap its tier in, or find the cause of its failure."""
        self._is_dirty = True
        new = build.slots & self._entries.pending_slots() if build.name != "main" else frozenset()
        suspects = list(self._entries.members(new))
        if build.tier is not None:
            self._refuse(build.refused.items())
            self._swap({build.name: build.tier})
            if build.cost_ns > RULE_NS_MAX:
                self._suspects.examine(suspects)
        elif not build.lacks_memory and self._link.is_up:
            self._suspects.examine(suspects)

    def _swap(self, changed: Mapping[TierName, Tier]) -> None:
        """Put tiers in force, and drop those that become superfluous, in one step."""
        coming = {name: tier.slots for name, tier in changed.items()}
        in_force = {**self._databases.in_force, **coming}
        dropped = unneeded(self._situation(in_force))
        kept = [slots for name, slots in in_force.items() if name not in dropped]
        rules, pending = self._entries.rules, self._entries.pending
        waiting = {
            number: revision
            for number, revision in pending.items()
            if not any(rules[number].slot in slots for slots in kept)
        }
        try:
            self._databases.swap(changed, dropped, makes_ready=not waiting)
        except SecBeatError as exc:
            _log.error("rules not put in force", error=str(exc))
            return
        self._entries.pending = waiting
        if "main" in changed:
            live = self._entries.live
            self._main_dead = sum(slot not in live for slot in changed["main"].slots)
        self._slots.rest(self._databases.names, time.monotonic())

    def _plan(self) -> None:
        """Start builds that are due, drop tiers that are not needed."""
        now = time.monotonic()
        if not self._is_dirty and now < self._plan_at:
            return
        self._plan_at = now + _PLAN_EVERY_S
        self.remove(self._entries.ended(), 0)
        self._slots.turn(now)
        if not self._is_dirty and not self._is_deferred and self._entries.pending:
            return  # they wait for the running build
        late = self._entries.without_slot()
        self._entries.give_slots(late)
        self._entries.write([self._entries.rules[number] for number in late])
        self._is_dirty = False
        situation = self._situation(self._databases.in_force)
        became_ready = not self._entries.pending and not self.is_ready
        if (became_ready or unneeded(situation)) and self._databases.can_swap:
            self._swap({})
        self._is_full = is_full(situation)
        begun = [self._databases.begin(plan, self._entries.members) for plan in plans(situation)]
        self._is_deferred = not all(begun)

    def _situation(self, in_force: Mapping[TierName, frozenset[int]]) -> Situation:
        return Situation(
            live=self._entries.live,
            pending=self._entries.pending_slots(),
            in_force=in_force,
            building=self._databases.building,
            main_dead=self._main_dead,
            is_quiet=time.monotonic() - self._changed_at > self._databases.quiet_s(QUIET_S),
        )

    def _refuse(self, refused: Iterable[tuple[int, str]]) -> None:
        slots = []
        for slot, text in refused:
            found = self._entries.refuse(slot, text)
            if found is not None:
                self._is_dirty = True
                slots.append(slot)
                self.on_refused(*found, text)
        if slots:
            self._databases.refuse(slots)

    # --- what is told -----------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Number of rules."""
        return len(self._entries.rules)

    @property
    def pending_count(self) -> int:
        """Number of rules that wait for a database."""
        return len(self._entries.pending)

    @property
    def is_ready(self) -> bool:
        """Whether all rules of the start have been in force since."""
        return self._databases.is_ready

    @property
    def is_building(self) -> bool:
        """Whether databases are being compiled."""
        return bool(self._databases.building)

    @property
    def bytes(self) -> int:
        """Size of the databases in force."""
        return self._databases.bytes

    @property
    def tiers(self) -> Mapping[TierName, int]:
        """Number of slots in each tier."""
        return {name: len(slots) for name, slots in self._databases.in_force.items()}

    def _publish(self) -> None:
        flags = {
            abi.RulesState.READY: self.is_ready,
            abi.RulesState.BUILDING: self.is_building,
            abi.RulesState.AWAY: not self._link.is_up,
            abi.RulesState.FULL: self._is_full,
            abi.RulesState.NO_MEMORY: self._databases.lacks_memory,
        }
        state = abi.RulesState(sum(flag for flag, is_set in flags.items() if is_set))
        is_failing = self._databases.is_failing
        self.condition.update(state, self.count, self.pending_count, is_failing=is_failing)
        self._header.rules_bytes = self._databases.bytes
        self._header.rules_databases = self._databases.count


def _log_refused(number: int, _revision: int, text: str) -> None:
    _log.warning("rule refused", rule=number, error=text)


def _is_same_pattern(one: Rule, other: Rule) -> bool:
    return (one.pattern, one.targets) == (other.pattern, other.targets)
