"""The ledger that must hold after every burst."""

from __future__ import annotations

from dataplane.native import abi
from dataplane.native.abi import Mode, Port, Verdict
from tests.native.harness import Harness


def assert_ledger(harness: Harness) -> None:
    """received = forwarded + consumed + sum(dropped) + held_now, for the one burst that was run.

    The tests transmit nothing, so what would be forwarded is counted from the verdicts.
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
    _assert_counters_agree(harness)


def _assert_counters_agree(harness: Harness) -> None:
    stats = harness.stats
    for reason in abi.Reason:
        by_port = sum(stats.port[port].dropped[reason] for port in Port)
        assert by_port == stats.profile[0].count[reason][Mode.ENFORCE]
    by_stage = sum(stats.stage[stage].dropped for stage in abi.Stage)
    assert by_stage == sum(sum(stats.port[port].dropped) for port in Port)
