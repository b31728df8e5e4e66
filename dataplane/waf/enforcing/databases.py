"""The databases in force: built separately, swapped as a set, freed when every worker has moved on.

This class handles tiers, builds, the cache and the helper; of rules it uses only the slots. It
never waits: `turn` works for about two milliseconds.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from dataplane.base.errors import SecBeatError
from dataplane.base.logs import Log
from dataplane.native import abi
from dataplane.tables.retired import Retired
from dataplane.tables.waf_table import WafSet
from dataplane.waf.enforcing.build import WAITING, Build, Loading, Tier
from dataplane.waf.enforcing.link import HelperLink
from dataplane.waf.enforcing.tiers import TIERS, Plan, TierName
from dataplane.waf.exchange import job
from dataplane.waf.exchange.cache import Cache, Cached, CachedTier
from dataplane.waf.exchange.job import Member

MembersOf: TypeAlias = Callable[[frozenset[int]], Iterable[Member]]
RETIRED_MAX = 8
"""Sets that wait for the workers; beyond that, the next swap waits."""
_BUDGET_S = 0.002
_BACK_OFF_S = {"hot": 1.0, "warm": 2.0, "middle": 5.0, "main": 60.0}
"""After a failed build, the time until its tier is tried again; doubled each time."""
_BACK_OFF_MAX = 16
_FAILING = 3
"""Failures of a tier in a row that degrade the node."""
_ANSWER_S = {"hot": 90.0, "warm": 240.0, "middle": 720.0, "main": 7500.0}
"""Longer than the limit of the helper's children: a helper that has not answered by then hangs."""
_QUIET_BUILDS = 10
_log = Log()


