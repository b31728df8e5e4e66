"""A case of the differential test: state and bursts, run through C and model and compared."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from dataplane.native.abi import BURST_MAX, DEADLINE_NEVER, ListKind, Mode, Reason
from dataplane.pcap import create_capture
from tests.native.harness import Frame
from tests.native.model.model_frames import frame, happens, mapped_address
from tests.native.model.model_policy import (
    COUNTRIES,
    Neighbors,
    Rules,
    random_modes,
    random_neighbors,
    random_policy,
    smaller,
)
from tests.native.tables.lists.lists_support import first_of

OUTPUT = Path(__file__).parents[3] / "build" / "model"
NOW_DS = 1000
COOKIE_KEYS = ((1, 2), (3, 4))
NOW_NS = 10**9
LATER_NS = (0, 1, 499, 65_536, 10**6, 10**8, 2 * 10**9, 10**12)
DEADLINES = (DEADLINE_NEVER, DEADLINE_NEVER, NOW_DS + 1, NOW_DS, NOW_DS - 1, 0)
LENGTHS = (0, 8, 64, 95, 96, 97, 100, 112, 119, 120, 124, 125, 126, 127, 128, 128, 128)

MAPPED = 0xFFFF << 32
"""``::ffff:0:0``, where IPv4 begins."""
Ranges = tuple[tuple[int, int], ...]
"""First address and country; a range of IPv4 reaches to the next one of IPv4, and so for IPv6."""
Key = tuple[int, int, ListKind]
"""Address of 128 bits, prefix length, list."""


@dataclass(frozen=True)
class Case:
    """What a node of ``lcores`` lcores is set to, and what its first lcore receives."""

    bursts: tuple[tuple[Frame, ...], ...]
    entries: dict[Key, int] = field(default_factory=dict)
    """Deadlines."""
    modes: dict[Reason, Mode] = field(default_factory=dict)
    """Of those that do not enforce."""
    policy: tuple[Rules, ...] = (Rules(),)
    neighbors: Neighbors = ()
    countries: Ranges | None = None
    """Of all addresses, in the mapped space; None: no database."""
    later_ns: tuple[int, ...] = (0,)
    """How long after the one before each burst is run, round and round."""
    cookie_slot: int = 0
    learning_ds: int = 0
    """How long a connection may be met in its midst."""
    lcores: int = 1
    owner_key: tuple[int, int] = (1, 2)

    @property
    def frames(self) -> list[Frame]:
        return [one for burst in self.bursts for one in burst]


def random_case(rng: random.Random, bursts: int, burst_max: int = BURST_MAX) -> Case:
    """State, and bursts of 1 to ``burst_max`` packets."""
    sizes = [rng.randrange(burst_max) + 1 for _ in range(bursts)]
    return Case(
        entries=dict(_entry(rng) for _ in range(rng.randrange(9))),
        modes=random_modes(rng),
        policy=random_policy(rng),
        neighbors=random_neighbors(rng),
        countries=_countries(rng) if happens(rng, 0.7) else None,
        later_ns=tuple(rng.choice(LATER_NS) for _ in range(4)),
        lcores=rng.choice((1, 1, 1, 2, 3, 16)),
        owner_key=(rng.getrandbits(64), rng.getrandbits(64)),
        bursts=tuple(tuple(frame(rng) for _ in range(size)) for size in sizes),
    )


def _countries(rng: random.Random) -> Ranges:
    """Begin at prefixes around the addresses of packets, and behind them."""
    found = {0: 0, MAPPED: 0}
    for _ in range(rng.randrange(12)):
        address, length = mapped_address(rng), rng.choice(LENGTHS)
        first = first_of(address, length)
        for start in (first, first + (1 << (128 - length))):
            if start < 1 << 128:
                found[start] = rng.choice(COUNTRIES)
    return tuple(sorted(found.items()))


def _entry(rng: random.Random) -> tuple[Key, int]:
    address, length = mapped_address(rng), rng.choice(LENGTHS)
    return (first_of(address, length), length, rng.choice(list(ListKind))), rng.choice(DEADLINES)


def shrink(case: Case, differs: Callable[[Case], bool]) -> Case:
    """A case that differs as well and of which nothing more can be left out."""
    for less in _smaller(case):
        if differs(less):
            return shrink(less, differs)
    return case


def _smaller(case: Case) -> Iterator[Case]:
    if len(case.frames) > 1:
        yield from (replace(case, bursts=((one,),)) for one in case.frames)
        yield from (replace(case, bursts=(burst,)) for burst in case.bursts if case.bursts[1:])
    for key in case.entries:
        yield replace(case, entries={k: v for k, v in case.entries.items() if k != key})
    for reason in case.modes:
        yield replace(case, modes={k: v for k, v in case.modes.items() if k != reason})
    for i in range(len(case.neighbors)):
        yield replace(case, neighbors=case.neighbors[:i] + case.neighbors[i + 1 :])
    for i in range(len(case.countries or ())):
        less = (case.countries or ())[:i] + (case.countries or ())[i + 1 :]
        if {0, MAPPED} <= {first for first, _ in less}:
            yield replace(case, countries=less)
    if len(case.frames) < BURST_MAX:
        yield from (replace(case, bursts=bursts) for bursts in _without_one(case.bursts))
    for policy in smaller(case.policy):
        yield replace(case, policy=policy)
    if case.lcores > 1:
        yield replace(case, lcores=1)


def _without_one(bursts: tuple[tuple[Frame, ...], ...]) -> Iterator[tuple[tuple[Frame, ...], ...]]:
    for at, burst in enumerate(bursts):
        for n in range(len(burst)):
            yield (*bursts[:at], burst[:n] + burst[n + 1 :], *bursts[at + 1 :])


def save(case: Case, name: str) -> Path:
    """Write the packets of a case to a capture below ``build``."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{name}.pcap"
    with create_capture(path) as capture:
        for i, one in enumerate(case.frames):
            capture.write(i, one.data, one.length)
    return path


def describe(case: Case) -> str:
    """Everything that is needed to run a case again."""
    entries = [f"{a:032x}/{n} {k.name} until {d}" for (a, n, k), d in case.entries.items()]
    modes = [f"{reason.name} {mode.name}" for reason, mode in case.modes.items()]
    profiles = [f"profile {i}: {rules}" for i, rules in enumerate(case.policy)]
    profiles += [f"neighbour {a:032x}/{n} {sorted(said)}" for a, n, said in case.neighbors]
    times = f"later by {case.later_ns} ns"
    packets = [
        f"{one.port!r} {one.flags!r} length {one.length}: {one.data.hex()}"
        for one in case.frames[:BURST_MAX]
    ]
    first = [f"{case.lcores} lcores, key {case.owner_key}", times]
    ranges = [f"from {first:032x} country {number}" for first, number in case.countries or ()]
    return "\n".join([*first, *entries, *modes, *profiles, *ranges, *packets])
