"""What an observer is told: counters, and what was rejected."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest

from dataplane import client
from dataplane.base.errors import (
    NativeError,
)
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.reconcile.published import StatsPublisher
from dataplane.reconcile.rejections import Rejection
from dataplane.shared.stats import RejectedEntry, RejectedWhole
from dataplane.statelog import Change, Put, SetPolicy, StateLogWriter
from tests.native.process.leases.leases_support import DATABASE, put, wait_until
from tests.support.servers.dataplane import PortlessDataplane, settings, turning


def test_counters_are_summed_over_the_lcores(dataplane: PortlessDataplane, path: Path) -> None:
    for index, lcore in enumerate(dataplane.stats.stats.lcore[:2]):
        port = lcore.port[abi.Port.INSIDE]
        port.received, port.dropped_bytes = 10 + index, 7
        port.held_now = (3, -1 % (1 << 64))[index]  # handed over by one, taken by the other
        port.dropped[abi.Reason.LAND] = 5
        lcore.latency.bucket[abi.LATENCY_BUCKETS - 1] = lcore.latency.count = 2
        lcore.profile[0].count[abi.Reason.BLACKLIST][abi.Mode.MONITOR] = 4
        lcore.origin[abi.Origin.RESET].tx_full = 1
        lcore.stage[abi.Stage.FORWARD].sampled_cycles = 100 + index
    dataplane.stats.header.device[abi.Port.INSIDE].speed_mbps = 10_000
    with client.observe(path) as observer:
        stats = observer.stats()
    port_stats = stats.ports["inside"]
    assert (port_stats.received, port_stats.dropped_bytes, port_stats.held_now) == (21, 14, 2)
    assert port_stats.dropped == {"land": 10}
    assert port_stats.speed_mbps == 10_000
    assert stats.ports["outside"].received == 0
    assert (stats.latency.count, stats.latency.buckets[-1]) == (4, 4)
    assert [(c.profile, c.reason, c.mode, c.packets) for c in stats.reasons] == [
        ("default", "blacklist", "monitor", 8)
    ]
    assert stats.origins["reset"].tx_full == 2
    assert [lcore.stages["forward"].sampled_cycles for lcore in stats.lcores] == [100, 101]


def test_rejections_are_told_newest_last_and_as_a_notice(
    library: ctypes.CDLL, tmp_path: Path, path: Path, writer: StateLogWriter
) -> None:
    chosen = settings(path, tmp_path / "state", addresses_max=64)
    networks = [Network.parse(f"10.0.{i >> 8}.{i & 255}") for i in range(1000)]
    with (
        PortlessDataplane(chosen) as dataplane,
        turning(dataplane),
        client.events(path) as events,
        client.control(path) as control,
    ):
        for revision, network in enumerate(networks, 1):
            writer.append(revision, [Put("blacklist", network)])
        assert control.wait_in_force(DATABASE, 1000, 20)
        stats = control.stats()
        notices = [event for event in events.drain(10_000) if isinstance(event, client.Notice)]
    count = stats.rejected_count
    assert count == 1000 - stats.capacities.addresses_used
    assert stats.degraded == ("rejected",)
    assert [entry.revision for entry in stats.rejected] == list(range(1001 - 255, 1001))
    last = stats.rejected[-1]
    network = Network.parse("10.0.3.231")
    assert last == RejectedEntry(1000, "the table is full", "blacklist", network)
    assert [notice.value for notice in notices if notice.kind == "rejected"][-1] == 1000


LONG = "\u00e9" * 64
CANT_BE: tuple[Change, ...] = (
    SetPolicy({"name": "x", "rules": [{"type": "nonsense"}]}),
    SetPolicy({"name": "x", "profiles": [{"name": LONG, "targets": ["192.0.2.1"]}]}),
)


def test_what_is_rejected_as_a_whole_is_told_with_its_kind_and_why_also_after_a_restart(
    library: ctypes.CDLL, tmp_path: Path, path: Path, writer: StateLogWriter
) -> None:
    good = SetPolicy({"name": "x", "profiles": [{"name": "web", "targets": ["192.0.2.1"]}]})
    for revision, change in enumerate((*CANT_BE, put("192.0.2.9"), good), 1):
        writer.append(revision, [change])
    for _ in range(2):
        with (
            PortlessDataplane(settings(path, tmp_path / "state")) as dataplane,
            turning(dataplane),
            client.control(path) as control,
        ):
            wait_until(lambda: control.in_force(DATABASE, 4))
            stats = control.stats()
            names = [bytes(label.name) for label in dataplane.stats.header.profile_label[:2]]
        found = {each.revision: each for each in stats.rejected}
        assert sorted(found) == [1, 2]
        what = [found[n].what for n in found if isinstance(found[n], RejectedWhole)]
        assert what == ["policy", "policy"]
        assert found[1].error.startswith("rules[0].type: one of sanity, blacklist,")
        assert found[2].error.startswith("profiles[0].name: ")
        assert [name.rstrip(b"\0") for name in names] == [b"default", b"web"]
        assert stats.capacities.addresses_used == 1


def test_a_reason_that_is_too_long_is_cut_between_two_characters(
    dataplane: PortlessDataplane, path: Path
) -> None:
    published = StatsPublisher(dataplane.stats)
    for text in ("x" * abi.REJECTED_TEXT, "x" + "\u00e9" * abi.REJECTED_TEXT, ""):
        published.rejected(Rejection(1, abi.RejectedKind.IMPORT, errno.EBADMSG, text))
    with client.observe(path) as observer:
        exact, cut, none = (each.error for each in observer.stats().rejected)
    assert exact == "x" * abi.REJECTED_TEXT
    assert cut == "x" + "\u00e9" * ((abi.REJECTED_TEXT - 4) // 2) + "\u2026"
    assert none == os.strerror(errno.EBADMSG)


def test_prefixes_that_are_not_committed_are_told_and_are_in_force_with_the_next(
    dataplane: PortlessDataplane, writer: StateLogWriter, path: Path
) -> None:
    def no_memory() -> bool:
        raise NativeError("prefix tables: Cannot allocate memory", errno.ENOMEM)

    with client.control(path) as control:
        writer.append(1, [put("192.0.2.1")])
        assert control.wait_in_force(DATABASE, 1, 60)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(dataplane.lists, "commit", no_memory)
            writer.append(2, [put("10.0.0.0/8")])
            assert control.wait_in_force(DATABASE, 2, 60)
            (rejected,) = control.stats().rejected
        assert rejected == RejectedWhole(2, "prefix tables: Cannot allocate memory", "prefixes")
        assert control.stats().degraded == ("rejected",)
        writer.append(3, [put("172.16.0.0/12")])
        assert control.wait_in_force(DATABASE, 3, 60)
        assert control.stats().degraded == ()
