"""What others publish: tor-geoipdb's text and MMDB files, as real tools write them."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import maxminddb
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network
from dataplane.countries import database
from dataplane.countries.sources import Source, read_mmdb, read_tor

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


def mmdb(
    path: Path, version: int, networks: dict[str, Any], aliases: tuple[str, ...] = ()
) -> Source:
    """``aliases``: prefixes under which the IPv4 tree, at ::/96, is found as well."""
    writer = MMDBWriter(ip_version=version, ipv4_compatible=version == 6, database_type="Test-DB")
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    for alias in aliases:
        prefix = ip_network(alias)
        bits = f"{int(prefix.network_address):0128b}"[: prefix.prefixlen]
        node_at(writer, bits[:-1])[int(bits[-1])] = node_at(writer, "0" * 96)
    writer.to_db_file(str(path))
    return read_mmdb(path)


def node_at(writer: MMDBWriter, bits: str) -> Any:
    node: Any = writer.tree
    for bit in bits:
        node = node.get_or_create(int(bit))
    return node


MAXMIND = {"country": {"iso_code": "DE", "names": {"en": "Germany"}}}


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (MAXMIND, "DE"),
        ({"registered_country": {"iso_code": "FR"}}, "FR"),
        (MAXMIND | {"registered_country": {"iso_code": "FR"}}, "DE"),
        ({"country": "NL"}, "NL"),
        ({"country": "Netherlands", "country_code": "NL"}, "NL"),
        ({"country": {"iso_code": ""}, "registered_country": {"iso_code": "FR"}}, "FR"),
        ({"country": {"iso_code": " "}, "country_code": "FR"}, "FR"),
        ({"country": {"iso_code": 5}, "registered_country": {"iso_code": "FR"}}, "FR"),
        ({"country": {"iso_code": ""}, "registered_country": {}, "country_code": "NL"}, "NL"),
        ({"country_code": "", "country": "NL"}, "NL"),
        ({"asn": 64496}, "ZZ"),
        ({"country": {}}, "ZZ"),
        ({"country": {"iso_code": ""}}, "ZZ"),
    ],
)
def test_an_mmdb_record_names_its_country_in_one_of_these_ways(
    tmp_path: Path, record: dict[str, Any], code: str
) -> None:
    found = mmdb(tmp_path / "db", 4, {"192.0.2.0/24": record, "198.51.100.0/24": MAXMIND})
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


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        (
            {
                "192.0.2.0/24": {
                    "autonomous_system_number": 64496,
                    "autonomous_system_organization": "EXAMPLE",
                },
                "2001:db8::/32": {"autonomous_system_number": 64497},
            },
            r"\(Test-DB\) has no country: .* country\.iso_code, .* is autonomous_system_number, a",
        ),
        (
            {"192.0.2.0/24": {"geo": {"country": {"iso_code": "DE"}}}},
            r"no record has country\.iso_code, .* what they have is geo",
        ),
        ({"192.0.2.0/24": {"country": {"iso_code": ""}}}, "what they have is country"),
        ({"192.0.2.0/24": {"country": "Germany"}}, "'Germany' is no code of ISO 3166-1"),
        ({"192.0.2.0/24": "DE"}, "what they have is 'DE'"),
        ({}, "it has no record"),
    ],
    ids=["ASNs", "another schema", "empty", "names", "no map", "nothing"],
)
def test_an_mmdb_without_a_country_is_refused_and_says_what_is_missing(
    tmp_path: Path, records: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        mmdb(tmp_path / "db", 6, records)


def test_tors_files_without_a_country_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="has no country"):
        tor(tmp_path, HEAD + "16777216,16777471,??\n", HEAD)


def test_an_address_that_holds_one_of_ipv4_is_where_mmdb_readers_say(tmp_path: Path) -> None:
    """MaxMind's files alias these prefixes to their IPv4 tree; others do not and mean the same."""
    records = {
        "192.0.2.0/24": {"country": {"iso_code": "RU"}},
        "2001:db8::/32": {"country": {"iso_code": "DE"}},
    }
    asked = ("2002:c000:207::1", "2001:0:c000:207::1", "::ffff:192.0.2.7", "192.0.2.7")
    for aliases in ((), ("2002::/16", "2001::/32", "::ffff:0:0/96")):
        path = tmp_path / f"{len(aliases)}.mmdb"
        found = mmdb(path, 6, records, aliases)
        for address in asked:
            if aliases:
                with maxminddb.open_database(path) as reader:
                    record = reader.get(address)
                assert isinstance(record, dict)
                assert record["country"] == {"iso_code": "RU"}
            assert country(found, tmp_path, address) == "RU"
        assert country(found, tmp_path, "2002:c000:307::1") == "ZZ"
        assert country(found, tmp_path, "2001:db8::1") == "DE"


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
