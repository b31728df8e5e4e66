"""`bench.packets.worker` with full lists: ``python -m bench.packets.worker_child 4|6``.

Runs in its own process, because EAL starts only once per process. The lists have no registered
readers, because nothing changes them meanwhile.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.packets.inputs import traffic
from bench.packets.worker import WorkerBench
from dataplane.pcap import create_capture

PACKETS = 512
"""Descriptors of the product's receive queue; each packet has a different source."""
SECONDS = 2.0


def main(version: int) -> None:
    """Forward packets of one family in a cycle through a worker."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as directory:
        capture = Path(directory) / "frames.pcap"
        layout = traffic.layout(version)
        with create_capture(capture) as writer:
            for number, address in enumerate(traffic.sources(rng, version, PACKETS)):
                writer.write(number, traffic.frame_from(layout, address))
        source = f"net_pcap0,rx_pcap={capture}"
        with WorkerBench([source]) as bench, traffic.full_lists(bench.library, version) as lists:
            figures = bench.circle(source, SECONDS, lists.address)
    print(json.dumps({**asdict(figures), "sources": PACKETS}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
