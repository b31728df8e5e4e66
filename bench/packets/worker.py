"""The whole packet loop over DPDK ports, in its own process: cycles per packet.

The frames of a capture are first forwarded into a ring. Then this ring is the receive ring of the
outside port and the transmit ring of the inside port, so that the same mbufs arrive again and
again::

    python -m bench.packets.worker --frames IN.pcap --seconds 2
    python -m bench.packets.worker --devices net_null0 net_null1

The figures come from the worker's statistics page.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self, TypeAlias

from dataplane.base.settings import DataplaneSettings, PortSettings
from dataplane.dpdk.memory import Memory
from dataplane.dpdk.mempool import PacketPool
from dataplane.dpdk.rings import PacketRing, ring_port
from dataplane.native import abi, library
from dataplane.reconcile.active_policy import ActivePolicy
from dataplane.run.opening.buffers import DESCRIPTORS_MAX
from dataplane.run.opening.eal_setup import plan, start_eal
from dataplane.run.ports.data_ports import DataPorts, room_bytes
from dataplane.run.workers.workers import WorkerPlan, Workers
from dataplane.shared.profile_names import ProfileNames
from dataplane.waf.no_rules import NoRules

RING_SLOTS = 2048
FRAMES_MAX = RING_SLOTS - 1
_MBUFS = 8192
_LOAD_S = 0.5
_SAMPLE_S = 0.002
_JOIN_S_MAX = 5.0


@dataclass(frozen=True)
class Figures:
    """Results of one run; cycles are those of the TSC."""

    packets: int
    dropped: int
    cycles_per_packet: float
    """Cycles in turns with packets: receive, pipeline, transmit, counting. The first quartile over
    samples of 2 ms, because disturbances of a shared machine only add cycles."""
    stages: dict[str, float]
    """Cycles per packet that entered a stage, from the sampled bursts."""
    hugepages: bool
    tsc_hz: int


During: TypeAlias = Callable[[ActivePolicy, abi.LcoreStats], None]


class WorkerBench:
    """EAL with some devices, packets, and one worker at a time. A process can have only one."""

    def __init__(self, devices: Sequence[str]) -> None:
        """``devices``: vdev strings of a pair, or one to load frames from."""
        self._opened = ExitStack()
        self.library = library.load()
        directory = Path(self._opened.enter_context(tempfile.TemporaryDirectory()))
        outside, inside = (*devices, "net_null_unused")[:2]
        settings = DataplaneSettings(
            PortSettings(outside), PortSettings(inside), directory, directory / "socket"
        )
        self._plan = plan(settings)
        self._eal = self._opened.enter_context(start_eal(self.library, self._plan, directory))
        self.memory = self._opened.enter_context(Memory(self.library))
        room = room_bytes(settings.outside.mtu)
        self._pool = self._opened.enter_context(PacketPool(self.library, _MBUFS, room))

    def circle(
        self, source: str, seconds: float, lists: int = 0, during: During | None = None
    ) -> Figures:
        """Load the frames of ``source`` (at most `FRAMES_MAX`), then forward them in a cycle."""
        full, empty = (PacketRing(self.library, name, RING_SLOTS) for name in ("full", "empty"))
        self.run(source, ring_port(self.library, "load", empty, full), _LOAD_S)
        outside = ring_port(self.library, "outside", full, empty)
        inside = ring_port(self.library, "inside", empty, full)
        return self.run(outside, inside, seconds, lists, during)

    def run(
        self,
        outside: str,
        inside: str,
        seconds: float,
        lists: int = 0,
        during: During | None = None,
    ) -> Figures:
        """One worker between two devices; ``lists``: address of filled tables, 0: none.

        ``during`` is called while it runs, after ``seconds``.
        """
        stats = self.memory.structure(abi.LcoreStats)
        ports = (PortSettings(outside), PortSettings(inside))
        with DataPorts(self.library, *ports, self._pool, 1, DESCRIPTORS_MAX) as opened:
            workers = Workers(
                self.library,
                self.memory,
                WorkerPlan(
                    self._plan.worker_lcores, opened.port_ids, self._eal.tsc_hz, owner_key=(1, 2)
                ),
                [ctypes.addressof(stats)],
            )
            workers.node.lists = lists
            names = ProfileNames(abi.StatsHeader(), workers.pages)
            profiles = ActivePolicy(self.library, workers.node, names, NoRules(abi.StatsHeader()))
            opened.start()
            workers.launch()
            samples = _sample(stats, seconds)
            if during:
                during(profiles, stats)
            workers.stop()
            if not workers.join(_JOIN_S_MAX):
                raise TimeoutError("the worker does not return")
            profiles.close()
        return self._figures(stats, samples)

    def _figures(self, stats: abi.LcoreStats, samples: list[float]) -> Figures:
        packets = sum(port.received for port in stats.port)
        sampled = {stage.name.lower(): stats.stage[stage] for stage in abi.Stage}
        return Figures(
            packets=packets,
            dropped=sum(sum(port.dropped) for port in stats.port),
            cycles_per_packet=_first_quartile(samples),
            stages={
                name: _ratio(stage.sampled_cycles, stage.sampled_packets)
                for name, stage in sampled.items()
            },
            hugepages=self._plan.hugepages,
            tsc_hz=self._eal.tsc_hz,
        )

    def close(self) -> None:
        """Release everything; may be called again."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main() -> None:
    """Run with the options of the command line and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=Path, help=f"capture of at most {FRAMES_MAX} frames")
    parser.add_argument("--devices", nargs=2, metavar="VDEV", default=("net_null0", "net_null1"))
    parser.add_argument("--seconds", type=float, default=1.0)
    chosen = parser.parse_args()
    source = f"net_pcap0,rx_pcap={chosen.frames}" if chosen.frames else None
    with WorkerBench([source] if source else chosen.devices) as bench:
        if source:
            figures = bench.circle(source, chosen.seconds)
        else:
            outside, inside = chosen.devices
            figures = bench.run(outside, inside, chosen.seconds)
    print(json.dumps(asdict(figures)))


def _sample(stats: abi.LcoreStats, seconds: float) -> list[float]:
    """Cycles per packet of consecutive intervals, while the worker runs."""
    samples, end = [], time.monotonic() + seconds
    before = (stats.busy_cycles, sum(port.received for port in stats.port))
    while time.monotonic() < end:
        time.sleep(_SAMPLE_S)
        now = (stats.busy_cycles, sum(port.received for port in stats.port))
        if now[1] > before[1]:
            samples.append((now[0] - before[0]) / (now[1] - before[1]))
        before = now
    return samples


def _first_quartile(samples: list[float]) -> float:
    return round(statistics.quantiles(samples, n=4)[0], 2) if len(samples) > 1 else 0.0


def _ratio(cycles: int, packets: int) -> float:
    return round(cycles / packets, 2) if packets else 0.0


if __name__ == "__main__":
    main()
