"""The compiled stages over frames in memory: cycles per packet of each stage and of the whole
chain."""

from __future__ import annotations

import ctypes
import enum
import functools
import mmap
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.packets.inputs import countries, traffic
from bench.packets.inputs.policy import PROFILES, full_policy
from dataplane.base.settings import (
    ConnectionCapacities,
    DataplaneSettings,
    LimitCapacities,
    SynProxyCapacities,
)
from dataplane.detection.collector import COLLECT_MS, KEY_BYTES, Collector
from dataplane.native import abi, library
from dataplane.policy.reflectors import REFLECTORS
from dataplane.tables.connection_table import FLOW_KEY_BYTES, ConnectionTable
from dataplane.tables.limits_table import Limits
from dataplane.tables.lists import HASH_KEY_BYTES
from dataplane.tables.syn_proxy_table import SynProxyTable
from dataplane.tables.traffic_table import TRAFFIC_KEY_BYTES, TrafficTable

ROOT = Path(__file__).resolve().parents[2]
BURSTS = 256
"""Packets of one repetition: 8,192 are done within one time slice of a shared machine."""
ROUNDS = 12
WARM = 15
REPETITIONS = 60
"""Every round measures each depth this often, after as many runs to warm up, so that a disturbance
of a shared machine affects all depths in the same way. The fifth percentile is reported, because a
worker has its core and caches for itself, and the median, which shows the effect of disturbances.
"""
_SHARE_REPETITIONS = 128
"""A million packets: every source."""
_FIRST_FOREIGN = 1 << 24
_NS_PER_TSC_Q24 = 1 << 24
_MSS_OPTION = b"\x02\x04\x05\xb4"
_CONNECTIONS_MAX = 1 << 20
_ESTABLISHED_LEAST = 0.999
"""Share of all sources: a few of 1M computed sources are equal."""
_ANSWERED_LEAST = 0.99
"""Share of all SYNs: a few sources are in a banned prefix."""
_SAMPLED_PACKETS_EVERY = 512
_SAMPLED_SOURCES = 1024
"""The interval that the collector chooses at ten million packets per second."""
_TICKS_PER_BURST = 3_200
"""Nanoseconds per packet at ten million packets per second, for the clock of the limits."""


class Depth(enum.IntEnum):
    """enum bench_depth of chain.c, and the whole chain with a policy that has every
    kind of rule."""

    RECEIVE = 0
    PARSE = 1
    PROFILE = 2
    SANITY = 3
    OWNER = 4
    LISTS = 5
    COUNTRY = 6
    FILTER = 7
    LIMITS = 8
    CONNECTIONS = 9
    FORWARD = 10
    TRAFFIC = 11
    WHOLE = 12
    EVERYTHING = 13


@dataclass(frozen=True)
class Case:
    """One measurement: a family, the number of sources, and whether the blacklist contains them."""

    version: int
    source_count: int
    hit: bool

    @property
    def name(self) -> str:
        """The name of the case in results: family, sources, and whether they are banned."""
        sources = f"{self.source_count // 1024}k" if self.source_count < 1 << 20 else "1M"
        return f"IPv{self.version} {sources} {'hit' if self.hit else 'miss'}"


CASES = tuple(
    Case(version, count, hit)
    for version in (4, 6)
    for hit in (False, True)
    for count in (1 << 16, 1 << 20)
)


class _Bench(ctypes.Structure):
    """struct bench of chain.c."""

    _fields_ = [
        ("lcore", ctypes.c_void_p),
        ("burst", ctypes.c_void_p),
        ("frames", ctypes.c_void_p),
        ("first_source", ctypes.c_uint64),
        ("source_count", ctypes.c_uint64),
        ("next", ctypes.c_uint64),
        ("frame_length", ctypes.c_uint32),
        ("source_offset", ctypes.c_uint32),
        ("address_size", ctypes.c_uint32),
        ("checksum_offset", ctypes.c_uint32),
        ("checksum_base", ctypes.c_uint32),
        ("tcp_checksum_offset", ctypes.c_uint32),
        ("tcp_checksum_base", ctypes.c_uint32),
        ("ticks_per_burst", ctypes.c_uint32),
        ("restored", ctypes.c_char_p),
        ("now", abi.Time),
    ]


