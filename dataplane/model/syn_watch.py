"""When the SYN proxy is on: of a profile with AUTO each protected address is counted by itself."""

from __future__ import annotations

from dataclasses import dataclass

from dataplane.abi import COOKIE_SLOT_S, SYN_PROXY_HOLD_DS, SYN_UNANSWERED_MIN, SynProxy
from dataplane.model.node import Lcore, Time
from dataplane.model.packet import Packet

WINDOW_DS = 10


@dataclass
class Destination:
    """How a protected address is sent SYNs, in the second that runs."""

    window_ds: int
    """When that began."""
    syns: int = 0
    completed: int = 0
    on_until_ds: int = 0


def is_on(lcore: Lcore, packet: Packet, now: Time, *, is_syn: bool) -> bool:
    """Whether new connections to a packet's destination go through it.

    ``is_syn``: the packet is one more SYN, which may switch it on.
    """
    profile = lcore.node.profiles[packet.profile]
    if not lcore.proxies or lcore.node.cookie_slot == 0 or profile.syn_proxy is SynProxy.OFF:
        return False
    if profile.syn_proxy is SynProxy.ALWAYS:
        return True
    return _is_attacked(_destination(lcore, packet, now), profile.syn_rate, now, is_syn=is_syn)


def _is_attacked(destination: Destination, rate: int, now: Time, *, is_syn: bool) -> bool:
    """More SYNs in the second that runs than the rate: at once.

    At its end: many, and most of them never completed. It stays on until both have been less, the
    rate less than half, for a while.
    """
    passed, attacked = now.boot_ds - destination.window_ds, False
    was_attacked = destination.on_until_ds > now.boot_ds
    if passed >= WINDOW_DS:
        many = destination.syns >= SYN_UNANSWERED_MIN
        unanswered = many and 2 * destination.completed < destination.syns
        goes_on = was_attacked and 2 * destination.syns > rate
        attacked = passed < 2 * WINDOW_DS and (unanswered or goes_on)
        destination.window_ds = now.boot_ds
        destination.syns = destination.completed = 0
    destination.syns += is_syn
    if not attacked and destination.syns <= rate:
        return was_attacked
    destination.on_until_ds = now.boot_ds + SYN_PROXY_HOLD_DS
    return True


def count_completed(lcore: Lcore, packet: Packet, now: Time) -> None:
    """A client of a packet's destination has completed a handshake."""
    is_auto = lcore.node.profiles[packet.profile].syn_proxy is SynProxy.AUTO
    if lcore.proxies and is_auto:
        _destination(lcore, packet, now).completed += 1


def _destination(lcore: Lcore, packet: Packet, now: Time) -> Destination:
    return lcore.destinations.setdefault(packet.protected or b"", Destination(now.boot_ds))


def was_on(lcore: Lcore, now: Time) -> bool:
    """Whether somebody may come back with a cookie, though it is off by now."""
    last = lcore.answered_ds
    return lcore.proxies and last is not None and now.boot_ds - last < 2 * COOKIE_SLOT_S * 10
