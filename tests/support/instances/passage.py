"""Compares the kernel's counters of the node's ports with the node's own counters.

The difference is the number of packets lost in between: in a receive ring that overflowed because
the worker was late, or a frame that a device did not accept. The driver af_packet does not count
these.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from appliance.lab.network import INSIDE, OUTSIDE
from dataplane.shared.stats import NodeStats
from tests.support.instances.lab import Lab, run
from tests.support.waiting import wait_for

_ACROSS = {OUTSIDE: INSIDE, INSIDE: OUTSIDE}


@dataclass(frozen=True)
class Passage:
    """Lost packets since the lab was made, by port; packets in flight count as lost."""

    lost_before: dict[str, int]
    """Arrived on the interface and were not received by the node."""
    lost_behind: dict[str, int]
    """Were forwarded by the node and did not leave on the other interface."""

    @classmethod
    def now(cls, lab: Lab) -> Passage:
        """The interfaces are read last: a packet in flight counts as lost, never as gained."""
        node: NodeStats = lab.stats()
        counters = {name: _counters(lab, name) for name in _ACROSS}
        return cls(
            {name: counters[name]["rx"] - node.ports[name].received for name in _ACROSS},
            {
                name: node.ports[name].forwarded - counters[across]["tx"]
                for name, across in _ACROSS.items()
            },
        )

    @classmethod
    def settled(cls, lab: Lab) -> Passage:
        """The counters when no packet moves."""

        def still() -> Passage | None:
            first = cls.now(lab)
            return first if first == cls.now(lab) else None

        lab.quiet_stats()
        return wait_for(still, "no packet is on its way", every_s=0.1)

    def lost_since(self, before: Passage) -> dict[str, int]:
        """Packets lost since then, by place; empty if there are none."""
        places = {f"before {n}": self.lost_before[n] - before.lost_before[n] for n in _ACROSS}
        places |= {f"behind {n}": self.lost_behind[n] - before.lost_behind[n] for n in _ACROSS}
        return {place: count for place, count in places.items() if count > 0}


def _counters(lab: Lab, interface: str) -> dict[str, int]:
    node = lab.instance.namespaces.node
    done = run("ip", "-n", node, "-json", "-statistics", "link", "show", interface)
    assert done.returncode == 0, done.stderr
    stats = json.loads(done.stdout)[0]["stats64"]
    return {direction: stats[direction]["packets"] for direction in ("rx", "tx")}
