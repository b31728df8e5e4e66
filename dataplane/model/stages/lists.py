"""Lists: judges packets from outside by the allowlist and the blacklist.

The verdict on a client follows from all live entries that contain its address: allowed if any of
them allows, else banned if any bans.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from dataplane.model.packet import Packet
from dataplane.model.state import Lcore, Time
from dataplane.model.verdict import mode_of, reject
from dataplane.native.abi import ListKind, Mode, PacketFlag, Port, Reason


def lists(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Drop packets of a banned client, and mark those of an allowed one.

    Every fragment is judged, since only the address matters. An entry that decides counts a hit,
    except a ban while the blacklist is off.
    """
    tables, client = lcore.node.lists, _client(packet)
    if tables is None or client is None or packet.port is not Port.OUTSIDE:
        return True
    entry = tables.decide(client, now.boot_ds)
    if entry is None:
        return True
    if entry.kind is ListKind.ALLOWLIST:
        entry.hits += 1
        packet.flags |= PacketFlag.ALLOWED
        return True
    if mode_of(lcore, packet, Reason.BLACKLIST) is not Mode.OFF:
        entry.hits += 1
    return not reject(lcore, packet, Reason.BLACKLIST)


def _client(packet: Packet) -> IPv4Address | IPv6Address | None:
    """The outside address; an IPv6 address that maps IPv4 becomes IPv4 (RFC 4291, 2.5.5.2)."""
    if packet.client is None:
        return None
    client = ip_address(packet.client)
    return (client.ipv4_mapped or client) if isinstance(client, IPv6Address) else client