class Chain:
    """One lcore with full lists, ready for measurements; a context manager."""

    _bench: _Bench

    def __init__(self, case: Case) -> None:
        self._code = _build()
        self._pipeline = library.load(ROOT / "build" / "libsecbeat-pipeline.so")
        self._layout = traffic.layout(case.version)
        bans = (abi.ListRecord * traffic.SINGLES)()
        self._code.bench_bans(bans, traffic.SINGLES, self._layout.address_size)
        self.lists = traffic.full_lists(self._pipeline, case.version, bans)
        self._make_lcore()
        self._make_bench(case)

    def __enter__(self) -> Chain:
        return self

    def __exit__(self, *_: object) -> None:
        self.lists.close()
        for policy in self._policies:
            policy.close()
        self._countries.close()
        self._limits.close()
        self._connections.close()
        self._syn_proxy.close()
        self._collector.close()
        self._traffic.close()

    def cycles_per_packet(self) -> tuple[dict[Depth, float], dict[Depth, float]]:
        """Cycles of all stages down to each depth: fifth percentile and median."""
        samples: dict[Depth, list[float]] = {depth: [] for depth in Depth}
        for _ in range(ROUNDS):
            for depth in Depth:
                self._collect()
                # Warm caches, as a worker has them: it runs nothing else.
                for _ in range(WARM):
                    self._measure(depth)
                samples[depth] += [self._measure(depth) for _ in range(REPETITIONS)]
        return (
            {depth: statistics.quantiles(values, n=20)[0] for depth, values in samples.items()},
            {depth: statistics.median(values) for depth, values in samples.items()},
        )

    def answered(self) -> tuple[float, float]:
        """Cycles per packet, without receiving, of SYNs that the SYN proxy answers: fifth
        percentile and median."""
        samples: dict[Depth, list[float]] = {Depth.RECEIVE: [], Depth.WHOLE: []}
        self._node.cookie_slot = 1
        self._policies[0].profile(PROFILES).syn_proxy = abi.SynProxy.ALWAYS
        bench, self._bench = self._bench, self._syn_bench()
        answers = self._stats.origin[abi.Origin.ANSWER]
        before, runs = answers.originated, 0
        for _ in range(ROUNDS):
            for depth, values in samples.items():
                self._collect()
                for _ in range(WARM):
                    self._measure(depth)
                values += [self._measure(depth) for _ in range(REPETITIONS)]
            runs += WARM + REPETITIONS
        self._bench = bench
        self._policies[0].profile(PROFILES).syn_proxy = abi.SynProxy.OFF
        share = (answers.originated - before) / (runs * BURSTS * abi.BURST_MAX)
        if share < _ANSWERED_LEAST:
            raise RuntimeError(f"{share:.2%} of the SYNs were answered")
        least, median = (
            {depth: statistics.quantiles(values, n=20)[place] for depth, values in samples.items()}
            for place in (0, 9)
        )
        return (
            least[Depth.WHOLE] - least[Depth.RECEIVE],
            median[Depth.WHOLE] - median[Depth.RECEIVE],
        )

    def _syn_bench(self) -> _Bench:
        """Returns a copy of the bench with sources that are not known."""
        layout = traffic.layout(self._layout.version, _MSS_OPTION)
        copied = _Bench.from_buffer_copy(self._bench)
        copied.restored, copied.frame_length = layout.frame, len(layout.frame)
        copied.checksum_base = traffic.checksum_base(20 + len(_MSS_OPTION))
        copied.tcp_checksum_offset = layout.tcp_offset + 16
        copied.tcp_checksum_base = traffic.tcp_checksum_base(layout)
        copied.first_source = 2 * _FIRST_FOREIGN
        return copied

    def dropped_share(self) -> float:
        """Dropped share of the packets of whole chains: checks that a case measures
        what it should."""
        port = self._stats.port[abi.Port.OUTSIDE]
        received, dropped = port.received, sum(port.dropped)
        for _ in range(_SHARE_REPETITIONS):
            self._measure(Depth.WHOLE)
        return (sum(port.dropped) - dropped) / (port.received - received)

    def _measure(self, depth: Depth) -> float:
        policy = self._policies[depth is Depth.EVERYTHING]
        self._node.policy = self._lcore.policy = policy.address
        run = min(depth, Depth.WHOLE)
        cycles: int = self._code.bench_cycles(ctypes.byref(self._bench), BURSTS, run)
        return cycles / (BURSTS * abi.BURST_MAX)

    def _collect(self) -> None:
        """Take the samples, and keep the sampling rates of a node with this much traffic."""
        self._boot_ms += COLLECT_MS
        self._collector.collect(self._boot_ms)
        self._node.sample_packets_every = _SAMPLED_PACKETS_EVERY
        self._node.sample_sources_shift = (
            self._bench.source_count // _SAMPLED_SOURCES
        ).bit_length() - 1

    def _make_lcore(self) -> None:
        self._policies = [
            full_policy(self._pipeline, self._layout.version, everything=everything)
            for everything in (False, True)
        ]
        self._countries = countries.full_table(self._pipeline, self._layout.version)
        self._limits = Limits(self._pipeline, LimitCapacities(), bytes(range(HASH_KEY_BYTES)))
        self._stats = abi.LcoreStats.from_buffer(_pages(ctypes.sizeof(abi.LcoreStats)))
        self._node = abi.Node(
            lists=self.lists.address,
            countries=self._countries.address,
            lcore_count=1,
            ns_per_tsc_q24=_NS_PER_TSC_Q24,
        )
        self._lcore = abi.Lcore(
            node=ctypes.addressof(self._node),
            stats=ctypes.addressof(self._stats),
            limits=self._limits.address,
        )
        capacities = ConnectionCapacities(connections_max=_CONNECTIONS_MAX)
        self._connections = ConnectionTable(
            self._pipeline,
            capacities,
            bytes(range(FLOW_KEY_BYTES)),
            ctypes.addressof(self._stats),
        )
        self._lcore.flows = self._connections.address
        self._syn_proxy = SynProxyTable(
            self._pipeline, SynProxyCapacities(), bytes(range(HASH_KEY_BYTES))
        )
        key = bytes(range(TRAFFIC_KEY_BYTES))
        self._traffic = TrafficTable(
            self._pipeline, DataplaneSettings.destinations_max, key, sorted(REFLECTORS)
        )
        self._lcore.traffic, self._boot_ms = self._traffic.address, 10**6
        self._collector = Collector(
            self._pipeline, [ctypes.addressof(self._lcore)], [self._traffic], bytes(KEY_BYTES)
        )
        self._outbox = abi.Outbox()
        self._lcore.syn_proxy = self._syn_proxy.address
        self._lcore.outbox = ctypes.addressof(self._outbox)
        self._lcore.policy = self._node.policy = self._policies[0].address
        self._burst = abi.Burst.from_buffer(_pages(ctypes.sizeof(abi.Burst)))

    def _make_bench(self, case: Case) -> None:
        frame = self._layout.frame
        memory = _pages(self._code.bench_fill(None, None, 0))
        memory.madvise(mmap.MADV_HUGEPAGE)
        self._frames = (ctypes.c_uint8 * len(memory)).from_buffer(memory)
        self._code.bench_fill(self._frames, frame, len(frame))
        self._bench = _Bench(
            lcore=ctypes.addressof(self._lcore),
            burst=ctypes.addressof(self._burst),
            frames=ctypes.addressof(self._frames),
            # Sources are numbered; the first SINGLES are banned, the last few of 1M are not.
            first_source=0 if case.hit else _FIRST_FOREIGN,
            source_count=case.source_count,
            frame_length=len(frame),
            source_offset=self._layout.source_offset,
            address_size=self._layout.address_size,
            checksum_offset=self._layout.checksum_offset,
            checksum_base=traffic.checksum_base(),
            ticks_per_burst=_TICKS_PER_BURST,
            now=abi.Time(tsc=1, boot_ds=1000),
        )
        self._code.bench_establish(ctypes.byref(self._bench))
        established = self._stats.connections.proven
        if established < case.source_count * _ESTABLISHED_LEAST:
            raise RuntimeError(f"{established} of {case.source_count} connections were established")


