"""The file: what was written comes back, and nothing that was damaged does."""

from __future__ import annotations

import os
import random
from bisect import bisect_right
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network
from dataplane.countries import database
from dataplane.countries.codes import COUNTRIES, index_of
from dataplane.countries.ranges import pack_ranges
from dataplane.countries.sources import Source
from dataplane.native import abi
from tests.support.special_files import KINDS, is_kind, make_special

DATE = datetime(2026, 6, 25, 4, 33, 59, tzinfo=UTC)
Named = list[tuple[str, str]]


def source(named: Named, name: str = "a test") -> Source:
    """Of prefixes and their countries."""
    packed = {}
    for version, bits in ((4, 32), (6, 128)):
        networks = [(ip_network(text), index_of(code)) for text, code in named]
        ranges = [
            (int(one.network_address), int(one.broadcast_address), code)
            for one, code in networks
            if one.version == version
        ]
        packed[version] = pack_ranges(ranges, bits, Path("test"))
    return Source(name, DATE, packed[4], packed[6])


NAMED: Named = [
    ("192.0.2.0/24", "DE"),
    ("198.51.100.0/25", "FR"),
    ("198.51.100.128/25", "US"),
    ("2001:db8::/32", "JP"),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "countries.db"
    database.write(path, source(NAMED), built_s=1_782_400_000)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_or_fifo_is_not_replaced(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "special"
    make_special(path, kind)
    with pytest.raises(InvalidInputError, match="no regular file"):
        database.write(path, source(NAMED), built_s=0)
    assert is_kind(path, kind)


def test_a_link_to_the_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    database.write(link, source(NAMED), built_s=7)
    assert link.readlink() == file
    assert database.read(file).built_s == 7


def test_what_was_written_comes_back(file: Path) -> None:
    found = database.read(file)
    assert (found.name, found.date_s) == ("a test", int(DATE.timestamp()))
    assert (found.built_s, found.ipv4_count, found.ipv6_count) == (1_782_400_000, 6, 3)
    assert file.stat().st_mode & 0o777 == 0o644
    assert os.listdir(file.parent) == [file.name]  # noqa: PTH208 - names alone


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("192.0.2.0", "DE"),
        ("192.0.2.255", "DE"),
        ("192.0.3.0", "ZZ"),
        ("198.51.100.127", "FR"),
        ("198.51.100.128", "US"),
        ("::ffff:192.0.2.7", "DE"),
        ("2002:c000:207::1", "DE"),
        ("2002:c633:647f:ffff:ffff:ffff:ffff:ffff", "FR"),
        ("2002:c633:6480::", "US"),
        ("2002:c000:300::1", "ZZ"),
        ("2001:0:c000:207::1", "DE"),
        ("2001:0:c633:6480:8000:63bf:3fff:fdd2", "US"),
        ("2001:1:c000:207::1", "ZZ"),
        ("2003:c000:207::1", "ZZ"),
        ("2001:db8:ffff::1", "JP"),
        ("2001:db9::", "ZZ"),
        ("::", "ZZ"),
    ],
)
def test_an_address_has_the_country_of_its_prefix(file: Path, address: str, code: str) -> None:
    assert database.read(file).country(Network.parse(address).key) == code


@pytest.mark.parametrize(
    ("network", "codes"),
    [
        ("192.0.2.0/24", {"DE"}),
        ("198.51.100.0/24", {"FR", "US"}),
        ("192.0.0.0/8", {"DE", "ZZ"}),
        ("0.0.0.0/0", {"DE", "FR", "US", "ZZ"}),
        ("::/0", {"DE", "FR", "JP", "US", "ZZ"}),
        ("2002:c000:200::/40", {"DE"}),
        ("2002:c000:207:1::/64", {"DE"}),
        ("2002:c633:6400::/40", {"FR", "US"}),
        ("2002::/16", {"DE", "FR", "US", "ZZ"}),
        ("2002:c000:300::/40", {"ZZ"}),
        ("2001:0:c633:6480::/64", {"US"}),
        ("2001::/32", {"DE", "FR", "US", "ZZ"}),
        ("2001:0:c633:6400::/56", {"FR", "US"}),
        ("2001::/16", {"DE", "FR", "JP", "US", "ZZ"}),
        ("2001:8000::/17", {"ZZ"}),
        ("2001:db8:1::/48", {"JP"}),
    ],
)
def test_a_network_has_the_countries_of_its_addresses(
    file: Path, network: str, codes: set[str]
) -> None:
    assert database.read(file).countries_in(Network.parse(network)) == codes


@pytest.mark.parametrize("seed", range(3))
def test_every_address_is_found_as_in_a_plain_list(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    starts = sorted(rng.sample(range(1, 1 << 32), 500))
    codes = [rng.choice(sorted(COUNTRIES)) for _ in starts]
    ranges = [
        (first, (starts[i + 1] if i + 1 < len(starts) else 1 << 32) - 1, index_of(codes[i]))
        for i, first in enumerate(starts)
    ]
    packed = pack_ranges(ranges, 32, Path("test"))
    database.write(tmp_path / "f", Source("x", DATE, packed, bytes(24)), 0)
    found = database.read(tmp_path / "f")
    for address in [*starts, *(one - 1 for one in starts), *rng.sample(range(1 << 32), 500)]:
        place = bisect_right(starts, address) - 1
        key = Network.parse(str(ip_address(address))).key
        assert found.country(key) == (codes[place] if place >= 0 else "ZZ")


@pytest.mark.parametrize("named", [[], [("192.0.2.0/24", "ZZ"), ("2001:db8::/32", "ZZ")]])
def test_a_file_that_knows_no_country_is_refused(tmp_path: Path, named: Named) -> None:
    database.write(tmp_path / "f", source(named, "ASNs"), 0)
    with pytest.raises(InvalidInputError, match=r"\(ASNs\) knows no country"):
        database.read(tmp_path / "f")


@pytest.mark.parametrize(("prefix", "family"), [("192.0.2.0/24", 4), ("2001:db8::/32", 6)])
def test_a_file_may_know_one_family_only(tmp_path: Path, prefix: str, family: int) -> None:
    database.write(tmp_path / "f", source([(prefix, "DE")]), 0)
    found = database.read(tmp_path / "f")
    assert [found.knows(one) for one in (4, 6)] == [family == 4, family == 6]


def test_a_file_that_was_cut_anywhere_is_refused(file: Path) -> None:
    content = file.read_bytes()
    for length in (*range(140), *range(140, len(content), 7)):
        file.write_bytes(content[:length])
        with pytest.raises(InvalidInputError, match=str(file)):
            database.read(file)


def test_a_file_with_a_byte_more_or_another_is_refused(file: Path) -> None:
    content = bytearray(file.read_bytes())
    file.write_bytes(content + b"\0")
    with pytest.raises(InvalidInputError, match="its header says"):
        database.read(file)
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x40
        file.write_bytes(damaged)
        with pytest.raises(InvalidInputError):
            database.read(file)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"can't be read: No such file"):
        database.read(tmp_path / "none")


def test_a_file_that_is_larger_than_any_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(database.MAGIC)
        file.truncate(database.FILE_BYTES_MAX + 1000)
    with pytest.raises(InvalidInputError):
        database.read(path)
    assert database.FILE_BYTES_MAX < 2 * abi.COUNTRY_RANGES_MAX * 25


def test_what_cannot_be_written_leaves_the_file_that_was(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(InvalidInputError, match="can't be written"):
        database.write(file.parent / "none" / "deeper" / "f", source(NAMED), 0)
    assert file.read_bytes() == before
