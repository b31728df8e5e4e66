"""The limit of connections per source.

Only proven connections count, so that nobody can use up another source's limit with forged packets.
At a SYN, connections that are being opened do not count; one too many is reset when it is proven.
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
    """An IPv4 address or an IPv6 /64, as for limits; each profile counts separately."""
    bits = 32 if packet.ip_version == 4 else 64
    network = ip_network((ip_address(packet.client or b""), bits), strict=False)
    return packet.profile, network


def is_refused(lcore: Lcore, packet: Packet) -> bool:
    """Drop a packet whose source has as many connections as the profile allows."""
    if PacketFlag.NEIGHBOR in packet.flags:
        return False
    most = lcore.node.profiles[packet.profile].connections_max
    is_full = most > 0 and lcore.proven_of[source_of(packet)] >= most
    return is_full and reject(lcore, packet, Reason.CONNECTIONS_SOURCE)


def is_one_too_many(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time) -> bool:
    """The same as `is_refused`, for a connection that this segment proves; both sides get a reset.

    Not for connections of protected hosts, nor for those picked up after a start.
    """
    is_learnt = flow.is_liberal and lcore.node.learning_until_ds > now.boot_ds
    if flow.opener is Port.INSIDE or is_learnt or not is_refused(lcore, packet):
        return False
    # The sequence numbers that each side expects: RFC 9293, section 3.5.2.
    header = Header(segment.sequence, RST, ip_fields(packet))
    originate(lcore, Origin.RESET, packet, header, back=False)
    if segment.flags & ACK:
        reset_sender(lcore, packet, segment)
    flow.state = FlowState.RESET
    return True


def reset_sender(lcore: Lcore, packet: Packet, segment: Segment) -> None:
    """Send a reset to the sender of a segment: there is no connection."""
    header = Header(segment.acknowledgment, RST, speak_as(None, packet))
    originate(lcore, Origin.RESET, packet, header, back=True)


def forget(lcore: Lcore, key: Hashable) -> None:
    """Process the end of a connection."""
    flow = lcore.flows.pop(key)
    release_source(lcore, flow)
    if flow.http is not None:
        flow.http.is_over = True


def release_source(lcore: Lcore, flow: Flow) -> None:
    """Stop counting a connection for its source."""
    if flow.source is not None:
        lcore.proven_of[flow.source] -= 1
        flow.source = None
