"""The ledger that must hold after every burst."""

from __future__ import annotations

from dataplane.native import abi
from dataplane.native.abi import Mode, Port, Verdict
from tests.native.harness import Harness


def assert_ledger(harness: Harness, profiles: int = 1) -> None:
    """received = forwarded + consumed + sum(dropped) + held_now, for the one burst that was run.

    The tests transmit nothing, so what would be forwarded is counted from the verdicts. Only the
    first ``profiles`` may have counted something.
    """
    packets = harness.burst.packets[: harness.burst.count]
    for port in Port:
        mine = [packet for packet in packets if packet.port == port]
        stats = harness.stats.port[port]
        passed = sum(packet.verdict == Verdict.PASS for packet in mine)
        assert stats.received == len(mine)
        assert stats.received_bytes == sum(packet.length for packet in mine)
        assert stats.received == passed + stats.consumed + sum(stats.dropped) + stats.held_now
        dropped = [packet for packet in mine if packet.verdict == Verdict.DROP]
        assert stats.dropped_bytes == sum(packet.length for packet in dropped)
    _assert_counters_agree(harness, profiles)


def _assert_counters_agree(harness: Harness, profiles: int) -> None:
    stats = harness.stats
    for reason in abi.Reason:
        by_port = sum(stats.port[port].dropped[reason] for port in Port)
        counts = (profile.count[reason][Mode.ENFORCE] for profile in stats.profile[:profiles])
        assert by_port == sum(counts)
    by_stage = sum(stats.stage[stage].dropped for stage in abi.Stage)
    assert by_stage == sum(sum(stats.port[port].dropped) for port in Port)
