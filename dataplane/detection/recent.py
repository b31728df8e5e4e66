"""Counters of the workers over the last second: frames of the link, SYNs that the node answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataplane.detection.findings import Place
from dataplane.detection.traffic import Counts, Target, Traffic
from dataplane.native import abi
from dataplane.native.abi import Attack, Link, Origin, Port, Reason, TrafficKind

_TICKS_PER_S = 10
_DEFAULT_PROFILE = 0
_OTHERS = frozenset(link for link in Link if link.name.startswith("OTHER_"))
_CONTROL = frozenset(Link) - _OTHERS - {Link.NONE}
_KINDS = {
    Attack.LINK_FLOOD: (_CONTROL, Reason.LINK_LIMIT),
    Attack.NON_IP_FLOOD: (_OTHERS, Reason.NON_IP_LIMIT),
}


@dataclass(frozen=True)
class Recent:
    """The increase of a counter."""

    window: int
    """The value over the last ten readings."""
    since: int
    """The value since the reading before."""


class Counter:
    """The increase of a number that only grows; read every tenth of a second."""

    def __init__(self) -> None:
        self._read: deque[int] = deque(maxlen=_TICKS_PER_S + 1)

    def after(self, total: int) -> Recent:
        """Take a reading; the first one yields no increase."""
        self._read.append(total)
        before = self._read[-2] if len(self._read) > 1 else total
        return Recent(total - self._read[0], total - before)


class Links:
    """Frames of link control, or not IP, by port. ``pages``: the workers' statistics."""

    def __init__(self, pages: Sequence[abi.LcoreStats]) -> None:
        self._pages = pages
        self._places = {
            Place(attack, abi.Target.PORT, Target(bytes(16), port), _DEFAULT_PROFILE): (
                port,
                *kinds,
            )
            for attack, kinds in _KINDS.items()
            for port in Port
        }
        self._frames = {place: Counter() for place in self._places}
        self._dropped = {place: Counter() for place in self._places}

    def read(self) -> Mapping[Place, Traffic]:
        """Read them in the form of a target's traffic: packets, and dropped packets."""
        return {
            place: _traffic(
                self._frames[place].after(self._count(port, kinds)),
                self._dropped[place].after(self._dropped_of(port, reason)),
            )
            for place, (port, kinds, reason) in self._places.items()
        }

    def _count(self, port: Port, kinds: frozenset[Link]) -> int:
        counted = [list(page.link[port]) for page in self._pages]
        return sum(lcore[kind] for lcore in counted for kind in kinds)

    def _dropped_of(self, port: Port, reason: Reason) -> int:
        return sum(page.port[port].dropped[reason] for page in self._pages)


class Answers:
    """SYNs that the node has answered in place of hosts."""

    def __init__(self, pages: Sequence[abi.LcoreStats]) -> None:
        self._pages = pages
        self._counter = Counter()

    def read(self) -> int:
        """The number in the last second."""
        total = sum(page.origin[Origin.ANSWER].sent for page in self._pages)
        return self._counter.after(total).window


def _traffic(frames: Recent, dropped: Recent) -> Traffic:
    return Traffic(
        window=_counts(frames.window, dropped.window), since=_counts(frames.since, dropped.since)
    )


def _counts(packets: int, dropped: int) -> Counts:
    counted = {TrafficKind.PACKETS: packets, TrafficKind.DROPPED: dropped}
    return Counts(tuple(counted.get(kind, 0) for kind in TrafficKind), 0)
