"""Runs the compiled pipeline on a capture, with the capture's own clock: no ports, no root, no EAL.

The inside prefixes determine the directions; C finds them with the pipeline's own parser and keeps
the counters. This module does not read files, print or show progress: that is the CLI's task. It
uses no other time: the same capture yields the same verdicts.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from dataplane.base.clock import DS_PER_S
from dataplane.base.errors import ConfigurationError, InvalidInputError, NativeError
from dataplane.base.networks import Network
from dataplane.base.settings import ConnectionCapacities, HttpCapacities, LimitCapacities
from dataplane.countries.database import CountryDatabase
from dataplane.native import abi, library
from dataplane.native.abi import Reason
from dataplane.pcap import Batch
from dataplane.policy import PolicyDocument, compile_neighbors, compile_policy, fill_profile
from dataplane.policy.http import HttpSection
from dataplane.replay.inputs import ListCapacities, prefixes_of, put
from dataplane.replay.replay_report import PortReport, ReplayReport, RuleReport
from dataplane.replay.waf import ReplayWaf
from dataplane.tables.connection_table import FLOW_KEY_BYTES, ConnectionTable
from dataplane.tables.country_table import CountryTable
from dataplane.tables.http_table import HttpTable
from dataplane.tables.limits_table import Limits
from dataplane.tables.lists import HASH_KEY_BYTES, Lists
from dataplane.tables.policy_table import KEY_BYTES, PolicyTable
from dataplane.waf.document import Rule
from dataplane.waf.enforcing.groups import GroupNames

HTTP_PORTS = (80, 8080)
"""Ports on which requests are expected without a policy."""
_NS_PER_TSC_Q24 = 1 << 24
_PIPELINE = Path(__file__).resolve().parents[2] / "build" / "libsecbeat-pipeline.so"


class Replay:
    """One replay; a context manager. Run its batches in order, then request the report."""

    def __init__(
        self,
        inside: Sequence[Network],
        policy: PolicyDocument | None = None,
        native: ctypes.CDLL | None = None,
        rules: Sequence[Rule] | None = None,
    ) -> None:
        """``rules``: of the WAF; they hit and block nothing. None: requests are not inspected."""
        self._library = _declare(native or load_library())
        self._lists: Lists | None = None
        self._countries: CountryTable | None = None
        self._prefixes = prefixes_of(inside)
        # Page-aligned, as the compiler assumes.
        memory = mmap.mmap(-1, ctypes.sizeof(abi.LcoreStats))
        self._stats = abi.LcoreStats.from_buffer(memory)
        policy = policy or _usual_policy(with_http=rules is not None)
        self._compiled = compile_policy(policy)
        self._groups = GroupNames(abi.StatsHeader(), [])
        self._policy = PolicyTable(self._library, sum(len(one.targets) for one in self._compiled))
        for index, profile in enumerate(self._compiled):
            filled = self._policy.add(index)
            self._groups.hold(profile.groups.keys())
            groups = {name: self._groups.index(name) for name in profile.groups}
            fill_profile(filled, profile, groups)
            filled.mode[Reason.WAF_RULE] = min(filled.mode[Reason.WAF_RULE], abi.Mode.MONITOR)
            for target in profile.targets:
                self._policy.target(target.key, target.prefix_length, index)
        for neighbor in compile_neighbors(policy.neighbors):
            self._policy.neighbor(*neighbor.network, neighbor.protocols)
        # Fixed keys: equal results in each run; nobody attacks a replay.
        self._policy.build(bytes(KEY_BYTES))
        self._limits = Limits(self._library, LimitCapacities(), bytes(HASH_KEY_BYTES))
        self._connections = ConnectionTable(
            self._library,
            ConnectionCapacities(),
            bytes(FLOW_KEY_BYTES),
            ctypes.addressof(self._stats),
        )
        self._node = abi.Node(
            policy=self._policy.address,
            lcore_count=1,
            # A capture begins within connections, like a node after its start.
            learning_until_ds=1 + DS_PER_S * ConnectionCapacities().learning_seconds,
            ns_per_tsc_q24=_NS_PER_TSC_Q24,
        )
        self._lcore = abi.Lcore(
            node=ctypes.addressof(self._node),
            stats=ctypes.addressof(self._stats),
            limits=self._limits.address,
            flows=self._connections.address,
        )
        self._waf: ReplayWaf | None = None
        self._http: HttpTable | None = None
        if rules is not None:
            try:
                self._inspect(rules)
            except Exception:
                self.close()
                raise
        self._replay = abi.Replay(
            lcore=ctypes.addressof(self._lcore),
            prefixes=ctypes.addressof(self._prefixes),
            prefix_count=len(self._prefixes),
        )

    def _inspect(self, rules: Sequence[Rule]) -> None:
        if not any(profile.http for profile in self._compiled):
            raise InvalidInputError(
                "rules are looked for in requests, and no profile of the policy has http",
                field="policy",
                limit="http = {ports = [80]} in it",
            )
        stats = ctypes.addressof(self._stats)
        self._http = HttpTable(
            self._library, HttpCapacities(), self._connections, bytes(HASH_KEY_BYTES), stats
        )
        self._lcore.http = self._http.address
        names = {profile.name: index for index, profile in enumerate(self._compiled)}
        self._waf = ReplayWaf(self._library, self._stats, rules, names, self._groups)
        self._lcore.waf, self._node.waf_set = self._waf.table.address, self._waf.set.address

    def load_lists(
        self, entries: Mapping[abi.ListKind, Iterable[Network]], capacities: ListCapacities
    ) -> int:
        """Put networks without an end into the lists; returns how many. Only once,
        before the run."""
        self._lists = Lists(
            self._library,
            capacities.addresses_max,
            capacities.prefixes_max,
            lcores=1,
            hash_key=bytes(HASH_KEY_BYTES),  # equal results in each run; nobody attacks a replay
        )
        count = sum(
            put(self._lists, kind, networks, capacities) for kind, networks in entries.items()
        )
        self._lists.commit()
        self._node.lists = self._lists.address
        return count

    @property
    def needs_countries(self) -> bool:
        """Whether a rule of the policy needs the country of a source."""
        return any(profile.needs_countries for profile in self._compiled)

    def load_countries(self, database: CountryDatabase) -> None:
        """Load the database of countries. Only once, before the run."""
        self._countries = CountryTable(self._library, database.records, database.ipv4_count)
        self._node.countries = self._countries.address

    def run(self, batch: Batch) -> bytearray:
        """Run a batch; the verdict of each packet (``abi.Verdict``), in the order of the batch."""
        verdicts = bytearray(batch.count)
        size = len(batch.buffer)
        buffer = (ctypes.c_uint8 * size).from_buffer(batch.buffer)
        records, _ = batch.records.buffer_info()
        result = self._library.sb_replay_run(
            ctypes.byref(self._replay),
            ctypes.addressof(buffer),
            size,
            records,
            batch.count,
            (ctypes.c_uint8 * batch.count).from_buffer(verdicts),
        )
        if result < 0:
            raise NativeError(f"replay of a batch: {os.strerror(-result)}", -result)
        if self._waf:
            self._waf.take(self._replay.first_ns)
        return verdicts

    def report(self) -> ReplayReport:
        """The counts so far."""
        replay = self._replay
        ports = {port.name.lower(): self._port(port) for port in abi.Port}
        return ReplayReport(
            packets=sum(port.received for port in ports.values()),
            duration_ns=replay.clock_ns - replay.first_ns,
            forwarded=sum(port.forwarded for port in ports.values()),
            dropped=_by_reason([self._count(reason, abi.Mode.ENFORCE) for reason in abi.Reason]),
            would_drop=_by_reason([self._count(reason, abi.Mode.MONITOR) for reason in abi.Reason]),
            rules=list(self._rules()),
            ports=ports,
            link_scope=replay.link_scope,
            link_other=sum(
                counts[link]
                for counts in self._stats.link
                for link in abi.Link
                if link.name.startswith("OTHER_")
            ),
            encapsulated=sum(map(sum, self._stats.inner)),
            allowed=replay.allowed,
            neighbors=replay.neighbors,
            cut=replay.cut,
            cut_unjudged=replay.cut_short,
            inside_both=replay.inside_both,
            inside_neither=replay.inside_neither,
            no_address=replay.no_address,
            clock_backwards=replay.backwards,
            tso=replay.tso,
            big_tcp=replay.big_tcp,
            checksum_unfinished=replay.checksum_unfinished,
            surplus=replay.surplus,
            syns_auto=replay.syns_auto,
            syns_always=replay.syns_always,
            waf=self._waf.report() if self._waf else None,
        )

    def _count(self, reason: abi.Reason, mode: abi.Mode) -> int:
        return sum(
            self._stats.profile[index].count[reason][mode] for index in range(len(self._compiled))
        )

    def _rules(self) -> Iterator[RuleReport]:
        """Every rule of the policy, in order."""
        for index, profile in enumerate(self._compiled):
            counts = self._stats.profile[index].count
            paths = dict[str, list[int]]()
            for reason, path in profile.rule_of.items():
                found = paths.setdefault(path, [0, 0])
                found[0] += counts[reason][abi.Mode.ENFORCE]
                found[1] += counts[reason][abi.Mode.MONITOR]
            for path, (dropped, would_drop) in sorted(paths.items(), key=_by_number):
                yield RuleReport(profile.name, path, dropped, would_drop)

    def _port(self, port: abi.Port) -> PortReport:
        stats = self._stats.port[port]
        return PortReport(
            received=stats.received,
            received_bytes=stats.received_bytes,
            forwarded=stats.forwarded,
            consumed=stats.consumed,
            held=stats.held_now,
            dropped=_by_reason(list(stats.dropped)),
        )

    def close(self) -> None:
        """Free all tables; a second call does nothing."""
        self._node.policy = 0
        self._lcore.limits = self._lcore.flows = self._lcore.http = self._lcore.waf = 0
        self._node.waf_set = 0
        if self._waf:
            self._waf.close()
        if self._http:
            self._http.close()
        self._connections.close()
        self._policy.close()
        self._limits.close()
        if self._countries:
            self._node.countries = 0
            self._countries.close()
            self._countries = None
        if self._lists:
            self._node.lists = 0
            self._lists.close()
            self._lists = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _usual_policy(*, with_http: bool) -> PolicyDocument:
    http = HttpSection(ports=HTTP_PORTS) if with_http else None
    return PolicyDocument(name="default", http=http)


def load_library() -> ctypes.CDLL:
    """``libsecbeat``, or its pipeline part if the whole can't be loaded (no DPDK installed)."""
    try:
        return library.load()
    except ConfigurationError:
        if os.environ.get(library.ENVIRONMENT_VARIABLE) or not _PIPELINE.is_file():
            raise
        return library.load(_PIPELINE)


def _by_number(item: tuple[str, list[int]]) -> int:
    """The index of a rule, from the end of its path."""
    return int(item[0].rpartition("[")[2].rstrip("]"))


def _by_reason(counts: Sequence[int]) -> dict[str, int]:
    return {
        reason.name.lower(): count
        for reason, count in zip(abi.Reason, counts, strict=True)
        if count
    }


def _declare(native: ctypes.CDLL) -> ctypes.CDLL:
    pointer, u64 = ctypes.c_void_p, ctypes.c_uint64
    native.sb_replay_run.argtypes = [pointer, pointer, u64, pointer, ctypes.c_uint32, pointer]
    native.sb_replay_run.restype = ctypes.c_int
    return native
