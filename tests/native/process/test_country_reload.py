"""Countries: loaded at the start, taken over when the file changes, kept when a new one is bad."""

from __future__ import annotations

import ctypes
import json
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from dataplane.base.networks import Network
from dataplane.countries import database
from dataplane.countries.codes import index_of
from dataplane.countries.ranges import pack_ranges
from dataplane.countries.sources import Source
from dataplane.native import abi
from dataplane.reconcile.country_reload import RETIRED_MAX, Countries
from dataplane.reconcile.published import StatsPublisher
from dataplane.shared.transport.shm import SharedStats
from tests.native.tables.policy_support import Lcores
from tests.support.waiting import wait_for

ADDRESS = Network.parse("192.0.2.7").key
NONE4, NONE = (pack_ranges([], bits, Path("test")) for bits in (32, 128))


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
    opened = Countries(library, files, lcores.node, publisher)
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

    wait_for(turned, "the new file is taken over")


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
    lcores.go_on(0)
    countries.turn(is_wanted=True)
    assert countries.retired_count == 1
    lcores.go_on(1)
    countries.turn(is_wanted=True)
    assert countries.retired_count == 0


def test_a_new_file_waits_for_workers_that_hold_several_old_tables(
    countries: Countries, lcores: Lcores, files: tuple[Path, Path], find: Callable[[], int | None]
) -> None:
    put(files[0], "DE")
    countries.start()
    for number in range(RETIRED_MAX):
        code = ("FR", "IT")[number % 2]
        put(files[0], code)
        turn_until(countries, lambda code=code: find() == index_of(code))  # type: ignore[misc]
    assert countries.retired_count == RETIRED_MAX
    in_use = lcores.node.countries
    put(files[0], "ES")
    turn_until(countries, lambda: countries._load is not None and countries._load.has_ended)
    countries.turn(is_wanted=True)
    assert (lcores.node.countries, countries.retired_count) == (in_use, RETIRED_MAX)
    lcores.go_on(0, 1)
    turn_until(countries, lambda: find() == index_of("ES"))
    assert countries.retired_count == 1


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


def test_a_file_that_knows_no_country_judges_nobody(
    countries: Countries, seen: Header, files: tuple[Path, Path], find: Callable[[], int | None]
) -> None:
    """An ASN database that an earlier release has built: everybody would be of no country."""
    database.write(files[0], Source("ASNs", datetime(2026, 1, 1, tzinfo=UTC), NONE4, NONE), 0)
    countries.start()
    countries.turn(is_wanted=True)
    assert (find(), seen.is_degraded) == (None, True)
    assert seen.notices == [(abi.NoticeKind.COUNTRIES_REFUSED, 0)]
    put(files[0], "DE")
    turn_until(countries, lambda: find() == index_of("DE") and not seen.is_degraded)
    database.write(files[0], Source("ASNs", datetime(2026, 1, 1, tzinfo=UTC), NONE4, NONE), 0)
    turn_until(countries, lambda: seen.is_degraded)
    assert find() == index_of("DE"), "the table before stays"


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


@pytest.mark.parametrize("error", [struct.error("unpack"), MemoryError(), RecursionError("deep")])
def test_whatever_a_file_raises_at_the_start_the_node_comes_up_degraded(  # noqa: PLR0917 - fixtures
    countries: Countries,
    seen: Header,
    files: tuple[Path, Path],
    find: Callable[[], int | None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    put(files[0], "DE")
    with monkeypatch.context() as broken:
        broken.setattr(database, "read", failing(error))
        countries.start()
    countries.turn(is_wanted=False)
    assert (find(), seen.is_degraded) == (None, True)
    assert seen.notices == [(abi.NoticeKind.COUNTRIES_REFUSED, 0)]
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["event"], line["error"]) == (
        "country database refused",
        f"internal error, {error!r}",
    )
    assert "in _run" in line["traceback"]
    put(files[0], "FR")
    turn_until(countries, lambda: find() == index_of("FR") and not seen.is_degraded)


def test_whatever_a_new_file_raises_the_table_before_stays(
    countries: Countries,
    seen: Header,
    files: tuple[Path, Path],
    find: Callable[[], int | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(files[0], "DE")
    countries.start()
    monkeypatch.setattr(database, "read", failing(struct.error("unpack")))
    put(files[0], "FR")
    turn_until(countries, lambda: seen.is_degraded)
    assert find() == index_of("DE")


def test_a_thread_that_cant_be_started_is_a_file_that_cant_be_loaded(
    countries: Countries,
    seen: Header,
    files: tuple[Path, Path],
    find: Callable[[], int | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(files[0], "DE")
    countries.start()
    put(files[0], "FR")
    monkeypatch.setattr(threading.Thread, "start", failing(RuntimeError("can't start new thread")))
    countries.turn(is_wanted=True)
    assert (find(), seen.is_degraded) == (index_of("DE"), True)


def failing(error: Exception) -> Callable[..., object]:
    def fail(*_: object) -> object:
        raise error

    return fail
