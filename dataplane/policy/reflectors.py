"""UDP services that are used as amplifiers, and from which size on their answers are suspicious.

Ports and amplification factors: US-CERT alert TA14-017A, "UDP-Based Amplification Attacks"
(revision of 2019-12-18). Sizes are of the UDP datagram with its header of 8 bytes, chosen so that
what an honest client gets passes: NTP's answers to clients have 48 bytes of payload and up to 68
with an authenticator (RFC 5905, section 7.3), DNS answers keep below 1,232 bytes (the EDNS buffer
size that resolvers agreed on in 2020). Where no server on the internet has reason to answer a
protected host, any size is refused.
"""

from __future__ import annotations

REFLECTORS: dict[int, int] = {
    17: 8,  # quote of the day (RFC 865)
    19: 8,  # character generator (RFC 864)
    53: 1241,  # DNS
    69: 1024,  # TFTP
    111: 8,  # portmapper
    123: 120,  # NTP: monlist and other control answers
    137: 8,  # NetBIOS name service
    161: 8,  # SNMP
    389: 8,  # CLDAP
    427: 8,  # service location protocol (RFC 2608)
    520: 8,  # RIP (RFC 2453)
    1434: 8,  # SQL Server resolution
    1900: 8,  # SSDP
    3283: 8,  # Apple Remote Desktop
    3702: 8,  # WS-Discovery
    5093: 8,  # Sentinel licence server
    5353: 8,  # multicast DNS answered by unicast (RFC 6762)
    5683: 8,  # CoAP (RFC 7252)
    11211: 8,  # memcached
    27015: 1400,  # Steam server queries
    27960: 8,  # Quake's network protocol
}
"""Smallest suspicious datagram, in bytes, by port."""
