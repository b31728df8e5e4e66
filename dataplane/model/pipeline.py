"""The stages in their order.

A stage is a function of an lcore, a packet and a time; it returns whether the packet goes on to the
next stage. All packets of a burst pass one stage before the first of them enters the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dataplane.model.packet import Packet
from dataplane.model.stages.connections.connections import connections
from dataplane.model.stages.connections.path_mtu import exempt as exempt_path_mtu
from dataplane.model.stages.connections.syn_proxy import tick
from dataplane.model.stages.country import country
from dataplane.model.stages.filter import filter_
from dataplane.model.stages.forward import forward
from dataplane.model.stages.http.stage import http
from dataplane.model.stages.limits import limits
from dataplane.model.stages.lists import lists
from dataplane.model.stages.neighbors import exempt as exempt_neighbor
from dataplane.model.stages.owner import owner
from dataplane.model.stages.parse.parse import parse
from dataplane.model.stages.parse.tunnels import Outcome, open_tunnel
from dataplane.model.stages.profile import profile
from dataplane.model.stages.sanity import sanity
from dataplane.model.stages.traffic import count_burst
from dataplane.model.state import Lcore, Time
from dataplane.model.traffic import count
from dataplane.native.abi import REASON_STAGE, Stage, TrafficKind, Verdict

StageFunction = Callable[[Lcore, Packet, Time], bool]
Stages = Sequence[tuple[Stage, StageFunction]]

BEFORE_HANDOVER: Stages = (
    (Stage.PARSE, parse),
    (Stage.PROFILE, profile),
    (Stage.SANITY, sanity),
    (Stage.OWNER, owner),
)
BEHIND_LISTS: Stages = (
    (Stage.COUNTRY, country),
    (Stage.FILTER, filter_),
    (Stage.LIMITS, limits),
)
INSIDE_TUNNELS: Stages = (
    (Stage.PROFILE, profile),
    (Stage.SANITY, sanity),
    (Stage.LISTS, lists),
    *BEHIND_LISTS,
)
BEHIND_CONNECTIONS: Stages = (
    (Stage.HTTP, http),
    (Stage.FORWARD, forward),
)


def run(lcore: Lcore, packets: Sequence[Packet], now: Time) -> list[Packet]:
    """Run all stages for packets that were received just now.

    Afterwards each packet has its verdict; HANDED_OVER packets go to the lcore ``packet.owner``,
    which calls ``resume``. Held packets that a stage has released then pass the stages after
    ``connections``; ``lcore.released`` has them with their verdicts. Returns the packets of the
    burst that have passed every stage, in their order.
    """
    for packet in packets:
        lcore.port[packet.port].received += 1
        lcore.port[packet.port].received_bytes += packet.length
    live = _run_stages(lcore, BEFORE_HANDOVER, packets, now)
    return _run_owned(lcore, packets, live, now)


def resume(lcore: Lcore, packets: Sequence[Packet], now: Time) -> list[Packet]:
    """Run the stages after the handover for packets that another lcore has received."""
    for packet in packets:
        lcore.port[packet.port].held_now -= 1
        packet.profile = 0
    # The policy may have changed since the packets were received.
    live = _run_stages(lcore, [(Stage.PROFILE, profile)], packets, now)
    return _run_owned(lcore, packets, live, now)


def _run_owned(
    lcore: Lcore, packets: Sequence[Packet], live: Sequence[Packet], now: Time
) -> list[Packet]:
    """Run the stages from the lists to the end for packets of this lcore, and for
    released packets."""
    live = _run_stages(lcore, [(Stage.LISTS, lists)], live, now)
    for packet in live:
        exempt_neighbor(lcore, packet, now)
    for packet in live:
        exempt_path_mtu(lcore, packet, now)
    live = _run_stages(lcore, BEHIND_LISTS, live, now)
    live = _run_inside_tunnels(lcore, live, now)
    live = _run_stages(lcore, [(Stage.CONNECTIONS, connections), *BEHIND_CONNECTIONS], live, now)
    count_burst(lcore, packets)
    tick(lcore, now)
    _run_released(lcore, now)
    return live


def _run_inside_tunnels(lcore: Lcore, packets: Sequence[Packet], now: Time) -> list[Packet]:
    """Run the stages that only drop once more, for the packets inside tunnels."""
    outcomes = [open_tunnel(lcore, packet) for packet in packets]
    for packet, outcome in zip(packets, outcomes, strict=True):
        if outcome is Outcome.DROPPED:
            lcore.dropped[REASON_STAGE[packet.reason]] += 1
    inner = [
        packet
        for packet, outcome in zip(packets, outcomes, strict=True)
        if outcome is Outcome.INNER
    ]
    if inner:
        _run_stages(lcore, INSIDE_TUNNELS, inner, now)
    return [packet for packet in packets if packet.verdict is not Verdict.DROP]


def _run_released(lcore: Lcore, now: Time) -> None:
    """Released packets pass the stages that they have not passed yet, under the present policy."""
    released = [packet for packet in lcore.released if packet.verdict is Verdict.PASS]
    for packet in released:
        packet.profile = 0
    _run_stages(lcore, [(Stage.PROFILE, profile), *BEHIND_CONNECTIONS], released, now)
    for packet in released:
        if packet.verdict is Verdict.DROP:
            count(lcore, packet, TrafficKind.DROPPED)


def _run_stages(lcore: Lcore, stages: Stages, packets: Sequence[Packet], now: Time) -> list[Packet]:
    live = list(packets)
    lcore.cookie_slot = lcore.node.cookie_slot
    for name, stage in stages:
        entered, live = live, []
        lcore.entered[name] += len(entered)
        for packet in entered:
            if stage(lcore, packet, now):
                live.append(packet)
            elif packet.verdict is Verdict.DROP:
                lcore.dropped[REASON_STAGE[packet.reason]] += 1
    return live
