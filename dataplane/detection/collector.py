"""The collector: sums the counters and samples of all lcores every 100 ms.

Called by the control loop only. C code does the work (``fastpath/include/detection.h``); this
module converts the results to values. It does not decide what is an attack.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable, Mapping, Sequence

from dataplane.detection.traffic import (
    Counts,
    Evidence,
    Ranked,
    RankedPort,
    Sampling,
    Target,
    TargetTraffic,
    Traffic,
    Window,
)
from dataplane.native import abi
from dataplane.native.native_table import NativeTable, check, declare
from dataplane.tables.traffic_table import TrafficTable

COLLECT_MS = 100
KEY_BYTES = 16


class Collector(NativeTable):
    """Reads the traffic tables of all lcores of a node, which must outlive it.

    ``lcores``: addresses of ``abi.Lcore``, each with its ``traffic``; ``key``: 16 random bytes.
    Raises NativeError (EINVAL, ENOMEM).
    """

    KIND = "detection"

    def __init__(
        self,
        library: ctypes.CDLL,
        lcores: Sequence[int],
        tables: Sequence[TrafficTable],
        key: bytes,
    ) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"key: {len(key)} bytes, must be {KEY_BYTES}")
        addresses = (ctypes.c_uint64 * len(lcores))(*lcores)
        super().__init__(
            _declare(library), f"collector of {len(lcores)} lcores", addresses, len(lcores), key
        )
        self._tables = tables
        self._window = abi.TrafficWindow()

    def collect(self, boot_ms: int) -> Window:
        """Collect new counts; call about every ``COLLECT_MS``, with a time that never goes back."""
        found = self._window
        self._library.sb_detection_collect(self.address, boot_ms, ctypes.addressof(found))
        followed = map(_target_traffic, found.followed[: found.followed_count])
        profiles = found.profile[: found.profile_count]
        return Window(
            boot_ms=boot_ms,
            all=_traffic(found.all),
            profiles={each.profile: _traffic(each.traffic) for each in profiles},
            highest={each.profile: _counts(each.highest) for each in profiles},
            candidates=tuple(map(_target_traffic, found.candidate[: found.candidate_count])),
            followed={each.target: each for each in followed},
            cut=found.cut,
        )

    def set_floors(
        self, profile: int, floors: Mapping[abi.TrafficKind, int], bytes_floor: int = 0
    ) -> None:
        """Set the counts per second at which a target of a profile becomes a candidate.

        A kind that is not named, or has 0, never makes it one. NativeError: no such profile.
        """
        floor = abi.TrafficSum(bytes=bytes_floor)
        for kind, least in floors.items():
            floor.count[kind] = least
        address = ctypes.addressof(floor)
        check(
            self._library.sb_detection_floors(self.address, profile, address),
            f"floors of profile {profile}",
        )

    def follow(self, target: Target) -> None:
        """Collect evidence of a target, with the samples of the last second.

        NativeError: ``abi.FOLLOWED_MAX`` are followed, or the key has bits beyond its prefix
        length.
        """
        result = self._library.sb_detection_follow(self.address, *target)
        check(result, f"follow {target.key.hex()}/{target.prefix_length}")

    def unfollow(self, target: Target) -> None:
        """Delete the evidence of a target; NativeError: it is not followed."""
        result = self._library.sb_detection_unfollow(self.address, *target)
        check(result, f"unfollow {target.key.hex()}/{target.prefix_length}")

    def evidence(self, target: Target) -> Evidence:
        """The evidence of a followed target; NativeError: it is not followed."""
        found = abi.TargetEvidence()
        result = self._library.sb_detection_evidence(self.address, *target, ctypes.addressof(found))
        check(result, f"evidence of {target.key.hex()}/{target.prefix_length}")
        return _evidence(found, self.sampling.packets_every)

    def node_top(self) -> tuple[tuple[Ranked, ...], tuple[Ranked, ...]]:
        """Sources and destinations with the most packets a second, over about 8 s."""
        found = abi.NodeTop()
        self._library.sb_detection_top(self.address, ctypes.addressof(found))
        every = self.sampling.packets_every
        return (
            _ranked(found.source[: found.source_count], every),
            _ranked(found.destination[: found.destination_count], every),
        )

    def capture(self, profile: int, packets: int) -> None:
        """Let each lcore capture up to so many packets that a profile drops or would
        drop; 0: none."""
        for table in self._tables:
            table.capture(profile, packets)

    @property
    def sampling(self) -> Sampling:
        """The sampling rates that the workers got at the last collection."""
        return Sampling(self._window.packets_every, self._window.sources_every)

    @property
    def samples_lost(self) -> int:
        """Samples lost because their ring was full, since the start, at the last collection."""
        return int(self._window.samples_lost)

    @property
    def destinations(self) -> int:
        """Number of protected addresses with counters, at the last collection."""
        return int(self._window.destinations)

    @property
    def bytes(self) -> int:
        """Reserved memory; unused pages are not allocated."""
        return int(self._library.sb_detection_bytes(self.address))


def _target_traffic(found: abi.TargetTraffic) -> TargetTraffic:
    return TargetTraffic(
        key=bytes(found.key),
        prefix_length=found.prefix_length,
        profile=found.profile,
        traffic=_traffic(found.traffic),
        destinations=found.destinations,
    )


def _traffic(found: abi.TrafficNow) -> Traffic:
    return Traffic(_counts(found.window), _counts(found.since))


def _counts(found: abi.TrafficSum) -> Counts:
    return Counts(tuple(found.count), found.bytes)


def _ranked(found: Sequence[abi.Ranked], every: int) -> tuple[Ranked, ...]:
    return tuple(
        Ranked(bytes(each.key), each.packets, each.error + _sampling_error(each.packets, every))
        for each in found
    )


def _sampling_error(packets: int, every: int) -> int:
    """Twice the standard deviation. One packet in `every` is sampled, so the number of samples is
    approximately Poisson-distributed with mean ``packets / every``, and each stands for `every`
    packets."""
    return round(2 * math.sqrt(packets * every)) if every > 1 else 0


def _ports(found: Sequence[abi.PortPackets], every: int) -> tuple[RankedPort, ...]:
    return tuple(
        RankedPort(
            each.protocol,
            each.port,
            each.packets,
            each.error + _sampling_error(each.packets, every),
        )
        for each in found
    )


def _evidence(found: abi.TargetEvidence, every: int) -> Evidence:
    return Evidence(
        packets=found.packets,
        samples_taken=found.samples,
        sources=_ranked(found.source[: found.source_count], every),
        ports=_ports(found.port[: found.port_count], every),
        source_ports=_ports(found.source_port[: found.source_port_count], every),
        countries=_above_zero(found.country),
        tcp_flags=_above_zero(found.tcp_flags),
        sizes=tuple(found.size),
        reasons={abi.Reason(n): packets for n, packets in _above_zero(found.reason).items()},
        distinct_sources=found.distinct_sources,
        seen_once=found.once_sources / found.sampled_sources if found.sampled_sources else 0.0,
        samples=tuple(map(_copied, found.sample[: found.sample_count])),
    )


def _above_zero(counts: Iterable[int]) -> dict[int, int]:
    return {number: count for number, count in enumerate(counts) if count}


def _copied(sample: abi.Sample) -> abi.Sample:
    return abi.Sample.from_buffer_copy(sample)


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    u32, u64, pointer, text = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_char_p
    integer = ctypes.c_int
    return declare(
        library,
        "detection",
        ("create", integer, pointer, u32, text, pointer),
        ("destroy", None, pointer),
        ("bytes", u64, pointer),
        ("floors", integer, pointer, u32, pointer),
        ("collect", None, pointer, u64, pointer),
        ("follow", integer, pointer, text, u32),
        ("unfollow", integer, pointer, text, u32),
        ("evidence", integer, pointer, text, u32, pointer),
        ("top", None, pointer, pointer),
    )