def ticks() -> int:
    """The time stamp counter."""
    return int(_build().bench_ticks())


def _pages(size: int) -> mmap.mmap:
    return mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


@functools.cache
def _build() -> ctypes.CDLL:
    """Build the pipeline library and chain.c against it."""
    fastpath = ROOT / "dataplane" / "fastpath"
    subprocess.run(["make", "-s", "-C", str(fastpath), "pipeline"], check=True)
    output = ROOT / "build" / "bench" / "chain.so"
    output.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            *("gcc", "-std=gnu11", "-O3", "-march=x86-64-v2", "-Wall", "-Wextra", "-Werror"),
            *("-shared", "-fPIC", f"-I{fastpath}", f"-I{fastpath / 'include'}", "-o", str(output)),
            *(str(Path(__file__).with_name("chain.c")), str(ROOT / "build/libsecbeat-pipeline.so")),
            f"-Wl,-rpath,{ROOT / 'build'}",
        ],
        check=True,
    )
    code = ctypes.CDLL(str(output))
    code.bench_cycles.argtypes = [ctypes.POINTER(_Bench), ctypes.c_uint32, ctypes.c_uint32]
    code.bench_cycles.restype = ctypes.c_uint64
    code.bench_establish.argtypes = [ctypes.POINTER(_Bench)]
    code.bench_establish.restype = None
    code.bench_fill.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32]
    code.bench_fill.restype = ctypes.c_uint64
    code.bench_bans.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32]
    code.bench_bans.restype = None
    code.bench_ticks.restype = ctypes.c_uint64
    return code
