"""Reads and writes capture files: pcap and pcapng. Packets of other link types become Ethernet
frames.

DPDK's pcap driver gives packets the present time and takes a packet cut by snaplen for a short one,
so replay needs its own reader. It streams: the memory is bounded by the named limits for any file.
"""

from dataplane.pcap.annotated import AnnotatedCapture
from dataplane.pcap.common import (
    BLOCK_BYTES_MAX,
    CAPTURED_BYTES_MAX,
    CHUNK_BYTES,
    COLUMNS,
    INTERFACES_MAX,
    Batch,
    CapturedPacket,
    CaptureError,
)
from dataplane.pcap.reader import read_batches, read_packets
from dataplane.pcap.writer import CaptureWriter, create_capture

__all__ = [
    "BLOCK_BYTES_MAX",
    "CAPTURED_BYTES_MAX",
    "CHUNK_BYTES",
    "COLUMNS",
    "INTERFACES_MAX",
    "AnnotatedCapture",
    "Batch",
    "CaptureError",
    "CaptureWriter",
    "CapturedPacket",
    "create_capture",
    "read_batches",
    "read_packets",
]
