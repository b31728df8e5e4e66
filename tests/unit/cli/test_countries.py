"""``secbeat countries``: built from files, shown, looked up, and refused in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from appliance.cli.commands import countries
from tests.support.special_files import make_special

HEAD = "# Generated: Thu, 25 Jun 2026 04:33:59 GMT\n"


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Tor's two files: 192.0.2.0/24 is in Germany, 2001:db8::/32 in France."""
    (tmp_path / "geoip").write_text(HEAD + "3221225984,3221226239,DE\n")
    (tmp_path / "geoip6").write_text(
        HEAD + "2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,FR\n"
    )
    return [str(tmp_path / name) for name in ("geoip", "geoip6")]


@pytest.fixture
def built(secbeat: Any, sources: list[str], tmp_path: Path) -> str:
    file = str(tmp_path / "countries.db")
    done = secbeat("countries", "build", "--tor", *sources, "--file", file, "--json")
    assert (done.code, done.json["changed"]) == (0, True)
    return file


def test_a_database_of_other_things_is_refused_and_the_file_stays(
    secbeat: Any, built: str, tmp_path: Path
) -> None:
    writer = MMDBWriter(ip_version=4, database_type="GeoLite2-ASN")
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"autonomous_system_number": 64496})
    writer.to_db_file(str(tmp_path / "asn.mmdb"))
    before = Path(built).read_bytes()
    done = secbeat("countries", "build", "--mmdb", str(tmp_path / "asn.mmdb"), "--file", built)
    assert done.code == 65
    assert "country.iso_code" in done.err
    assert "autonomous_system_number" in done.err
    assert Path(built).read_bytes() == before


def test_a_fifo_is_refused_and_not_read(secbeat: Any, sources: list[str], tmp_path: Path) -> None:
    make_special(tmp_path / "fifo", "FIFO")
    done = secbeat("countries", "build", "--tor", *sources, "--file", str(tmp_path / "fifo"))
    assert (done.code, "no regular file" in done.err) == (65, True)


def test_a_family_without_countries_is_warned_about(secbeat: Any, tmp_path: Path) -> None:
    writer = MMDBWriter(ip_version=4, database_type="Test-DB")
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"country": "DE"})
    writer.to_db_file(str(tmp_path / "ipv4.mmdb"))
    words = ("countries", "build", "--mmdb", str(tmp_path / "ipv4.mmdb"))
    done = secbeat(*words, "--file", str(tmp_path / "f"))
    assert (done.code, "warning: no address of IPv6 has a country" in done.out) == (0, True)
    done = secbeat(*words, "--file", str(tmp_path / "f"), "--json")
    assert len(done.json["warnings"]) == 1


def test_lookup_follows_6to4_and_teredo(secbeat: Any, built: str) -> None:
    asked = ("2002:c000:207::1", "2001:0:c000:207::1", "2002:c000:200::/40", "2002:c000:300::")
    done = secbeat("countries", "lookup", *asked, "--file", built)
    assert [line.split("\t")[1] for line in done.out.splitlines()[1:]] == ["DE", "DE", "DE", "ZZ"]


def test_lookup_says_where_an_address_is(secbeat: Any, built: str) -> None:
    asked = ("192.0.2.7", "192.0.2.0/23", "2001:db8::1", "198.51.100.1")
    done = secbeat("countries", "lookup", *asked, "--file", built)
    rows = [line.split("\t") for line in done.out.splitlines()[1:]]
    assert rows == [
        ["192.0.2.7", "DE"],
        ["192.0.2.0/23", "DE ZZ"],
        ["2001:db8::1", "FR"],
        ["198.51.100.1", "ZZ"],
    ]


def test_show_says_what_it_is_and_how_old(secbeat: Any, built: str) -> None:
    body = secbeat("countries", "show", "--file", built, "--json").json
    assert (body["date"], body["countries"]) == ("2026-06-25T04:33:59Z", 2)
    assert (body["ranges_ipv4"], body["ranges_ipv6"]) == (3, 3)
    assert body["age_days"] > 100


def test_the_same_data_again_says_so(secbeat: Any, built: str, sources: list[str]) -> None:
    done = secbeat("countries", "build", "--tor", *sources, "--file", built)
    assert done.code == 0
    assert "the same data as before" in done.out


def test_debians_package_is_taken_when_none_is_named(
    secbeat: Any, sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(countries, "TOR", tmp_path)
    done = secbeat("countries", "build", "--file", str(tmp_path / "x"))
    assert (done.code, "tor-geoipdb" in done.out) == (0, True)


def test_no_source_at_all_is_an_error_that_says_what_to_do(
    secbeat: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(countries, "TOR", tmp_path / "none")
    done = secbeat("countries", "build", "--file", str(tmp_path / "x"))
    assert done.code == 65
    assert "name a source with --mmdb or --tor" in done.err


def test_a_source_that_is_none_leaves_the_file_that_was(
    secbeat: Any, built: str, sources: list[str]
) -> None:
    before = Path(built).read_bytes()
    done = secbeat("countries", "build", "--mmdb", sources[0], "--file", built)
    assert (done.code, "is no MMDB file" in done.err) == (65, True)
    assert Path(built).read_bytes() == before


@pytest.mark.parametrize("words", [("show",), ("lookup", "192.0.2.7")])
def test_a_database_that_is_not_there_is_named(secbeat: Any, tmp_path: Path, words: Any) -> None:
    done = secbeat("countries", *words, "--file", str(tmp_path / "none"))
    assert done.code == 65
    assert f"{tmp_path / 'none'} is not there" in done.err
