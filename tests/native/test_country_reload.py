"""Countries: loaded at the start, taken over when the file changes, kept when a new one is bad."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from dataplane import abi
from dataplane.countries import database
from dataplane.countries.codes import index_of
from dataplane.countries.ranges import pack_ranges
from dataplane.countries.sources import Source
from dataplane.country_reload import Countries
from dataplane.networks import Network
from dataplane.published import StatsPublisher
from dataplane.shm import SharedStats
from dataplane.workers import Workers
from tests.support.waiting import wait_for

ADDRESS = Network.parse("192.0.2.7").key
NONE = pack_ranges([], 128, Path("test"))


class Lcores:
    """What is asked of `dataplane.workers.Workers`."""

    def __init__(self) -> None:
        self.node = abi.Node()
        self.counters: tuple[int, ...] = (5, 5)

    def quiescent(self) -> tuple[int, ...]:
        return self.counters


class Header:
    """The page that clients read, and the notices."""

    def __init__(self) -> None:
        self.header = abi.StatsHeader()
        self.notices: list[tuple[abi.NoticeKind, int]] = []

    @property
    def is_degraded(self) -> bool:
        return bool(self.header.degraded & abi.Degraded.COUNTRIES)


@pytest.fixture
def lcores() -> Lcores:
    return Lcores()


@pytest.fixture
def seen() -> Header:
    return Header()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "own.db", tmp_path / "packaged.db"


@pytest.fixture
def countries(
    library: ctypes.CDLL, lcores: Lcores, seen: Header, files: tuple[Path, Path]
) -> Iterator[Countries]:
    stats = cast(SharedStats, seen)
    publisher = StatsPublisher(stats, lambda kind, value: seen.notices.append((kind, value)))
    opened = Countries(library, files, cast(Workers, lcores), publisher)
    yield opened
    opened.close()
    assert lcores.node.countries == 0


@pytest.fixture
def find(library: ctypes.CDLL, lcores: Lcores) -> Callable[[], int | None]:
    """The country of `ADDRESS` as a worker finds it; None: there is no table."""

    def found() -> int | None:
        if not lcores.node.countries:
            return None
        return int(library.sb_countries_find(lcores.node.countries, ADDRESS))

    return found


def put(path: Path, code: str, year: int = 2026) -> None:
    packed = pack_ranges([(0, (1 << 32) - 1, index_of(code))], 32, path)
    database.write(path, Source("test", datetime(year, 1, 1, tzinfo=UTC), packed, NONE), 0)


def turn_until(countries: Countries, what: Callable[[], bool]) -> None:
    def turned() -> bool:
        countries.turn(is_wanted=True)
        return what()

    wait_for(turned, "the new file is taken over", 10)


def test_without_a_file_nobody_has_a_country_and_who_asks_is_degraded(
    countries: Countries, seen: Header, find: Callable[[], int | None]
) -> None:
    countries.start()
    countries.turn(is_wanted=False)
    assert (find(), seen.is_degraded) == (None, False)
    countries.turn(is_wanted=True)
    assert (find(), seen.is_degraded) == (None, True)


def test_a_file_is_in_use_from_the_start_and_published(
    countries: Countries, seen: Header, files: tuple[Path, Path], find: Callable[[], int | None]
) -> None:
    put(files[0], "DE")
    countries.start()
    countries.turn(is_wanted=True)
    assert (find(), seen.is_degraded) == (index_of("DE"), False)
    date_s = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    header = seen.header
    assert (header.countries_date, header.countries_ranges_ipv4) == (date_s, 1)
    assert header.countries_bytes > 0
    assert seen.notices == [(abi.NoticeKind.COUNTRIES_LOADED, date_s)]


def test_a_new_file_is_taken_over_and_the_old_table_freed_when_nobody_reads_it(
    countries: Countries, lcores: Lcores, files: tuple[Path, Path], find: Callable[[], int | None]
) -> None:
    put(files[0], "DE")
    countries.start()
    old = lcores.node.countries
    put(files[0], "FR")
    turn_until(countries, lambda: find() == index_of("FR"))
    assert lcores.node.countries != old
    assert countries.retired_count == 1
    lcores.counters = (6, 5)
    countries.turn(is_wanted=True)
    assert countries.retired_count == 1
    lcores.counters = (6, 6)
    countries.turn(is_wanted=True)
    assert countries.retired_count == 0


def test_a_file_that_comes_later_is_found(
    countries: Countries, files: tuple[Path, Path], find: Callable[[], int | None]
) -> None:
    countries.start()
    put(files[1], "DE")
    turn_until(countries, lambda: find() == index_of("DE"))


def test_ones_own_file_comes_before_the_packaged_one_and_may_go_again(
    countries: Countries, files: tuple[Path, Path], find: Callable[[], int | None]
) -> None:
    put(files[0], "DE")
    put(files[1], "FR")
    countries.start()
    assert find() == index_of("DE")
    files[0].unlink()
    turn_until(countries, lambda: find() == index_of("FR"))


def test_a_bad_file_changes_nothing_but_the_nodes_health(
    countries: Countries, seen: Header, files: tuple[Path, Path], find: Callable[[], int | None]
) -> None:
    put(files[0], "DE")
    countries.start()
    files[0].write_bytes(files[0].read_bytes()[:-1])
    turn_until(countries, lambda: seen.is_degraded)
    assert find() == index_of("DE")
    assert seen.notices[-1][0] is abi.NoticeKind.COUNTRIES_REFUSED
    put(files[0], "FR")
    turn_until(countries, lambda: find() == index_of("FR") and not seen.is_degraded)


def test_a_file_that_goes_leaves_its_table_in_use(
    countries: Countries, seen: Header, files: tuple[Path, Path], find: Callable[[], int | None]
) -> None:
    put(files[0], "DE")
    countries.start()
    files[0].unlink()
    for _ in range(3):
        countries.turn(is_wanted=True)
    assert (find(), seen.is_degraded) == (index_of("DE"), False)


def test_a_bad_file_at_the_start_does_not_keep_the_node_down(
    countries: Countries, seen: Header, files: tuple[Path, Path], find: Callable[[], int | None]
) -> None:
    files[0].write_bytes(b"no database")
    countries.start()
    countries.turn(is_wanted=False)
    assert (find(), seen.is_degraded) == (None, True)
