"""Decides which SYNs the SYN proxy answers and which pass, and learns from protected hosts'
answers."""

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
    """The decision about a client's SYN."""

    ANSWER = auto()
    PASS = auto()
    """Pass it to the protected host: to learn its options, or because the node can't answer."""
    REFUSE = auto()
    """The node can't answer, and too many such SYNs have passed."""


def may_answer(packet: Packet) -> bool:
    """Whether a SYN is from one host to one host.

    A host does not answer others either (RFC 1122, section 4.2.3.10; section 3.3.6 for frames to a
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
    """Decide about a SYN while the proxy is on.

    The node can't sign for the host (TCP-MD5, TCP-AO), and a cookie has no room for an MSS below
    the default.
    """
    options = read_options(packet)
    if options.is_signed or 0 < options.mss < MSS_DEFAULT:
        passes = _may_pass(lcore.unanswerable, packet.protected, now, PASSED_MAX)
        return Choice.PASS if passes else Choice.REFUSE
    asks = options.times is not None and options.scale is not None and options.may_sack
    return Choice.PASS if asks and _must_ask(lcore, packet, now) else Choice.ANSWER


def _must_ask(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Whether a SYN with all options passes to the host, so that the node learns the host's
    options.

    A port that has answered before has its own turn: ports that never answer can't use it up.
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
    """In C several hosts share one allowance; here each has its own."""
    allowance = allowances.setdefault(key, Allowance(now.boot_ds))
    if now.boot_ds - allowance.window_ds >= ALLOWANCE_DS:
        allowance.window_ds, allowance.passed = now.boot_ds, 0
    if allowance.passed >= most:
        return False
    allowance.passed += 1
    return True


def speak_as(host: HostOptions | None, client: Packet) -> IpFields:
    """The values of the IP header of a packet in the name of a protected host.

    They are those of the host's own packets, if known. Else a client that checks whether a packet
    was forwarded (RFC 5082) gets the values of its own packets.
    """
    if host is not None:
        return host.ip
    is_checking = ip_fields(client).lifetime == LIFETIME_MAX
    return IpFields(LIFETIME_MAX if is_checking else LIFETIME_DEFAULT, 0)


def learn(lcore: Lcore, packet: Packet, offered: Options, now: Time) -> None:
    """Remember the host's answer to a SYN with these offered options."""
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
