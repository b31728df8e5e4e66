"""Forward: the remaining packets leave through the other port.

A full transmit queue (TX_FULL) is detected later, when the packets are transmitted.
"""

from __future__ import annotations

from dataplane.model.packet import Packet
from dataplane.model.state import Lcore, Time
from dataplane.native.abi import Verdict


def forward(_lcore: Lcore, packet: Packet, _now: Time) -> bool:
    """Let the packet pass."""
    packet.verdict = Verdict.PASS
    return True
