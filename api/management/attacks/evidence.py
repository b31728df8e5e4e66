"""The packets of an attack as a capture file that Wireshark and tshark open."""

from __future__ import annotations

from collections.abc import Sequence

from api.common.attacks import Document
from api.storage.database import AnyRow
from dataplane.base.version import version
from dataplane.pcap import AnnotatedCapture

MEDIA = "application/x-pcapng"
PORTS = ("outside", "inside")
"""The interfaces of the file."""
_VERBS = {"enforce": "dropped", "monitor": "would be dropped"}


def to_pcapng(attack: Document, packets: Sequence[AnyRow]) -> bytes:
    """The file; why a packet was dropped stands in its comment, the attack in the file's."""
    about = f"{attack['id']}: {attack['type']} on {attack['target']}, {len(packets)} packets"
    file = AnnotatedCapture(PORTS, comment=about, application=f"SecBeat {version()}")
    for packet in packets:
        comment = f"{_VERBS[packet.mode]}: {packet.reason}"
        file.add(packet.at_ns, packet.data, packet.length, port=packet.port, comment=comment)
    return file.content()
