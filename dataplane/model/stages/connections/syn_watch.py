"""Decides when the SYN proxy is on.

For a profile with AUTO, SYNs are counted per protected address, and for all addresses together,
because a flood may be spread over them.
"""

from __future__ import annotations

from typing import NamedTuple

from dataplane.model.packet import Packet
from dataplane.model.state import Destination, Lcore, Time
from dataplane.model.traffic import count
from dataplane.native.abi import (
    COOKIE_SLOT_S,
    SYN_PROXY_HOLD_DS,
    SYN_UNANSWERED_MIN,
    SynProxy,
    TrafficKind,
)

WINDOW_DS = 10


def is_on(lcore: Lcore, packet: Packet, now: Time, *, is_syn: bool) -> bool:
    """Whether new connections to a packet's destination use the SYN proxy.

    ``is_syn``: the packet is another SYN, which may switch it on.
    """
    profile = lcore.node.profiles[packet.profile]
    if not lcore.proxies or lcore.cookie_slot == 0 or profile.syn_proxy is SynProxy.OFF:
        return False
    if profile.syn_proxy is SynProxy.ALWAYS:
        return True
    one, all_ = _watched(lcore, packet, now, makes=is_syn)
    of_one = Threshold(profile.syn_rate, SYN_UNANSWERED_MIN)
    of_all = Threshold(None, max(profile.syn_rate, SYN_UNANSWERED_MIN))
    is_all = _is_attacked(all_, of_all, now, is_syn=is_syn)
    return (one is not None and _is_attacked(one, of_one, now, is_syn=is_syn)) or is_all


class Threshold(NamedTuple):
    """The numbers of SYNs that switch the proxy on."""

    at_once: int | None
    """Within the present second; None: any number."""
    unanswered: int
    """At the end of the second, if most of them were not completed."""


def _is_attacked(destination: Destination, most: Threshold, now: Time, *, is_syn: bool) -> bool:
    """Count a SYN, and evaluate the former second when it is over.

    The proxy stays on until the rate has been below half of the threshold for a while.
    """
    passed, attacked = now.boot_ds - destination.window_ds, False
    was_on = destination.on_until_ds > now.boot_ds
    if passed >= WINDOW_DS:
        attacked = passed < 2 * WINDOW_DS and _was_attacked(destination, most, is_on=was_on)
        destination.window_ds = now.boot_ds
        destination.syns = destination.completed = 0
    destination.syns += is_syn
    if not attacked and (most.at_once is None or destination.syns <= most.at_once):
        return was_on
    destination.on_until_ds = now.boot_ds + SYN_PROXY_HOLD_DS
    return True


def _was_attacked(destination: Destination, most: Threshold, *, is_on: bool) -> bool:
    syns = destination.syns
    many = syns >= most.unanswered or (is_on and 2 * syns > most.unanswered)
    if many and 2 * destination.completed < syns:
        return True
    return is_on and most.at_once is not None and syns > most.at_once // 2


def count_completed(lcore: Lcore, packet: Packet, now: Time) -> None:
    """A client of a packet's destination has completed a handshake."""
    count(lcore, packet, TrafficKind.CONNECTION)
    if lcore.proxies and lcore.node.profiles[packet.profile].syn_proxy is SynProxy.AUTO:
        for destination in _watched(lcore, packet, now, makes=False):
            if destination is not None:
                destination.completed += 1


def _watched(
    lcore: Lcore, packet: Packet, now: Time, *, makes: bool
) -> tuple[Destination | None, Destination]:
    """The counters of a protected address, if it has got a SYN, and of its whole profile.

    C has room for some addresses; those with the fewest SYNs are replaced.
    """
    address = packet.protected or b""
    if makes:
        lcore.destinations.setdefault(address, Destination(now.boot_ds))
    all_ = lcore.profiles.setdefault(packet.profile, Destination(0))
    return lcore.destinations.get(address), all_


def was_on(lcore: Lcore, now: Time) -> bool:
    """Whether a client may still return a cookie although the proxy is off now."""
    last = lcore.answered_ds
    return lcore.proxies and last is not None and now.boot_ds - last < 2 * COOKIE_SLOT_S * 10
