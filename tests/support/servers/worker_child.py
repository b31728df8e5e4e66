"""Runs worker lcores over two DPDK ports and prints their ledger, because EAL starts only once per
process.

Child of ``test_worker*.py``: reads one JSON object with the scenario from standard input, and
writes one with the results to standard output.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataplane.base.networks import Network
from dataplane.base.settings import DataplaneSettings, PortSettings
from dataplane.dpdk.eal import Eal
from dataplane.dpdk.memory import Memory
from dataplane.dpdk.mempool import PacketPool
from dataplane.dpdk.rings import PacketRing, ring_port
from dataplane.native import abi, library
from dataplane.reconcile.active_policy import ActivePolicy
from dataplane.run.opening.buffers import budget, pool_size
from dataplane.run.opening.eal_setup import plan, start_eal
from dataplane.run.ports.data_ports import DataPorts, room_bytes
from dataplane.run.workers.workers import WorkerPlan, Workers
from dataplane.shared.profile_names import ProfileNames
from dataplane.tables.lists import Lists
from dataplane.waf.no_rules import NoRules


@dataclass(frozen=True)
class Scenario:
    """The scenario of a test."""

    outside: str
    inside: str
    settled: int
    """Run until this many packets have a final verdict."""
    directory: str
    lcores: int = 1
    mtu: int = 1500
    room: int = 0
    banned: list[str] = field(default_factory=list)
    ring_ports: dict[str, int] = field(default_factory=dict)
    """Ports made of rings that nothing empties: name, slots of the transmit ring."""
    second_is_late: bool = False
    """Lcore 1 starts when lcore 0 has received everything."""
    timeout_s: float = 60.0


def main() -> None:
    """Read the scenario, run it, print the results."""
    scenario = Scenario(**json.load(sys.stdin))
    settings = DataplaneSettings(
        outside=PortSettings(scenario.outside, scenario.mtu),
        inside=PortSettings(scenario.inside, scenario.mtu),
        state_log=Path(scenario.directory),
        socket=Path(scenario.directory) / "dataplane.sock",
        lcores=scenario.lcores,
        hugepages="off",
    )
    loaded = library.load()
    eal_plan = plan(settings, made_later=frozenset(scenario.ring_ports))
    with (
        start_eal(loaded, eal_plan, settings.socket.parent) as eal,
        Memory(loaded) as memory,
        PacketPool(
            loaded,
            pool_size(settings, budget(settings)),
            scenario.room or room_bytes(scenario.mtu),
        ) as pool,
    ):
        for name, slots in scenario.ring_ports.items():
            rings = [PacketRing(loaded, f"{name}_{way}", slots) for way in ("rx", "tx")]
            ring_port(loaded, name.removeprefix("net_ring_"), *rings)
        print(json.dumps(_run(loaded, scenario, settings, eal, memory, pool)))


def _run(
    loaded: ctypes.CDLL,
    scenario: Scenario,
    settings: DataplaneSettings,
    eal: Eal,
    memory: Memory,
    pool: PacketPool,
) -> dict[str, Any]:
    stats = [memory.structure(abi.LcoreStats) for _ in range(settings.lcores)]
    planned = budget(settings)
    with DataPorts(
        *(loaded, settings.outside, settings.inside, pool, settings.lcores), planned.descriptors
    ) as ports:
        lcores = tuple(range(1, settings.lcores + 1))
        workers = Workers(
            loaded,
            memory,
            WorkerPlan(lcores, ports.port_ids, eal.tsc_hz, (1, 2), planned.handover_slots),
            [ctypes.addressof(page) for page in stats],
        )
        with Lists(loaded, 1024, 128, settings.lcores, bytes(16), workers.readers_address) as lists:
            _ban(lists, scenario.banned)
            workers.node.lists = lists.address
            names = ProfileNames(abi.StatsHeader(), workers.pages)
            profiles = ActivePolicy(loaded, workers.node, names, NoRules(abi.StatsHeader()))
            ports.start()
            if scenario.second_is_late:
                _launch_one_by_one(workers, stats, scenario)
            else:
                workers.launch()
            reached = _wait(lambda: _settled(stats) >= scenario.settled, scenario.timeout_s)
            workers.stop()
            joined = workers.join(60.0)
            profiles.close()
            result = _result(stats, workers)
    return {**result, "reached": reached, "joined": joined, "mbufs_used": pool.used()}


def _ban(lists: Lists, addresses: list[str]) -> None:
    if not addresses:
        return
    records = (abi.ListRecord * len(addresses))()
    for record, address in zip(records, addresses, strict=True):
        network = Network.parse(address)
        record.key[:] = network.key
        record.prefix_length = network.prefix_length
        record.list = abi.ListKind.BLACKLIST
        record.deadline_ds = abi.DEADLINE_NEVER
    assert lists.put(records, len(addresses)) == 0
    lists.commit()


def _launch_one_by_one(workers: Workers, stats: list[abi.LcoreStats], scenario: Scenario) -> None:
    first, second = zip(workers._eal_lcores, workers.lcores, strict=True)
    first[0].launch("sb_worker_main", ctypes.addressof(first[1]))
    _wait(lambda: stats[0].port[0].received >= scenario.settled, scenario.timeout_s)
    second[0].launch("sb_worker_main", ctypes.addressof(second[1]))


def _settled(stats: list[abi.LcoreStats]) -> int:
    return sum(
        port.forwarded + port.consumed + sum(port.dropped) for page in stats for port in page.port
    )


def _wait(condition: Callable[[], bool], timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


def _result(stats: list[abi.LcoreStats], workers: Workers) -> dict[str, Any]:
    def total(of: Callable[[abi.LcoreStats], int]) -> int:
        return sum(of(page) for page in stats) & (2**64 - 1)

    def port(index: int, name: str) -> int:
        return total(lambda page: getattr(page.port[index], name))

    names = ("received", "received_bytes", "forwarded", "forwarded_bytes", "consumed", "held_now")
    return {
        "ports": [
            {name: port(index, name) for name in (*names, "dropped_bytes")}
            | {
                "dropped": {
                    reason.name.lower(): count
                    for reason in abi.Reason
                    if (count := total(lambda page, i=index, r=reason: page.port[i].dropped[r]))  # type: ignore[misc]
                }
            }
            for index in abi.Port
        ],
        "profile_drops": {
            reason.name.lower(): count
            for reason in abi.Reason
            if (
                count := total(
                    lambda page, r=reason: page.profile[0].count[r][abi.Mode.ENFORCE]  # type: ignore[misc]
                )
            )
        },
        "received_by_lcore": [sum(port.received for port in page.port) for page in stats],
        "forwarded_by_lcore": [sum(port.forwarded for port in page.port) for page in stats],
        "misrouted": total(lambda page: page.misrouted),
        "handover_lost": total(lambda page: page.handover_lost),
        "latency_count": total(lambda page: page.latency.count),
        "latency_buckets": total(lambda page: sum(page.latency.bucket)),
        "heartbeats": list(workers.heartbeats()),
        "cycles": list(workers.cycles()),
    }


if __name__ == "__main__":
    main()
