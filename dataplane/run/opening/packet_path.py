"""Opens EAL, packet memory, ports and workers in this order; closes them in reverse order."""

from __future__ import annotations

import ctypes
import secrets
from contextlib import ExitStack
from dataclasses import dataclass

from dataplane.base.logs import Log
from dataplane.base.offloads import remedy, stop_coalescing
from dataplane.base.settings import DataplaneSettings
from dataplane.dpdk.memory import Memory
from dataplane.dpdk.mempool import PacketPool
from dataplane.run.opening.buffers import Budget, pool_size
from dataplane.run.opening.eal_setup import EalPlan, start_eal
from dataplane.run.ports.data_ports import DataPorts, room_bytes
from dataplane.run.ports.vdev import interface_of
from dataplane.run.workers.workers import WorkerPlan, Workers
from dataplane.shared.transport.shm import SharedStats

_log = Log()


@dataclass(frozen=True)
class PacketPath:
    """The resources of the packet path; not started yet."""

    memory: Memory
    pool: PacketPool
    ports: DataPorts
    workers: Workers


def open_packet_path(
    library: ctypes.CDLL,
    settings: DataplaneSettings,
    planned: Budget,
    eal_plan: EalPlan,
    stats: SharedStats,
    opened: ExitStack,
) -> PacketPath:
    """Open everything onto ``opened``, with stopped ports; the workers count on the pages of
    ``stats``.

    Raises ConfigurationError or NativeError.
    """
    for port in (settings.outside, settings.inside):
        _stop_coalescing(interface_of(port.device))
    eal = opened.enter_context(start_eal(library, eal_plan, settings.socket.parent))
    memory = opened.enter_context(Memory(library))
    room = room_bytes(max(settings.outside.mtu, settings.inside.mtu))
    pool = opened.enter_context(PacketPool(library, pool_size(settings, planned), room))
    ports = opened.enter_context(
        DataPorts(
            *(library, settings.outside, settings.inside, pool, settings.lcores),
            planned.descriptors,
        )
    )
    stats.header.tsc_hz = eal.tsc_hz
    stats.header.hugepages = int(eal_plan.hugepages)
    stats.header.mbufs_max = pool.count
    owner_key = (secrets.randbits(64), secrets.randbits(64))
    workers = Workers(
        library,
        memory,
        WorkerPlan(
            *(eal_plan.worker_lcores, ports.port_ids, eal.tsc_hz, owner_key),
            planned.handover_slots,
        ),
        [stats.lcore_address(index) for index in range(settings.lcores)],
    )
    workers.give_outboxes(memory, pool.address)
    return PacketPath(memory, pool, ports, workers)


def _stop_coalescing(interface: str | None) -> None:
    still_on = stop_coalescing(interface) if interface else ()
    if interface and still_on:
        _log.warning("segments are coalesced", interface=interface, do=remedy(interface, still_on))
