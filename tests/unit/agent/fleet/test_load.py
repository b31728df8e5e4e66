"""How busy a node is."""

from __future__ import annotations

from dataclasses import replace

from api.agent.fleet.reporting.load import Load
from dataplane.shared.stats import NodeStats
from tests.unit.agent.conftest import NODE


def at(*cycles: tuple[int, int], pid: int = 1) -> NodeStats:
    lcores = tuple(
        replace(NODE.lcores[0], busy_cycles=busy, total_cycles=total) for busy, total in cycles
    )
    return replace(NODE, lcores=lcores, pid=pid)


def test_it_is_that_of_the_busiest_worker() -> None:
    load = Load()
    assert load.note(at((0, 0), (0, 0)), 0) == 0
    assert load.note(at((10, 100), (90, 100)), 5) == 0.9


def test_it_is_a_mean_of_ten_seconds() -> None:
    load, busy = Load(), 0
    for second in range(40):
        busy += 100 if second >= 30 else 0
        found = load.note(at((busy, 100 * (second + 1))), second)
    assert found == 1.0


def test_another_data_plane_counts_from_zero() -> None:
    load = Load()
    load.note(at((900, 1000)), 0)
    assert load.note(at((1, 10), pid=2), 1) == 0
    assert load.note(at((6, 20), pid=2), 2) == 0.5


def test_without_a_data_plane_there_is_none() -> None:
    load = Load()
    load.note(at((0, 0)), 0)
    assert load.note(None, 1) == 0
