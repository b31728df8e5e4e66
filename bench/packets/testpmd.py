"""The baseline: DPDK's testpmd, which forwards without parsing (``io``), on the same
kind of port."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from typing import IO

SECONDS = 5
_RATE = re.compile(r"Rx-pps:\s+(\d+)")
_COMMAND = (
    "dpdk-testpmd -l 0,1 --main-lcore 0 --no-huge -m 128 --no-pci --no-telemetry "
    "--file-prefix secbeat-bench --vdev {vdev} -- --portmask=1 --port-topology=loop "
    "--forward-mode=io --nb-cores=1 --total-num-mbufs=4096 --tx-first --stats-period=1"
)


def packets_per_second(vdev: str) -> float | None:
    """Packets per second of one lcore that receives and transmits, in the best second; None:
    testpmd is not installed."""
    if shutil.which("dpdk-testpmd") is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(
            _COMMAND.format(vdev=vdev).split(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": directory, "RUNTIME_DIRECTORY": directory},
        )
        limit = threading.Timer(10 * SECONDS, process.kill)
        limit.start()
        try:
            rates = _rates(process.stdout)
            process.communicate("\n")  # a line ends testpmd
        finally:
            limit.cancel()
            process.kill()
            process.wait()
    return max(rates) if rates else None


def _rates(output: IO[str] | None) -> list[float]:
    rates: list[float] = []
    for line in output or ():
        found = _RATE.search(line)
        if found and int(found[1]):
            rates.append(float(found[1]))
        if len(rates) == SECONDS:
            break
    return rates
