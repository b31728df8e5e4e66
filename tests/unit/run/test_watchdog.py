"""When a worker counts as stalled: time and heartbeats are arguments."""

from __future__ import annotations

from dataplane.run.workers.threads import Ran
from dataplane.run.workers.watchdog import STALL_MS, STARVED_MS, HeartbeatWatchdog


def check_every_10_ms(watchdog: HeartbeatWatchdog, beats: list[int], until_ms: int) -> int | None:
    return check_from(watchdog, beats, 0, until_ms)


def check_from(
    watchdog: HeartbeatWatchdog, beats: list[int], from_ms: int, until_ms: int
) -> int | None:
    for now_ms in range(from_ms + 10, until_ms + 1, 10):
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


def test_a_worker_that_is_given_no_cpu_has_not_stalled_until_it_is_of_no_use() -> None:
    watchdog = HeartbeatWatchdog(1, 0, lambda _index: Ran(700, is_runnable=True))
    watchdog.check([5], 0)

    assert check_every_10_ms(watchdog, [5], STARVED_MS - 10) is None
    assert watchdog.check([5], STARVED_MS) == 0


def test_of_a_worker_that_is_given_little_cpu_what_it_ran_counts() -> None:
    ran_ms = 0

    def ran(_index: int) -> Ran:
        nonlocal ran_ms
        ran_ms += 1  # of each 10 ms
        return Ran(ran_ms, is_runnable=True)

    watchdog = HeartbeatWatchdog(1, 0, ran)
    watchdog.check([5], 0)

    assert check_every_10_ms(watchdog, [5], 9 * STALL_MS) is None
    assert check_from(watchdog, [5], 9 * STALL_MS, 11 * STALL_MS) == 0


def test_a_worker_that_is_stopped_or_waits_for_something_else_has_stalled() -> None:
    watchdog = HeartbeatWatchdog(1, 0, lambda _index: Ran(700, is_runnable=False))
    watchdog.check([5], 0)

    assert check_every_10_ms(watchdog, [5], STALL_MS + 10) == 0
