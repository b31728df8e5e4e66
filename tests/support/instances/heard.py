"""Counts segments that reach the origin, with the origin's firewall: those of the client, and
others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.instances.lab import Lab, run

CLIENT = "198.18.0.1"
"""The lab's client; forged sources count as others."""


@dataclass(frozen=True)
class Heard:
    """IPv4 segments of one kind, since the counting began."""

    lab: Lab

    @property
    def own(self) -> int:
        """Segments of the client."""
        return self._count("own")

    @property
    def others(self) -> int:
        """Segments of all other sources."""
        return self._count("others")

    def _count(self, name: str) -> int:
        done = run(*self.lab.enter("origin"), "nft", f"list counter inet heard {name}")
        return int(done.stdout.split("packets")[1].split()[0])


@contextmanager
def heard(lab: Lab, flag: str) -> Iterator[Heard]:
    """Count segments with this flag and without the other one of ``syn`` and ``ack``."""
    kind = f"tcp flags & (syn | ack) == {flag}"
    rules = (
        "add table inet heard; add counter inet heard own; add counter inet heard others; "
        "add chain inet heard in { type filter hook input priority -300; }; "
        f"add rule inet heard in ip saddr {CLIENT} {kind} counter name own; "
        f"add rule inet heard in ip saddr != {CLIENT} {kind} counter name others"
    )
    done = run(*lab.enter("origin"), "nft", rules)
    assert done.returncode == 0, done.stderr
    try:
        yield Heard(lab)
    finally:
        run(*lab.enter("origin"), "nft", "delete table inet heard")
