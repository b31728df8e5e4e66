"""What others publish: tor-geoipdb's text and MMDB files, as real tools write them."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from dataplane.countries import database
from dataplane.countries.sources import Source, read_mmdb, read_tor
from dataplane.errors import InvalidInputError
from dataplane.networks import Network

HEAD = "# This file\n#\n# Generated: Thu, 25 Jun 2026 04:33:59 GMT\n#\n"
IPV4 = HEAD + "16777216,16777471,AU\n16777472,16778239,CN\n16842752,16843007,??\n"
IPV6 = HEAD.replace("25 Jun", "24 Jun") + (
    "2001:200::,2001:200:134:ffff:ffff:ffff:ffff:ffff,JP\n2001:250::,2001:250:ffff::,UK\n"
)


def country(found: Source, tmp_path: Path, address: str) -> str:
    database.write(tmp_path / "compiled", found, 0)
    return database.read(tmp_path / "compiled").country(Network.parse(address).key)


def tor(tmp_path: Path, ipv4: str = IPV4, ipv6: str = IPV6) -> Source:
    for name, text in (("geoip", ipv4), ("geoip6", ipv6)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return read_tor(tmp_path / "geoip", tmp_path / "geoip6")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("1.0.0.0", "AU"),
        ("1.0.0.255", "AU"),
        ("1.0.1.0", "CN"),
        ("1.0.4.0", "ZZ"),
        ("1.1.0.0", "ZZ"),
        ("2001:200:134:ffff::1", "JP"),
        ("2001:200:135::", "ZZ"),
        ("2001:250::1", "GB"),
    ],
)
def test_tors_files_say_where_an_address_is(tmp_path: Path, address: str, code: str) -> None:
    assert country(tor(tmp_path), tmp_path, address) == code


def test_the_older_date_of_tors_files_counts(tmp_path: Path) -> None:
    assert tor(tmp_path).date == datetime(2026, 6, 24, 4, 33, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "line",
    ["", "1,2", "1,2,DE,FR", "x,2,DE", "1.0.0.0,1.0.0.255,AU", "16777216,16777471,AU", "ä,2,DE"],
    ids=["empty", "short", "long", "no number", "dotted", "again", "not ASCII"],
)
def test_a_line_of_tors_files_that_is_none_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidInputError, match=r"country source .*geoip"):
        tor(tmp_path, IPV4 + line + "\n")


def test_tors_file_without_a_date_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="Generated"):
        tor(tmp_path, IPV4.replace("Generated", "Made"))


def test_tors_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="can't be read"):
        read_tor(tmp_path / "none", tmp_path / "none")


def mmdb(path: Path, version: int, networks: dict[str, Any]) -> Source:
    writer = MMDBWriter(ip_version=version, ipv4_compatible=version == 6, database_type="Test-DB")
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return read_mmdb(path)


MAXMIND = {"country": {"iso_code": "DE", "names": {"en": "Germany"}}}


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (MAXMIND, "DE"),
        ({"registered_country": {"iso_code": "FR"}}, "FR"),
        (MAXMIND | {"registered_country": {"iso_code": "FR"}}, "DE"),
        ({"country": "NL"}, "NL"),
        ({"country": "Netherlands", "country_code": "NL"}, "NL"),
        ({"asn": 64496}, "ZZ"),
        ({"country": {}}, "ZZ"),
    ],
)
def test_an_mmdb_record_names_its_country_in_one_of_these_ways(
    tmp_path: Path, record: dict[str, Any], code: str
) -> None:
    found = mmdb(tmp_path / "db", 4, {"192.0.2.0/24": record})
    assert country(found, tmp_path, "192.0.2.7") == code
    assert country(found, tmp_path, "192.0.3.7") == "ZZ"


def test_an_ipv6_mmdb_holds_both_families(tmp_path: Path) -> None:
    found = mmdb(
        tmp_path / "db",
        6,
        {"192.0.2.0/24": MAXMIND, "2001:db8::/32": {"country": {"iso_code": "JP"}}},
    )
    for address, code in (
        ("192.0.2.255", "DE"),
        ("192.0.1.255", "ZZ"),
        ("2001:db8::1", "JP"),
        ("2001:db9::1", "ZZ"),
        (str(ip_address("::192.0.2.7")), "ZZ"),
    ):
        assert country(found, tmp_path, address) == code


def test_an_mmdb_has_a_name_and_a_date(tmp_path: Path) -> None:
    found = mmdb(tmp_path / "db", 4, {"192.0.2.0/24": MAXMIND})
    assert found.name == "Test-DB"
    assert abs((found.date - datetime.now(UTC)).total_seconds()) < 3600


@pytest.mark.parametrize("content", [b"", b"no database", bytes(4096)])
def test_what_is_no_mmdb_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "db"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match="is no MMDB file"):
        read_mmdb(path)
