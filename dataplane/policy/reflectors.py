"""UDP services that are used as amplifiers, and their answers that are refused.

Ports and amplification factors: US-CERT alert TA14-017A, "UDP-Based Amplification Attacks"
(revision of 2019-12-18). Sizes are of the UDP datagram with its header of 8 bytes, chosen so that
the answers that an honest client gets pass; the comments state the longest of these answers. If no
server on the internet has a reason to answer a protected host, any size is refused. docs/policy.md
describes the same for operators, with advice for hosts that do have a reason.
"""

from __future__ import annotations

from typing import NamedTuple

NTP_PORT = 123


class Reflected(NamedTuple):
    """The datagrams from a port that are refused."""

    size_min: int = 8
    """Minimum size in bytes; 8: all datagrams."""
    ntp_modes: frozenset[int] = frozenset()
    """Only NTP datagrams of these modes; empty: any content."""


_ANY = Reflected()

REFLECTORS: dict[int, Reflected] = {
    # Quote of the day and character generator, RFC 865 and 864: for tests within a network.
    17: _ANY,
    19: _ANY,
    # DNS. Answers that need no fragments pass: RFC 9715 asks servers and resolvers to avoid
    # fragments. Resolvers whose larger answers fail fall back to 1,280 to 1,410 bytes (RFC 6891,
    # 6.2.5), to 1,432 (BIND) or 1,472 (Unbound), the most that 1,500 bytes of IPv4 hold, and then
    # to TCP (RFC 7766). Amplifiers send answers of 4,096 bytes.
    53: Reflected(1472 + 8 + 1),
    # TFTP. A server answers from a port that it chooses (RFC 1350, 4), a block has 512 bytes
    # unless another size was agreed on (RFC 2348).
    69: Reflected(1024),
    # Portmapper, RFC 1833: used within a network.
    111: _ANY,
    # NTP. By mode (RFC 5905, 7.3), not by size: monlist is of mode 7, control messages of mode 6
    # (RFC 9327). Time itself, of mode 4, is as long as its extension fields: with NTS (RFC 8915,
    # 5.7) some hundred bytes, and never longer than the question.
    NTP_PORT: Reflected(ntp_modes=frozenset({6, 7})),
    # NetBIOS name service, RFC 1002: used within a network.
    137: _ANY,
    # SNMP, RFC 3417, 3: agents answer managers, which are in the same network or behind a tunnel.
    161: _ANY,
    # CLDAP, MS-ADTS 6.3.3: domain controllers answer members of their domain.
    389: _ANY,
    # Service location protocol, RFC 2608, 1.1: within one administration, not the internet.
    427: _ANY,
    # RIP, RFC 2453: routers of one link.
    520: _ANY,
    # SQL Server resolution, MC-SQLR 2.1: clients are told where a database listens.
    1434: _ANY,
    # SSDP, UPnP Device Architecture 2.0, 1.3.3: of one link.
    1900: _ANY,
    # Apple Remote Desktop.
    3283: _ANY,
    # WS-Discovery 1.1, ad hoc mode: of one link.
    3702: _ANY,
    # Sentinel licence server.
    5093: _ANY,
    # Multicast DNS answered by unicast: RFC 6762, 11: not from outside of the link.
    5353: _ANY,
    # CoAP. Answers have up to 1,152 bytes (RFC 7252, 4.6), also those of amplifiers: no size
    # distinguishes them.
    5683: _ANY,
    # memcached: its clients are within a network.
    11211: _ANY,
    # Steam server queries: a packet is 1,400 bytes and headers, what is longer comes in several
    # (Valve Developer Community, "Server queries").
    27015: Reflected(1400 + 8 + 1),
    # Quake's network protocol.
    27960: _ANY,
}
"""Reflected protocols by port."""
