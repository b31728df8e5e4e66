"""The sample packets of an attack as a capture file for Wireshark and tshark."""

from __future__ import annotations

from collections.abc import Sequence

from api.common.attacks import Document
from api.storage.database import AnyRow
from dataplane.base.version import version
from dataplane.pcap import AnnotatedCapture

MEDIA = "application/x-pcapng"
PORTS = ("outside", "inside")
"""Names of the file's interfaces."""
_VERBS = {"enforce": "dropped", "monitor": "would be dropped"}


def to_pcapng(attack: Document, packets: Sequence[AnyRow]) -> bytes:
    """The file. A packet's comment has the reason of its drop, the file's comment names
    the attack."""
    about = f"{attack['id']}: {attack['type']} on {attack['target']}, {len(packets)} packets"
    file = AnnotatedCapture(PORTS, comment=about, application=f"SecBeat {version()}")
    for packet in packets:
        comment = f"{_VERBS[packet.mode]}: {packet.reason}"
        file.add(packet.at_ns, packet.data, packet.length, port=packet.port, comment=comment)
    return file.content()
