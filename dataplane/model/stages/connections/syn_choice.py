"""Which SYNs the SYN proxy answers, which it lets through, what it learns of protected hosts."""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum, auto
from ipaddress import ip_address

from dataplane.model.packet import Packet, number
from dataplane.model.stages.connections.syn_cookie import MSS_DEFAULT
from dataplane.model.state import Allowance, HostOptions, Lcore, Time
from dataplane.model.tcp_frame import IpFields, Options, ip_fields, read_options
from dataplane.native.abi import Port

PASSED_MAX, ASKED_MAX, ALLOWANCE_DS = 10, 1, 10
ASK_EVERY_DS, ASK_AGAIN_DS = 10, 300
LIFETIME_DEFAULT, LIFETIME_MAX = 64, 255
IPV4 = 4


class Choice(Enum):
    """What becomes of a client's SYN."""

    ANSWER = auto()
    PASS = auto()
    """To the protected host: to see what it can, or as nobody else can answer."""
    REFUSE = auto()
    """Nobody else can, and too many such have passed."""


def may_answer(packet: Packet) -> bool:
    """Whether a SYN is from one host to one host.

    To others a host does not answer either (RFC 1122, section 4.2.3.10; 3.3.6 of frames to a
    group), and no answer comes from a group (RFC 1112, section 7.2).
    """
    if (packet.data[0] | packet.data[6]) & 1:
        return False
    return all(_is_of_one_host(address or b"") for address in (packet.client, packet.protected))


def _is_of_one_host(address: bytes) -> bool:
    """Neither unspecified, loopback, multicast nor the limited broadcast."""
    ip = ip_address(address)
    if ip.version == IPV4:
        return address[0] not in {0, 127} and not ip.is_multicast and address != bytes([255] * 4)
    return not (ip.is_unspecified or ip.is_loopback or ip.is_multicast)


def choose(lcore: Lcore, packet: Packet, now: Time) -> Choice:
    """Of a SYN where the proxy is on.

    Nobody else can sign for the host, and a cookie has no room for an MSS below the default.
    """
    options = read_options(packet)
    if options.is_signed or 0 < options.mss < MSS_DEFAULT:
        passes = _may_pass(lcore.unanswerable, packet.protected, now, PASSED_MAX)
        return Choice.PASS if passes else Choice.REFUSE
    asks = options.times is not None and options.scale is not None and options.may_sack
    return Choice.PASS if asks and _must_ask(lcore, packet, now) else Choice.ANSWER


def _must_ask(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Whether a SYN that asks for everything is to go to the host, to see what that can.

    A port that has answered before is asked by itself: one that never has can't take its turn.
    """
    host = lcore.hosts.get(host_of(packet))
    if host is None:
        return _may_pass(lcore.asked, host_of(packet), now, ASKED_MAX)
    has_all = host.has_times and host.scale is not None and host.may_sack
    if has_all or host.ask_ds > now.boot_ds:
        return False
    host.ask_ds = now.boot_ds + (ASK_EVERY_DS if host.has_times is None else ASK_AGAIN_DS)
    return True


def _may_pass(allowances: dict[Hashable, Allowance], key: Hashable, now: Time, most: int) -> bool:
    """In C some share one; here each has its own."""
    allowance = allowances.setdefault(key, Allowance(now.boot_ds))
    if now.boot_ds - allowance.window_ds >= ALLOWANCE_DS:
        allowance.window_ds, allowance.passed = now.boot_ds, 0
    if allowance.passed >= most:
        return False
    allowance.passed += 1
    return True


def speak_as(host: HostOptions | None, client: Packet) -> IpFields:
    """What the IP header of a packet in the name of a protected host says.

    What that says itself, as far as is known. Else a client that may look whether anybody has
    forwarded it (RFC 5082) gets what it sends.
    """
    if host is not None:
        return host.ip
    is_checking = ip_fields(client).lifetime == LIFETIME_MAX
    return IpFields(LIFETIME_MAX if is_checking else LIFETIME_DEFAULT, 0)


def learn(lcore: Lcore, packet: Packet, offered: Options, now: Time) -> None:
    """Remember what a protected host has answered a SYN with that offered so much."""
    options = read_options(packet)
    unknown = HostOptions(MSS_DEFAULT, ip_fields(packet), now.boot_ds)
    host = lcore.hosts.setdefault(host_of(packet), unknown)
    host.mss, host.ip = max(options.mss, MSS_DEFAULT), ip_fields(packet)
    if offered.scale is not None:
        host.scale = options.scale
    if offered.times is not None:
        host.has_times = options.times is not None
        host.ask_ds = now.boot_ds + ASK_AGAIN_DS
    if offered.may_sack:
        host.may_sack = options.may_sack


def host_of(packet: Packet) -> Hashable:
    """The protected address and port of a TCP packet."""
    at = packet.l4_offset + (2 if packet.port is Port.OUTSIDE else 0)
    return packet.protected, number(packet.data, at)
