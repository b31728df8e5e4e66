"""The stages in their order.

A stage is a function of an lcore, a packet and a time, and tells whether the packet goes on to the
next stage. All packets of a burst pass one stage before the first of them meets the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dataplane.abi import Stage, Verdict
from dataplane.model.connections import connections
from dataplane.model.country import country
from dataplane.model.filter import filter_
from dataplane.model.forward import forward
from dataplane.model.limits import limits
from dataplane.model.lists import lists
from dataplane.model.node import Lcore, Time
from dataplane.model.owner import owner
from dataplane.model.packet import Packet
from dataplane.model.parse import parse
from dataplane.model.profile import profile
from dataplane.model.sanity import sanity
from dataplane.model.syn_proxy import tick

StageFunction = Callable[[Lcore, Packet, Time], bool]
Stages = Sequence[tuple[Stage, StageFunction]]

BEFORE_HANDOVER: Stages = (
    (Stage.PARSE, parse),
    (Stage.PROFILE, profile),
    (Stage.SANITY, sanity),
    (Stage.OWNER, owner),
)
BY_OWNER: Stages = (
    (Stage.LISTS, lists),
    (Stage.COUNTRY, country),
    (Stage.FILTER, filter_),
    (Stage.LIMITS, limits),
    (Stage.CONNECTIONS, connections),
    (Stage.FORWARD, forward),
)


def run(lcore: Lcore, packets: Sequence[Packet], now: Time) -> list[Packet]:
    """Run all stages over packets that were received just now.

    Afterwards each packet has its verdict; what is HELD goes to the lcore ``packet.owner``, which
    calls ``resume``. Returns the packets that have come through every stage, in their order.
    """
    for packet in packets:
        lcore.port[packet.port].received += 1
        lcore.port[packet.port].received_bytes += packet.length
    live = _run_stages(lcore, [*BEFORE_HANDOVER, *BY_OWNER], packets, now)
    tick(lcore, now)
    return live


def resume(lcore: Lcore, packets: Sequence[Packet], now: Time) -> list[Packet]:
    """Run the stages behind the handover over packets that another lcore has received."""
    for packet in packets:
        lcore.port[packet.port].held_now -= 1
        packet.profile = 0
    # The policy may be another one than where they were received.
    live = _run_stages(lcore, [(Stage.PROFILE, profile), *BY_OWNER], packets, now)
    tick(lcore, now)
    return live


def _run_stages(lcore: Lcore, stages: Stages, packets: Sequence[Packet], now: Time) -> list[Packet]:
    live = list(packets)
    for name, stage in stages:
        entered, live = live, []
        lcore.entered[name] += len(entered)
        for packet in entered:
            if stage(lcore, packet, now):
                live.append(packet)
            elif packet.verdict is Verdict.DROP:
                lcore.dropped[name] += 1
    return live
