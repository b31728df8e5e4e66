"""ICMP errors of routers that report packets of an open connection as too large.

Without these errors a connection hangs (RFC 2979, section 3.1.1; RFC 4890, section 4.3.1), whatever
router sends them. A sender that quotes a sequence number in flight has seen the connection (RFC
5927, section 4.1). So the stages country, filter and limits do not judge these errors; the stage
lists has judged them before.
"""

from __future__ import annotations

from dataplane.model.packet import ICMP, ICMPV6, Packet
from dataplane.model.stages.connections.source_limit import forget
from dataplane.model.stages.connections.tcp_state import MODULUS, is_after
from dataplane.model.stages.connections.translation import quoted_segment
from dataplane.model.state import Flow, Lcore, Time
from dataplane.model.verdict import is_judged
from dataplane.native.abi import PATH_MTU_PER_S, PacketFlag, Port

FRAGMENTATION_NEEDED = bytes([3, 4])
"""Type and code: RFC 1191, section 4."""
PACKET_TOO_BIG = 2
"""RFC 4443, section 3.2."""
SECOND_NS = 10**9
COST_NS = SECOND_NS // PATH_MTU_PER_S


def exempt(lcore: Lcore, packet: Packet, now: Time) -> None:
    """Mark the packet so that the stages about the client do not judge it, within the budget."""
    if not lcore.tracks or not is_judged(packet) or not _is_too_big(packet):
        return
    quote = quoted_segment(packet)
    flow = None if quote is None else lcore.flows.get(quote.key)
    if quote is None or flow is None:
        return
    if flow.deadline_ds <= now.boot_ds:
        forget(lcore, quote.key)
        return
    at = quote.tcp_offset + 4
    if _is_in_flight(flow, int.from_bytes(packet.data[at : at + 4], "big")) and _pay(lcore, now):
        packet.flags |= PacketFlag.PATH_MTU


def _is_too_big(packet: Packet) -> bool:
    if packet.l4_offset == 0 or PacketFlag.FRAGMENT in packet.flags:
        return False
    message = packet.data[packet.l4_offset : packet.l4_offset + 2]
    if packet.protocol == ICMPV6:
        return message[0] == PACKET_TOO_BIG
    return packet.protocol == ICMP and message == FRAGMENTATION_NEEDED


def _is_in_flight(flow: Flow, sequence: int) -> bool:
    """Whether the host has sent it and the client may not have acknowledged it, according to the
    windows.

    Only for a connection with a proven client and known sequence numbers.
    """
    if not flow.is_proven or flow.is_liberal or flow.opening is not None or flow.is_ended:
        return False
    if flow.is_translated:
        sequence = (sequence - flow.sequence_delta) % MODULUS
    host, client = flow.side[Port.INSIDE], flow.side[Port.OUTSIDE]
    first = (host.limit - client.window) % MODULUS
    return not is_after(first, sequence) and is_after(host.end, sequence)


def _pay(lcore: Lcore, now: Time) -> bool:
    """Pay from a bucket for the whole node, which holds the amount of one second."""
    node = lcore.node
    debt = max(node.path_mtu_full_at_ns - now.ns, 0)
    if debt + COST_NS > SECOND_NS:
        return False
    node.path_mtu_full_at_ns = now.ns + debt + COST_NS
    return True
