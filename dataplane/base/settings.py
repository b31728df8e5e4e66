"""Settings of the data plane process: frozen; the caller has validated them."""

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
    """Numbers of addresses with a bucket of their own, per lcore; 1 to 2^24, 9.1 bytes each,
    rounded up."""

    sources_max: int = 200_000
    prefixes_max: int = 100_000
    destinations_max: int = 25_000


@dataclass(frozen=True)
class ConnectionTimeouts:
    """Seconds without a packet after which a connection is forgotten; see ``abi.FlowState``."""

    syn_sent: int = 20
    syn_received: int = 20
    established: int = 7440
    """2 h 4 min: RFC 5382, REQ-5."""
    half_closed: int = 240
    closed: int = 30
    reset: int = 10
    picked_up: int = 30
    one_way: int = 30
    two_way: int = 120
    """UDP and ICMP echo: RFC 4787, REQ-5."""


@dataclass(frozen=True)
class ConnectionCapacities:
    """Connections of each lcore: ``connections_max`` from 1 to 2^24, at about 165 bytes each."""

    connections_max: int = 262_144
    timeouts: ConnectionTimeouts = ConnectionTimeouts()
    learning_seconds: int = 300
    """The learning time after a start: packets without a known connection are picked up."""


@dataclass(frozen=True)
class SynProxyCapacities:
    """Openings of each lcore to protected hosts at a time, and packets that it holds for them.

    At least one packet for each opening.
    """

    openings_max: int = 512
    held_max: int = 1024


@dataclass(frozen=True)
class HttpCapacities:
    """Memory of all lcores for requests that are incomplete, or that the host has not acknowledged.

    ``pool_mib`` from 2 to 8,192; each lcore has an equal share, an even number and at least 2.
    """

    pool_mib: int = 64

    def share(self, lcores: int) -> HttpCapacities:
        """The share of one of so many lcores."""
        return HttpCapacities(max(2, self.pool_mib // lcores // 2 * 2))


@dataclass(frozen=True)
class DrainSettings:
    """The behaviour of a draining node; see `dataplane.run.links.drain`."""

    takes_links_down: bool = False
    connections_ms: int = 30_000
    """The longest wait for proxied connections to end."""
    quiet_ms: int = 10_000
    """Duration without a packet after which traffic counts as moved to another node."""


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
    """Country databases; the first existing one is used. The paths are checked again regularly."""
    client_users: tuple[str, ...] = ("secbeat",)
    """Users that may connect, besides root and the data plane's own user."""
    lcores: int = 1
    worker_cpus: tuple[int, ...] = ()
    """CPUs of the workers, one each; empty: the last CPUs of the process's affinity."""
    hugepages: Literal["auto", "on", "off"] = "auto"
    memory_mib: int = 64
    """Packet memory; without hugepages it is the limit given to ``-m``."""
    mbufs: int = 0
    """Packet buffers; 0: as many as can be in use at a time and fit into the memory."""
    addresses_max: int = 1_000_000
    prefixes_max: int = 131_072
    limits: LimitCapacities = LimitCapacities()
    destinations_max: int = 65_536
    """Protected addresses with traffic counters of their own on each lcore, 1 to 2^20; at most 1.3
    kB each."""
    reflectors: tuple[int, ...] = ()
    """UDP ports from which datagrams are counted as amplification."""
    connections: ConnectionCapacities = ConnectionCapacities()
    http: HttpCapacities = HttpCapacities()
    has_http: bool = True
    """False: the policy's ``http`` is ignored (modes ``tcp`` and ``syn``)."""
    has_syn_proxy: bool = True
    """False: the policy's ``syn`` is ignored (mode ``tcp``)."""
    syn_cookie_secret: bytes = field(default=b"", repr=False)
    """A secret that several nodes share; empty: the node makes its own, kept beside the socket."""
    link_hold_ms: int | None = None
    """Minimum time that both links stay down after a loss; None: a loss is not forwarded."""
    drain: DrainSettings = DrainSettings()
    rules_cache: Path | None = None
    """Directory of the WAF's compiled rules, the data plane's own; None: the node has no WAF."""
    eal_arguments: tuple[str, ...] = field(default=())
    file_prefix: str = "secbeat"
