"""What the data plane process is started with: frozen, already validated by whoever composed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class PortSettings:
    """One data port: a PCI address (``0000:01:00.0``) or a DPDK vdev string; its MTU in bytes."""

    device: str
    mtu: int = 1500


@dataclass(frozen=True)
class LimitCapacities:
    """How many are told apart at a time, on each lcore; 1 to 2^24, 9.1 bytes each, rounded up."""

    sources_max: int = 200_000
    prefixes_max: int = 100_000
    destinations_max: int = 25_000


@dataclass(frozen=True)
class DataplaneSettings:
    """Everything ``secbeat-dataplane`` needs; sizes are entries, memory is MiB."""

    outside: PortSettings
    inside: PortSettings
    state_log: Path
    """Directory of the state log, written by the API."""
    socket: Path
    """Unix socket on which clients ask for shared memory."""
    countries: tuple[Path, ...] = ()
    """Country databases, of which the first that is there is used; looked for again and again."""
    client_users: tuple[str, ...] = ("secbeat",)
    """User names that may connect, besides root and the data plane's own user."""
    lcores: int = 1
    worker_cpus: tuple[int, ...] = ()
    """CPUs of the workers, one each; empty: the last CPUs of the process's affinity."""
    hugepages: Literal["auto", "on", "off"] = "auto"
    memory_mib: int = 64
    """Packet memory; without hugepages it is the limit given to ``-m``."""
    mbufs: int = 4096
    addresses_max: int = 1_000_000
    prefixes_max: int = 131_072
    limits: LimitCapacities = LimitCapacities()
    eal_arguments: tuple[str, ...] = field(default=())
    file_prefix: str = "secbeat"
