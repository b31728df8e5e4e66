"""SYN cookies: RFC 4987, section 3.6.

The initial sequence number of an answer is 28 bits of SipHash over both addresses and ports, the
client's own number, the time slot and the index of its MSS, then a bit of the slot and that index.
A cookie is valid in its slot and the next. The other options that the client has offered are
encoded in the low bits of the timestamp of the answer (RFC 7323), which the client echoes.
"""

from __future__ import annotations

from dataplane.model.packet import Packet
from dataplane.model.siphash import siphash_2_4
from dataplane.model.state import Node
from dataplane.native.abi import COOKIE_EPOCH

MSS = (536, 1220, 1300, 1360, 1400, 1440, 1460, 8940)
MSS_DEFAULT = 536
"""RFC 9293, section 3.7.1."""
TIME_MASK = (1 << 10) - 1
NO_SCALE = 15


def mss_index(mss: int) -> int:
    """Index of the largest MSS that does not exceed the client's; 0: even the smallest may exceed
    it."""
    return max((i for i, known in enumerate(MSS) if known <= mss), default=0)


def cookie(node: Node, packet: Packet, isn: int, slot: int, index: int) -> int:
    """The cookie for a packet from a client whose initial sequence number is ``isn``."""
    ports = packet.data[packet.l4_offset : packet.l4_offset + 4]
    message = (packet.client or b"") + (packet.protected or b"") + ports + isn.to_bytes(4, "big")
    message += slot.to_bytes(4, "little") + index.to_bytes(4, "little")
    value = siphash_2_4(node.cookie_keys[slot // COOKIE_EPOCH % 2], message) & 0xFFFF_FFF0
    return value | (slot & 1) << 3 | index


def accepted(node: Node, slot: int, packet: Packet, isn: int, value: int) -> int | None:
    """Index of the MSS if the cookie is valid: made with these secrets in this slot or the one
    before."""
    index = value & 7
    if slot & 1 != value >> 3 & 1:
        slot -= 1
    return index if cookie(node, packet, isn, slot, index) == value else None


def time_of(boot_ds: int, scale: int | None, announced: int, *, may_sack: bool) -> int:
    """The timestamp of an answer."""
    bits = (NO_SCALE if scale is None else scale) | may_sack << 4 | announced << 5
    return (boot_ds * 100 & ~TIME_MASK | bits) & 0xFFFF_FFFF


def time_read(time: int) -> tuple[int | None, int, bool]:
    """Decode: the client's window scale, the announced one, and whether SACK is permitted."""
    scale = time & 15
    return None if scale == NO_SCALE else scale, time >> 5 & 15, bool(time >> 4 & 1)
