"""How many connections a source may have.

Counted are proven ones, so that nobody uses up another's by forging his address. So many may be
under way when the count is asked at a SYN; one too many is reset when it is proven.
"""

from __future__ import annotations

from collections.abc import Hashable
from ipaddress import ip_address, ip_network

from dataplane.model.packet import ACK, RST, Packet
from dataplane.model.stages.connections.syn_choice import speak_as
from dataplane.model.stages.connections.tcp_state import Segment
from dataplane.model.state import Flow, Lcore, Time
from dataplane.model.tcp_frame import Header, ip_fields
from dataplane.model.verdict import originate, reject
from dataplane.native.abi import FlowState, Origin, PacketFlag, Port, Reason


def source_of(packet: Packet) -> Hashable:
    """An IPv4 address or an IPv6 /64, as for limits; profiles count apart."""
    bits = 32 if packet.ip_version == 4 else 64
    network = ip_network((ip_address(packet.client or b""), bits), strict=False)
    return packet.profile, network


def is_refused(lcore: Lcore, packet: Packet) -> bool:
    """Dropped for having as many connections as the profile allows."""
    if PacketFlag.NEIGHBOR in packet.flags:
        return False
    most = lcore.node.profiles[packet.profile].connections_max
    is_full = most > 0 and lcore.proven_of[source_of(packet)] >= most
    return is_full and reject(lcore, packet, Reason.CONNECTIONS_SOURCE)


def is_one_too_many(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time) -> bool:
    """The same of a connection that this segment proves; both sides are told.

    Not of what protected hosts open, nor of what is picked up after a start.
    """
    is_learnt = flow.is_liberal and lcore.node.learning_until_ds > now.boot_ds
    if flow.opener is Port.INSIDE or is_learnt or not is_refused(lcore, packet):
        return False
    # The numbers that each side expects: RFC 9293, section 3.5.2.
    header = Header(segment.sequence, RST, ip_fields(packet))
    originate(lcore, Origin.RESET, packet, header, back=False)
    if segment.flags & ACK:
        reset_sender(lcore, packet, segment)
    flow.state = FlowState.RESET
    return True


def reset_sender(lcore: Lcore, packet: Packet, segment: Segment) -> None:
    """Tell who has sent a segment that there is no connection."""
    header = Header(segment.acknowledgment, RST, speak_as(None, packet))
    originate(lcore, Origin.RESET, packet, header, back=True)


def forget(lcore: Lcore, key: Hashable) -> None:
    """A connection is over."""
    flow = lcore.flows.pop(key)
    release_source(lcore, flow)
    if flow.http is not None:
        flow.http.is_over = True


def release_source(lcore: Lcore, flow: Flow) -> None:
    """It counts for its source no longer."""
    if flow.source is not None:
        lcore.proven_of[flow.source] -= 1
        flow.source = None
