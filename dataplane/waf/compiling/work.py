"""The requests to the compile helper, and their children.

One piece of work of each kind runs at a time: a test of one candidate and of a group, for the API
and for the data plane, and a build of each tier. So a main database that takes a minute does not
delay a small one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from dataplane.base.errors import InvalidInputError
from dataplane.waf.compiling.admission import Candidate, Examination, Verdict
from dataplane.waf.compiling.building import build, needed_mib, parts_for, parts_max
from dataplane.waf.compiling.child import Child, ChildLimits
from dataplane.waf.compiling.engine import Engine
from dataplane.waf.compiling.memory import available_mib
from dataplane.waf.document import parse_pattern, parse_targets
from dataplane.waf.exchange import job
from dataplane.waf.exchange.job import JobError
from dataplane.waf.exchange.wire import GROUP_MAX, WireError

KILLS_MAX = 40
"""Children of one test that may exceed a limit; then groups that exceed one are refused
as a whole."""
CANDIDATES_PER_CPU_S = 100
EXAMINE_MIB = 1024
BUILD_LIMITS = {
    "hot": ChildLimits(cpu_s=2, memory_mib=1024, wall_s=30, nice=5),
    "warm": ChildLimits(cpu_s=15, memory_mib=1024, wall_s=150, nice=7),
    "middle": ChildLimits(cpu_s=60, memory_mib=1536, wall_s=600, nice=10),
    "main": ChildLimits(cpu_s=900, memory_mib=3072, wall_s=7200, nice=19),
}


class Work(Protocol):
    """A request in progress."""

    owner: object
    """The client that waits for the answer."""

    @property
    def kind(self) -> str:
        """At most one piece of work of each kind runs at a time."""
        ...

    def start(self) -> int | None:
        """Start the next child; returns its descriptor, None: nothing is left to do."""
        ...

    def hear(self) -> bool:
        """Read from the child; True: it has ended, and `take` is next."""
        ...

    def take(self) -> None:
        """Take the child's result."""
        ...

    def check_time(self) -> None:
        """Kill a child that takes too long."""
        ...

    def kill(self) -> None:
        """Kill the child."""
        ...

    def answer(self) -> dict[str, Any]:
        """The message of the answer."""
        ...


def begin(message: dict[str, Any], engine: Engine, cache: Path, *, is_own: bool) -> Work:
    """The work for a request, whose content is checked."""
    try:
        if "admit" in message:
            return Examining(engine, _rows(message["admit"]), "own" if is_own else "theirs")
        if "build" in message and is_own:
            tier, name = str(message["tier"]), bytes.fromhex(message["build"])
            if tier in BUILD_LIMITS and len(name) == 32:  # noqa: PLR2004 - a SHA-256
                return Building(engine, cache, name, tier)
    except (KeyError, TypeError, ValueError, WireError) as exc:
        return Refused(f"a request that is none: {exc}")
    return Refused("a request that is none")


