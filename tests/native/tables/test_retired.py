"""The grace period: what was replaced is freed when every worker has gone on, and not before."""

from __future__ import annotations

import ctypes

import pytest

from dataplane.native import abi
from dataplane.tables.retired import Retired

COUNT_MAX = 3


class Table:
    """Knows whether it was freed, and how often."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Readers:
    """Two workers, and what waits for them."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.native = abi.Readers(count=2)
        self.retired = Retired(library, ctypes.addressof(self.native), COUNT_MAX)

    def go_on(self, index: int) -> None:
        self.native.reader[index].quiescent += 1


@pytest.fixture
def readers(library: ctypes.CDLL) -> Readers:
    return Readers(library)


def test_a_table_stays_until_each_worker_has_gone_on(readers: Readers) -> None:
    table = Table()
    readers.retired.add(table)
    assert (readers.retired.reclaim(), table.closed) == (1, 0)
    readers.go_on(0)
    readers.go_on(0)
    assert (readers.retired.reclaim(), table.closed) == (1, 0), "the other one has not"
    readers.go_on(1)
    assert (readers.retired.reclaim(), table.closed) == (0, 1)
    assert (readers.retired.reclaim(), table.closed) == (0, 1), "freed once"


def test_going_on_before_a_table_was_replaced_counts_for_nothing(readers: Readers) -> None:
    first, second = Table(), Table()
    readers.retired.add(first)
    readers.go_on(0)
    readers.retired.add(second)
    readers.go_on(1)
    assert readers.retired.reclaim() == 1
    assert (first.closed, second.closed) == (1, 0)
    readers.go_on(0)
    assert (readers.retired.reclaim(), second.closed) == (0, 1)


def test_a_later_table_does_not_wait_for_an_earlier_worker(readers: Readers) -> None:
    """Each has its own grace period: the order of freeing is nobody's business."""
    readers.native.count = 1
    early = Table()
    readers.retired.add(early)
    readers.go_on(0)
    late = Table()
    readers.retired.add(late)
    readers.go_on(0)
    assert (readers.retired.reclaim(), early.closed, late.closed) == (0, 1, 1)


def test_tables_that_were_replaced_together_go_together(readers: Readers) -> None:
    tables = [Table() for _ in range(5)]
    readers.retired.add(*tables)
    assert readers.retired.count == 1
    readers.go_on(0)
    readers.go_on(1)
    assert readers.retired.reclaim() == 0
    assert [table.closed for table in tables] == [1] * 5


def test_a_counter_that_wraps_has_gone_on(readers: Readers) -> None:
    for index in range(2):
        readers.native.reader[index].quiescent = (1 << 64) - 1
    table = Table()
    readers.retired.add(table)
    assert readers.retired.reclaim() == 1
    for index in range(2):
        readers.native.reader[index].quiescent = 0
    assert (readers.retired.reclaim(), table.closed) == (0, 1)


def test_a_worker_that_has_stopped_is_not_waited_for(readers: Readers) -> None:
    table = Table()
    readers.retired.add(table)
    readers.native.count = 0  # as `Workers.join` says when all have returned
    assert (readers.retired.reclaim(), table.closed) == (0, 1)


def test_a_worker_that_started_later_is_not_waited_for(readers: Readers) -> None:
    readers.native.count = 0
    table = Table()
    readers.retired.add(table)
    readers.native.count = 2
    assert (readers.retired.reclaim(), table.closed) == (0, 1)


def test_without_readers_a_table_goes_at_once(library: ctypes.CDLL) -> None:
    retired, table = Retired(library, 0, COUNT_MAX), Table()
    retired.add(table)
    assert (retired.reclaim(), table.closed) == (0, 1)


def test_no_more_wait_than_there_is_room_for(readers: Readers) -> None:
    for _ in range(COUNT_MAX):
        assert readers.retired.has_room
        readers.retired.add(Table())
    assert not readers.retired.has_room
    with pytest.raises(ValueError, match="3 replaced tables wait"):
        readers.retired.add(Table())
    readers.go_on(0)
    readers.go_on(1)
    readers.retired.reclaim()
    assert readers.retired.has_room


def test_closing_frees_everything_once(readers: Readers) -> None:
    table = Table()
    readers.retired.add(table)
    readers.retired.close()
    readers.retired.close()
    assert (table.closed, readers.retired.count) == (1, 0)