class Databases:
    """See the module."""

    def __init__(
        self, library: ctypes.CDLL, node: abi.Node, cache: Cache, link: HelperLink, readers: int
    ) -> None:
        """``readers``: address of the ``abi.Readers`` of the node's lcores."""
        self._library = library
        self._node = node
        self._cache = cache
        self._link = link
        self._losses = 0
        self._retired = Retired(library, readers, RETIRED_MAX)
        self._set: WafSet | None = None
        self._is_tidy = False
        self._tiers: dict[TierName, Tier] = {}
        self._builds: dict[TierName, tuple[Build, Iterator[bool | None]]] = {}
        self._steps: dict[TierName, bool] = {}
        self._failures: dict[TierName, int] = {}
        self._not_before: dict[TierName, float] = {}
        self._main_s = 0.0
        self._refused: frozenset[int] = frozenset()
        self.is_ready = False
        """The swapped-in sets are marked as complete: everything that should be in force is."""
        self.lacks_memory = False

    @property
    def in_force(self) -> Mapping[TierName, frozenset[int]]:
        """Slots that the databases of each tier contain."""
        return {name: tier.slots for name, tier in self._tiers.items()}

    @property
    def building(self) -> Mapping[TierName, frozenset[int]]:
        """Slots of the running builds."""
        return {name: build.slots for name, (build, _) in self._builds.items()}

    @property
    def is_failing(self) -> bool:
        """Whether builds of some tier have failed repeatedly."""
        return any(count >= _FAILING for count in self._failures.values())

    @property
    def is_busy(self) -> bool:
        """Whether the next turn has something to do, as far as is known."""
        return any(not waits for waits in self._steps.values()) or "hot" in self._builds

    @property
    def bytes(self) -> int:
        """Size of all databases in force."""
        return 0 if self._set is None else self._set.bytes

    @property
    def count(self) -> int:
        """Number of databases in force."""
        return sum(len(tier.images) for tier in self._tiers.values())

    def quiet_s(self, least_s: float) -> float:
        """Idle time before everything is compiled again only to merge tiers: it must not take much
        time in all."""
        return max(least_s, _QUIET_BUILDS * self._main_s)

    def names(self, slot: int) -> bool:
        """Whether a database contains it, or will soon."""
        return any(
            slot in tier.slots or slot in tier.refused for tier in self._tiers.values()
        ) or any(slot in build.slots for build, _ in self._builds.values())

    # --- from the cache ---------------------------------------------------------------------------

    def cached(self) -> Iterator[tuple[TierName, CachedTier, list[Member]]]:
        """The state in force at the end of the last process: its rules; not loaded yet."""
        found = self._cache.load()
        self._refused = found.refused
        for name in TIERS:
            if name in found.tiers:
                tier = found.tiers[name]
                try:
                    yield name, tier, job.read(self._cache.directory, tier.job)
                except (OSError, SecBeatError, ValueError) as exc:
                    _log.warning("cached rules not readable", tier=name, error=str(exc))

    def load(
        self, cached: CachedTier, slots: frozenset[int], between: Callable[[], None]
    ) -> Tier | None:
        """Map a cached tier; None: it is unusable. `between` is called every few milliseconds.

        ``slots``: of its job.
        """
        loading = Loading(self._library, self._cache.directory, cached)
        try:
            for _ in loading.run():
                between()
        except (OSError, SecBeatError, ValueError) as exc:
            _log.warning("cached databases not usable", error=str(exc))
            return None
        refused = slots & self._refused
        return Tier(cached, slots - refused, loading.images, refused)

    def is_refused(self, slot: int) -> bool:
        """Whether a job contains it, but the engine has refused its rule."""
        return slot in self._refused

    def refuse(self, slots: Collection[int]) -> None:
        """Keep these rules of jobs out of force, also after a restart."""
        self._refused |= frozenset(slots)
        self._store()

    def _store(self) -> None:
        tiers: dict[str, CachedTier] = {name: one.cached for name, one in self._tiers.items()}
        self._cache.store(Cached(tiers, self._refused))

    # --- builds -----------------------------------------------------------------------------------

    def begin(self, plan: Plan, members_of: MembersOf) -> bool:
        """Start a build; False: its tier has failed recently, or the helper is away."""
        now = time.monotonic()
        if now < self._not_before.get(plan.tier, 0.0) or not self._link.is_up:
            return False
        build = Build(plan.tier, plan.slots)
        directory = self._cache.directory
        steps = build.run(self._library, directory, members_of(plan.slots), self._link.send)
        self._builds[plan.tier] = build, steps
        self._steps[plan.tier] = False
        return True

    def turn(self, answers: Iterable[dict[str, Any]]) -> list[Build]:
        """Receive answers, continue builds; returns those that are over."""
        self._retired.reclaim()
        if self._link.losses != self._losses:
            self._losses = self._link.losses
            answers = [{"build": build.job.hex(), "failed": "the compile helper has gone"}
                       for build, _ in self._builds.values() if build.job]  # fmt: skip
        for answer in answers:
            for name, (build, _) in self._builds.items():
                if build.job and answer.get("build") == build.job.hex():
                    build.answer = answer
                    self._steps[name] = False
        self._give_up_waiting()
        return self._step(time.perf_counter() + _BUDGET_S)

    def _give_up_waiting(self) -> None:
        """Abandon a hung helper and ask again: closing the connection ends its work."""
        now = time.monotonic()
        for name, (build, _) in self._builds.items():
            if build.job and build.answer is None and now - build.begun > _ANSWER_S[name]:
                self._link.close()
                build.answer = {"failed": "the compile helper does not answer"}
                self._steps[name] = False

    def _step(self, end: float) -> list[Build]:
        over = []
        for name, (build, steps) in list(self._builds.items()):
            while not self._steps[name] and time.perf_counter() < end:
                try:
                    self._steps[name] = next(steps) is WAITING
                except StopIteration:
                    over.append(build)
                    del self._builds[name], self._steps[name]
                    break
        for build in over:
            self._note(build)
        return over

    def _note(self, build: Build) -> None:
        name = build.name
        if build.failure is None:
            if name == "main":
                what = {"slots": len(build.slots), "seconds": round(build.seconds, 1)}
                _log.info("rules built", **what, peak_mib=build.peak_mib)
            self._main_s = build.seconds if name == "main" else self._main_s
            self._failures.pop(name, None)
            self.lacks_memory = False
            return
        pause_s = self._hold_off(name)
        self.lacks_memory = build.lacks_memory
        _log.warning("rules not built", tier=name, error=build.failure, again_in_s=pause_s)

    def _hold_off(self, name: TierName) -> float:
        """Seconds until that tier is tried again."""
        count = self._failures[name] = self._failures.get(name, 0) + 1
        pause_s = _BACK_OFF_S[name] * min(1 << (count - 1), _BACK_OFF_MAX)
        self._not_before[name] = time.monotonic() + pause_s
        return pause_s

    # --- the set in force -------------------------------------------------------------------------

    @property
    def can_swap(self) -> bool:
        """Whether one more set may wait for the workers."""
        return self._retired.has_room

    def swap(
        self,
        changed: Mapping[TierName, Tier],
        dropped: Collection[TierName] = (),
        *,
        makes_ready: bool = False,
    ) -> None:
        """Put these tiers in force in place of the former ones; remove the dropped ones.

        ``makes_ready``: then no rule waits any more. NativeError: the former set stays, the new
        tiers are freed and not tried again at once.
        """
        tiers = {**self._tiers, **changed}
        tiers = {name: tier for name, tier in tiers.items() if name not in dropped}
        made = WafSet(self._library, self._node.lcore_count)
        try:
            for name in TIERS:
                for target, image in tiers[name].images if name in tiers else ():
                    made.add(target, image)
            made.build(self._set, is_ready=self.is_ready or makes_ready)
        except SecBeatError:
            made.close()
            for name, tier in changed.items():
                tier.close()
                self._hold_off(name)
            raise
        self.is_ready = self.is_ready or makes_ready
        there = [*self._tiers.values(), *changed.values()]
        old = [tier for tier in there if tier not in tiers.values()]
        before, self._set, self._tiers = self._set, made, tiers
        self._node.waf_set = made.address
        self._retired.add(*[one for one in (before,) if one], *old)
        self._refused = frozenset(slot for slot in self._refused if self.names(slot))
        self._store()
        self._tidy()

    def _tidy(self) -> None:
        """Remove files that are neither in force nor being built."""
        if any(not build.job for build, _ in self._builds.values()):
            return
        jobs = {tier.cached.job for tier in self._tiers.values()}
        self._cache.keep_only(jobs | {build.job for build, _ in self._builds.values()})
        if self.is_ready and not self._is_tidy:
            self._is_tidy = True
            self._cache.forget_other_engines()

    @property
    def directory(self) -> Path:
        """The directory of jobs and databases."""
        return self._cache.directory

    def close(self) -> None:
        """Close after the workers have stopped; may be called again."""
        self._node.waf_set = 0
        self._retired.close()
        self._builds.clear()
        if self._set is not None:
            self._set.close()
            self._set = None
        for tier in self._tiers.values():
            tier.close()
        self._tiers = {}