class _ByChildren:
    """Work that uses one child after another."""

    owner: object = None
    _child: Child | None = None

    def hear(self) -> bool:
        """See `Work`."""
        return self._child is None or self._child.hear()

    def check_time(self) -> None:
        """See `Work`."""
        if self._child is not None:
            self._child.check_time()

    def kill(self) -> None:
        """See `Work`."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _fork(self, limits: ChildLimits, work: Callable[[], dict[str, Any]]) -> int:
        self._child = Child(limits, work)
        return self._child.fd

    def _outcome(self) -> dict[str, Any]:
        if self._child is None:
            raise RuntimeError("no child")
        child, self._child = self._child, None
        return child.outcome()


class Examining(_ByChildren):
    """Candidates of one request: together, and in halves if a child exceeds a limit."""

    def __init__(self, engine: Engine, rows: Sequence[tuple[str, list[str]]], whose: str) -> None:
        self._engine = engine
        self._verdicts = [Verdict()] * len(rows)
        self._candidates: dict[int, Candidate] = {}
        for index, row in enumerate(rows):
            try:
                self._candidates[index] = Candidate(parse_pattern(row[0]), parse_targets(row[1]))
            except InvalidInputError as exc:
                self._verdicts[index] = Verdict(str(exc))
        self._left = [list(self._candidates)] if self._candidates else []
        self._now: list[int] = []
        self._kills = 0
        # For one candidate a user waits: groups of imports do not delay it.
        self.kind = f"examine {whose} {'one' if len(rows) == 1 else 'group'}"

    def start(self) -> int | None:
        """See `Work`."""
        if not self._left:
            return None
        self._now = self._left.pop()
        group = [self._candidates[index] for index in self._now]
        cpu_s = 1 + len(group) // CANDIDATES_PER_CPU_S
        limits = ChildLimits(cpu_s, EXAMINE_MIB, wall_s=20.0 + 10.0 * cpu_s, nice=5)
        return self._fork(limits, partial(_examine, self._engine, group))

    def take(self) -> None:
        """See `Work`."""
        said = self._outcome()
        if "admitted" in said:
            for index, verdict in zip(self._now, said["admitted"], strict=True):
                self._verdicts[index] = Verdict(*verdict)
            return
        self._kills += 1
        if len(self._now) == 1 or self._kills > KILLS_MAX:
            text = str(said.get("failed", "it can't be compiled"))
            if len(self._now) > 1:
                text = "it was not tried: too many of the patterns beside it can't be compiled"
            for index in self._now:
                self._verdicts[index] = Verdict(text)
            return
        middle = len(self._now) // 2
        self._left += [self._now[middle:], self._now[:middle]]

    def answer(self) -> dict[str, Any]:
        """See `Work`."""
        return {"admitted": self._verdicts}


class Building(_ByChildren):
    """The databases of one job."""

    def __init__(self, engine: Engine, cache: Path, name: bytes, tier: str) -> None:
        self._engine, self._cache, self._name, self._tier = engine, cache, name, tier
        self._answer: dict[str, Any] | None = None
        self._parts = 1
        self.kind = f"build {tier}"

    def start(self) -> int | None:
        """See `Work`."""
        if self._answer is not None:
            return None
        self._answer = self._check_memory()
        if self._answer is not None:
            return None
        work = partial(build, self._engine, self._cache, self._name, self._parts)
        return self._fork(BUILD_LIMITS[self._tier], work)

    def take(self) -> None:
        """See `Work`."""
        self._answer = self._outcome()

    def _check_memory(self) -> dict[str, Any] | None:
        try:
            count = job.count_of(self._cache, self._name)
        except (OSError, JobError) as exc:
            return {"failed": str(exc)}
        free = available_mib()
        self._parts = parts_for(count, free)
        if self._parts:
            return None
        needed = needed_mib(count, parts_max(count))
        text = f"{free} MiB of memory are available, compiling {count} rules takes {needed}"
        return {"failed": text, "memory": True}

    def answer(self) -> dict[str, Any]:
        """See `Work`."""
        return {**(self._answer or {"failed": "nothing was built"}), "build": self._name.hex()}


class Refused(_ByChildren):
    """A request that no SecBeat process sends."""

    kind = "refused"

    def __init__(self, text: str) -> None:
        self._text = text

    def start(self) -> int | None:
        """See `Work`."""
        return None

    def take(self) -> None:
        """See `Work`."""

    def answer(self) -> dict[str, Any]:
        """See `Work`."""
        return {"refused": self._text}


def _examine(engine: Engine, group: Sequence[Candidate]) -> dict[str, Any]:
    return {"admitted": Examination(engine, group).run()}


def _rows(rows: object) -> list[tuple[str, list[str]]]:
    """Patterns and targets, after a check of their types."""
    if not isinstance(rows, list) or len(rows) > GROUP_MAX:
        raise WireError(f"not a list of at most {GROUP_MAX} candidates")
    for pattern, targets in rows:
        if not isinstance(pattern, str) or not isinstance(targets, list):
            raise WireError("a candidate that is none")
        if not all(isinstance(target, str) for target in targets):
            raise WireError("a target that is none")
    return [(pattern, targets) for pattern, targets in rows]
