"""Selects the connections for HTTP inspection: those to the listed ports of a profile that has any.

Twin of ``inspected.c``, for a node whose policy does not change.
"""

from __future__ import annotations

from dataplane.model.packet import Packet, end_of_ip, number
from dataplane.model.stages.connections.tcp_state import MODULUS
from dataplane.model.stages.http.connection import Connection, State
from dataplane.model.stages.http.framing.request import Request
from dataplane.model.stages.http.rules import faults_of, is_hit, values_of
from dataplane.model.stages.http.stream import Profile, Stream
from dataplane.model.state import Flow, Lcore, Time
from dataplane.native.abi import Port

UNTRACKED, STRANGER = "found no place", "is of nobody that is known"


def inspect(lcore: Lcore, packet: Packet, flow: Flow | None, now: Time) -> None:
    """Decide whether the connection of a TCP packet that goes on is inspected."""
    wanted = _is_wanted(lcore, packet)
    if flow is not None:
        is_of_client = flow.opener is Port.OUTSIDE or flow.is_liberal
        if wanted and is_of_client and flow.is_proven and flow.http is None:
            _begin(lcore, packet, flow, now)
        packet.http = flow.http
        if flow.http is not None or not is_of_client:
            return
    if wanted and packet.port is Port.OUTSIDE and end_of_ip(packet) > packet.payload_offset:
        packet.http = UNTRACKED if flow is None else STRANGER


def _is_wanted(lcore: Lcore, packet: Packet) -> bool:
    at = packet.l4_offset + (2 if packet.port is Port.OUTSIDE else 0)
    return number(packet.data, at) in lcore.node.profiles[packet.profile].http.ports


def _begin(lcore: Lcore, packet: Packet, flow: Flow, now: Time) -> None:
    host = (flow.side[Port.INSIDE].end + flow.sequence_delta) % MODULUS
    stream = Stream(_profile(lcore, packet))
    record = Connection(flow, stream, flow.client_first, host, host, host)
    flow.http = record
    if flow.is_liberal:
        is_learning = lcore.node.learning_until_ds > now.boot_ds
        record.state, record.since_ds = State.EARLIER, now.boot_ds
        record.is_closed = not is_learning


def _profile(lcore: Lcore, packet: Packet) -> Profile:
    """The profile that judges a stream, with the rules of the node."""
    profile, rules = lcore.node.profiles[packet.profile], lcore.node.rules

    def scan(request: Request, head: bytes, is_head: bool) -> tuple[set[str], bool]:
        values = values_of(request, head, is_head=is_head)
        return faults_of(values), is_hit(rules, values)

    return Profile(profile.mode, scan, profile.http.body_limit, profile.http.pass_other)
