"""Entries end on time, whatever the wall clock does."""

from __future__ import annotations

import pytest

from tests.support.clock import DAY_MS, FakeClock

from ..conftest import Api


def listed(api: Api) -> list[str]:
    return [each["ip"] for each in api.get("/blacklist").json["blacklist"]]


def test_an_entry_that_has_ended_disappears_at_once_everywhere(api: Api, clock: FakeClock) -> None:
    api.ban("192.0.2.1", duration_seconds=60)
    api.ban("192.0.2.2")
    clock.pass_ms(59_999)
    assert listed(api) == ["192.0.2.1", "192.0.2.2"]
    clock.pass_ms(1)
    assert listed(api) == ["192.0.2.2"]
    assert api.get("/blacklist").json["total"] == 1
    assert api.get("/blacklist/192.0.2.1").status_code == 404
    assert api.delete("/blacklist/192.0.2.1").status_code == 404
    assert api.ban("192.0.2.1").status_code == 201


def test_what_has_ended_is_purged_without_a_revision(api: Api, clock: FakeClock) -> None:
    for last in range(5):
        api.ban(f"192.0.2.{last}", duration_seconds=60)
    clock.pass_ms(60_000)
    api.node.housekeeper.turn()
    with api.node.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM entries").scalar() == 0
        assert connection.exec_driver_sql("SELECT sum(count) FROM totals").scalar() == 0
    assert api.get("/status").json["revision"]["committed"] == 5


def test_what_has_ended_makes_room_before_it_is_purged(api: Api, clock: FakeClock) -> None:
    api.plane.addresses_max = 1
    api.ban("192.0.2.1", duration_seconds=60)
    assert api.ban("192.0.2.2").status_code == 409
    clock.pass_ms(60_000)
    assert api.ban("192.0.2.2").status_code == 201


@pytest.mark.parametrize("step_ms", [DAY_MS, -DAY_MS])
def test_a_step_of_the_wall_clock_ends_nothing_and_prolongs_nothing(
    api: Api, clock: FakeClock, step_ms: int
) -> None:
    api.ban("192.0.2.1", duration_seconds=60)
    clock.step_ms(step_ms)
    clock.pass_ms(59_999)
    assert listed(api) == ["192.0.2.1"]
    clock.pass_ms(1)
    assert listed(api) == []


def test_after_a_reboot_utc_decides(api: Api, clock: FakeClock) -> None:
    api.ban("192.0.2.1", duration_seconds=60)
    api.ban("192.0.2.2", duration_seconds=600)
    clock.reboot(off_ms=90_000, up_ms=10_000)
    again = api.restart()
    try:
        assert listed(again) == ["192.0.2.2"]
        clock.pass_ms(500_000)
        assert listed(again) == []
    finally:
        again.close()


def test_a_clock_set_back_across_a_reboot_never_prolongs_beyond_the_duration(
    api: Api, clock: FakeClock
) -> None:
    api.ban("192.0.2.1", duration_seconds=60)
    clock.step_ms(-DAY_MS)
    clock.reboot(up_ms=10_000)
    again = api.restart()
    try:
        assert listed(again) == ["192.0.2.1"]
        clock.pass_ms(50_000)
        assert listed(again) == []
    finally:
        again.close()


def test_a_restart_within_a_boot_changes_no_deadline(api: Api, clock: FakeClock) -> None:
    api.ban("192.0.2.1", duration_seconds=60)
    clock.step_ms(DAY_MS)
    again = api.restart()
    try:
        assert listed(again) == ["192.0.2.1"]
    finally:
        again.close()


def test_an_allowlist_entry_that_has_ended_protects_no_more(api: Api, clock: FakeClock) -> None:
    api.post("/allowlist", {"ip": "192.0.2.0/24", "duration_seconds": 60})
    assert api.ban("192.0.2.1").status_code == 409
    clock.pass_ms(60_000)
    assert api.ban("192.0.2.1").status_code == 201
