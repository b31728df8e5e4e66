"""`bench.packets.worker` with full lists: ``python -m bench.packets.worker_child 4|6``.

A process of its own because EAL starts once per process. Readers of the lists are not announced:
nobody writes to them meanwhile.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from bench.packets import traffic
from bench.packets.worker import WorkerBench
from dataplane.pcap import create_capture

PACKETS = 512
"""Descriptors of a receive queue of the product; every one has a source of its own."""
SECONDS = 2.0


def main(version: int) -> None:
    """Circle packets of one family through a worker."""
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
