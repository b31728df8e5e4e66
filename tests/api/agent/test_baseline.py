"""What profiles are used to, as it comes into events.db."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from api.agent.recording.baseline import PERIODS_MAX, PROFILES_MAX, WRITE_S, BaselineKeeper
from api.agent.recording.journal.journal import Journal
from api.common.disk import DiskError, StorageError
from api.history.rates import ATTACKED, PERIODS, bucket_of
from api.history.tables import baseline
from dataplane.shared.incidents import BaselinePeriod, ProfileRates

MONDAY_MS = 1_764_547_200_000
"""2025-12-01T00:00:00Z."""
HOUR_MS = 3_600_000


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "events.db")
    found.turn()
    yield found
    found.close()


class Plane:
    """Publishes a period whenever it is told to; ``keep`` takes it in, a second later."""

    def __init__(self, journal: Journal) -> None:
        self.period: BaselinePeriod | None = BaselinePeriod(1, (), 0)
        self.keeper = BaselineKeeper(journal, lambda: self.period)
        self.now_s = 1000.0
        self.now_ms = MONDAY_MS
        self.keep()

    def publish(self, *profiles: ProfileRates) -> None:
        number = self.period.number + 1 if self.period else 1
        self.period = BaselinePeriod(number, profiles, 0)
        self.keep()

    def keep(self) -> None:
        self.now_s += 1
        self.keeper.turn(self.now_s, self.now_ms)

    def write(self) -> None:
        self.now_s += WRITE_S
        self.keep()


def web(is_attacked: bool = False, name: str = "web", **rates: int) -> ProfileRates:
    return ProfileRates(name, rates, is_attacked)


def rows(journal: Journal) -> dict[tuple[str, int, str, int], int]:
    with journal.read() as connection:
        found = connection.execute(select(baseline)).all()
    return {(row[0], row[1], row[2], row[3]): row[4] for row in found}


def test_each_period_counts_once_in_the_bucket_of_its_rate(journal: Journal) -> None:
    plane = Plane(journal)
    plane.publish(web(syns=100, udp=0))
    plane.keep()
    plane.publish(web(syns=100, udp=7))
    assert rows(journal) == {}
    plane.write()
    assert rows(journal) == {
        ("web", 0, PERIODS, 0): 2,
        ("web", 0, "syns", bucket_of(100)): 2,
        ("web", 0, "udp", bucket_of(7)): 1,
    }


def test_what_is_written_later_is_added(journal: Journal) -> None:
    plane = Plane(journal)
    for _ in range(3):
        plane.publish(web(syns=100))
        plane.write()
    assert rows(journal)["web", 0, "syns", bucket_of(100)] == 3


def test_each_hour_of_the_week_has_counts_of_its_own(journal: Journal) -> None:
    plane = Plane(journal)
    plane.publish(web(syns=1))
    plane.now_ms += 25 * HOUR_MS
    plane.publish(web(syns=1))
    plane.write()
    assert {key[1] for key in rows(journal)} == {0, 25}


def test_a_period_with_an_attack_is_left_out_and_counted(journal: Journal) -> None:
    plane = Plane(journal)
    plane.publish(web(is_attacked=True, syns=1_000_000))
    plane.write()
    assert rows(journal) == {("web", 0, ATTACKED, 0): 1}


def test_what_the_agent_finds_at_its_start_may_be_written_already(journal: Journal) -> None:
    plane = Plane(journal)
    plane.period = BaselinePeriod(8, (web(syns=1),), 0)
    plane.keeper = BaselineKeeper(journal, lambda: plane.period)
    plane.keep()
    plane.write()
    assert rows(journal) == {}


def test_periods_go_on_after_a_restart_of_the_data_plane(journal: Journal) -> None:
    plane = Plane(journal)
    plane.publish(web(syns=1))
    for period in (None, BaselinePeriod(0, (), 0), BaselinePeriod(1, (web(syns=1),), 0)):
        plane.period = period
        plane.keep()
    plane.write()
    assert rows(journal)["web", 0, PERIODS, 0] == 2


def test_what_the_disk_refuses_is_written_later(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = Plane(journal)
    plane.publish(web(syns=1))
    with monkeypatch.context() as patched:

        def refuse() -> None:
            raise DiskError(Path("events.db"), 28)

        patched.setattr(journal, "write", refuse)
        with pytest.raises(StorageError):
            plane.write()
    plane.keep()
    assert rows(journal)["web", 0, PERIODS, 0] == 1


def test_an_hour_that_has_seen_enough_weeks_counts_half(journal: Journal) -> None:
    plane = Plane(journal)
    plane.publish(web(syns=100, udp=1))
    for _ in range(PERIODS_MAX - 1):
        plane.publish(web(syns=100))
    plane.write()
    plane.write()
    assert rows(journal) == {
        ("web", 0, PERIODS, 0): PERIODS_MAX // 2,
        ("web", 0, "syns", bucket_of(100)): PERIODS_MAX // 2,
    }


def test_profiles_that_are_no_more_are_removed_when_there_are_too_many(journal: Journal) -> None:
    plane = Plane(journal)
    names = [f"p{number:03}" for number in range(PROFILES_MAX + 2)]
    for name in names:
        plane.publish(web(name=name, syns=1))
    kept = 0
    for _ in range(4):
        plane.publish(web(name=names[-1], syns=1))
        plane.write()
        with journal.read() as connection:
            distinct = select(func.count(baseline.c.profile.distinct()))
            kept = connection.execute(distinct).scalar_one()
    assert kept == PROFILES_MAX
    assert {key[0] for key in rows(journal)} == set(names[2:])
