"""Tests whether patterns can be rules: they compile alone, match something, and are not too
expensive.

Runs in a child of the compile helper, whose limits end work that takes too long. Groups are
compiled and timed together; if a group fails, bisection finds the causes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from dataplane.waf.compiling import expressions
from dataplane.waf.compiling.engine import CompileError, Engine, Expression
from dataplane.waf.compiling.expressions import Refusal
from dataplane.waf.compiling.traffic import OWN_BYTES, SAMPLE, own_text
from dataplane.waf.document import OWN_NS_MAX, RULE_NS_MAX

_ROUNDS = 7
"""The minimum of so many measurements counts: other load can only add time."""
YARDSTICK = r"\w+\W+\w+zz"
YARDSTICK_NS = 40_000
"""Allowed time for a pattern that keeps states of the engine busy, on its own text. If the
yardstick takes longer, the CPU is slower or shared at this moment, and the limits grow by the same
factor."""
_TRIES = 5
"""Measurements, each with the yardstick, before a pattern is too expensive."""


class Candidate(NamedTuple):
    """A pattern, and the targets that it would have."""

    pattern: str
    targets: tuple[str, ...]


class Verdict(NamedTuple):
    """A result in the form of the wire; see `dataplane.client.compiler.Admission`."""

    refusal: str | None = None
    position: int | None = None
    cost_ns: int | None = None
    warnings: tuple[str, ...] = ()


class Examination:
    """The test of one group of candidates."""

    def __init__(self, engine: Engine, candidates: Sequence[Candidate]) -> None:
        self._engine = engine
        self._candidates = candidates
        self._verdicts = [Verdict()] * len(candidates)

    def run(self) -> list[Verdict]:
        """A verdict for each candidate, in order."""
        self._try([index for index in range(len(self._candidates)) if self._is_sound(index)])
        return self._verdicts

    def _is_sound(self, index: int) -> bool:
        pattern = self._candidates[index].pattern
        refusal = unsound(self._engine, pattern)
        if refusal is not None:
            self._refuse(index, refusal)
        else:
            self._verdicts[index] = Verdict(warnings=expressions.warnings(pattern))
        return refusal is None

    def _try(self, indices: Sequence[int]) -> None:
        """Compile and time candidates together, and smaller groups if that fails."""
        if not indices:
            return
        try:
            with self._engine.database([self._expression(index) for index in indices]) as database:
                cost_ns = cost(self._engine, database)
                own_ns = self._own_costs(indices, database)
                if len(indices) == 1:
                    self._price(indices[0], cost_ns, own_ns[0], database)
        except CompileError as exc:
            if len(indices) > 1:
                self._try_halves(indices)
            else:
                pattern = self._candidates[indices[0]].pattern
                self._refuse(indices[0], expressions.refusal_of(str(exc), pattern))
            return
        if len(indices) == 1:
            return
        if cost_ns > RULE_NS_MAX:
            self._try_halves(indices)
        else:
            for index, dear_ns in zip(indices, own_ns, strict=True):
                if dear_ns > OWN_NS_MAX:  # this pattern, or one that it makes expensive
                    self._try([index])

    def _try_halves(self, indices: Sequence[int]) -> None:
        middle = len(indices) // 2
        self._try(indices[:middle])
        self._try(indices[middle:])

    def _own_costs(self, indices: Sequence[int], database: int) -> list[int]:
        """The cost of each on its own text, in nanoseconds."""
        texts = (own_text(self._candidates[index].pattern) for index in indices)
        with self._engine.scratch(database) as scratch:
            return [_least_ns(self._engine, database, scratch, text) for text in texts]

    def _price(self, index: int, cost_ns: int, own_ns: int, database: int) -> None:
        """Admit a candidate, or refuse one that is too expensive in each measurement."""
        text = _too_dear(cost_ns, own_ns, 1.0)
        for _ in range(_TRIES):
            if text is None:
                break
            (own_ns,) = self._own_costs([index], database)
            cost_ns = cost(self._engine, database)
            text = _too_dear(cost_ns, own_ns, _slowness(self._engine))
        found = self._verdicts[index]
        self._verdicts[index] = found._replace(cost_ns=cost_ns, refusal=text)

    def _refuse(self, index: int, refusal: Refusal) -> None:
        self._verdicts[index] = Verdict(refusal.text, refusal.position)

    def _expression(self, index: int) -> Expression:
        pattern = self._candidates[index].pattern
        return Expression(pattern.encode(), expressions.FLAGS, index)


def unsound(engine: Engine, pattern: str) -> Refusal | None:
    """The fault of a single pattern before it is compiled; finds most faults."""
    refusal = expressions.check(pattern)
    if refusal is not None:
        return refusal
    try:
        width = engine.width_min(Expression(pattern.encode(), expressions.FLAGS))
    except CompileError as exc:
        return expressions.refusal_of(str(exc), pattern)
    return Refusal("it matches nothing at all, and so every request") if width == 0 else None


def cost(engine: Engine, database: int) -> int:
    """Mean cost for a request of the sample traffic, head and values, in nanoseconds."""
    with engine.scratch(database) as scratch:
        total = sum(
            max(0, _least_ns(engine, database, scratch, piece))
            for request in SAMPLE
            for piece in request
        )
        call_ns = _least_ns(engine, database, scratch, b"")
    calls = sum(map(len, SAMPLE))
    return max(0, total - calls * call_ns) // len(SAMPLE)


def _too_dear(cost_ns: int, own_ns: int, slowness: float) -> str | None:
    """The reason of a refusal, if everything takes ``slowness`` times as long; None: no refusal."""
    cost_max, own_max = round(RULE_NS_MAX * slowness), round(OWN_NS_MAX * slowness)
    if cost_ns > cost_max:
        return f"it takes {cost_ns} ns of a request, the limit is {cost_max} ns"
    if own_ns > own_max:
        return (
            f"it takes {own_ns} ns for {OWN_BYTES} bytes of its own text, the limit is {own_max} ns"
        )
    return None


def _slowness(engine: Engine) -> float:
    """The present duration of the yardstick divided by `YARDSTICK_NS`, at least 1."""
    expression = Expression(YARDSTICK.encode(), expressions.FLAGS)
    with engine.database([expression]) as database, engine.scratch(database) as scratch:
        found_ns = _least_ns(engine, database, scratch, own_text(YARDSTICK))
    return max(1.0, found_ns / YARDSTICK_NS)


def _least_ns(engine: Engine, database: int, scratch: int, data: bytes) -> int:
    least = 1 << 62
    for _ in range(_ROUNDS):
        begun = time.perf_counter_ns()
        engine.scan(database, data, scratch)
        least = min(least, time.perf_counter_ns() - begun)
    return least
