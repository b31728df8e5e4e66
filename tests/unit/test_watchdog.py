"""When a worker counts as stalled: time and heartbeats are arguments."""

from __future__ import annotations

from dataplane.run.watchdog import STALL_MS, HeartbeatWatchdog


def check_every_10_ms(watchdog: HeartbeatWatchdog, beats: list[int], until_ms: int) -> int | None:
    for now_ms in range(10, until_ms + 1, 10):
        if (stalled := watchdog.check(beats, now_ms)) is not None:
            return stalled
    return None


def test_a_heartbeat_that_stands_for_the_limit_is_a_stall() -> None:
    watchdog = HeartbeatWatchdog(2, 0)
    watchdog.check([5, 5], 0)

    assert check_every_10_ms(watchdog, [5, 5], STALL_MS - 10) is None
    assert watchdog.check([6, 5], STALL_MS) == 1


def test_a_heartbeat_that_moves_is_none() -> None:
    watchdog = HeartbeatWatchdog(1, 0)

    assert all(watchdog.check([now_ms], now_ms) is None for now_ms in range(0, 10_000, 10))


def test_a_process_that_was_stopped_as_a_whole_is_not_at_fault() -> None:
    watchdog = HeartbeatWatchdog(1, 0)
    watchdog.check([5], 0)

    assert watchdog.check([5], 3_600_000) is None
