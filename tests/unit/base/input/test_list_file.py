"""Files with one network per line."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from dataplane.base.errors import InvalidInputError, InvalidInputsError
from dataplane.base.input.list_file import LINE_BYTES_MAX, networks_of, read_list_file


def networks(tmp_path: Path, content: bytes) -> list[str]:
    path = tmp_path / "list"
    path.write_bytes(content)
    return [str(network) for network in read_list_file(path)]


def test_comments_blank_lines_and_line_ends_are_nothing(tmp_path: Path) -> None:
    content = b"# all\n\n 192.0.2.1 # one\r\n2001:db8::/32\n\t\n::ffff:192.0.2.2"
    assert networks(tmp_path, content) == ["192.0.2.1", "2001:db8::/32", "192.0.2.2"]


def test_semicolons_ranges_and_signatures_of_feeds_are_read(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf; list\n192.0.2.0/25 ; SBL1\n\xef\xbb\xbf198.51.100.4-198.51.100.6\n"
    assert networks(tmp_path, content) == ["192.0.2.0/25", "198.51.100.4/31", "198.51.100.6"]


def test_every_bad_line_is_named_a_hundred_at_most(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputsError) as caught:
        networks(tmp_path, b"x\n192.0.2.1\ny\n" + b"z\n" * 120)
    lines = str(caught.value).splitlines()
    assert lines[0] == "122 mistakes, of which the first 100 are named"
    assert "list, line 1: " in lines[1]
    assert "list, line 3: " in lines[2]
    assert len(lines) == 101


FEW = [(1, 3), (0, 0), (0, 255), (7, 200), (2**32 - 3, 2**32 - 1), (0, 2**32 - 1)]


@pytest.mark.parametrize(("first", "last"), FEW)
def test_a_range_is_covered_exactly(first: int, last: int) -> None:
    text = f"{ipaddress.IPv4Address(first)}-{ipaddress.IPv4Address(last)}"
    expected = ipaddress.summarize_address_range(
        ipaddress.IPv4Address(first), ipaddress.IPv4Address(last)
    )
    found = [ipaddress.IPv4Network(str(each)) for each in networks_of(text)]
    assert found == list(expected)


def test_the_longest_range_has_so_many_prefixes() -> None:
    all_but_ends = "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"
    assert len(networks_of("0.0.0.1-255.255.255.254")) == 62
    assert len(networks_of(all_but_ends)) == 254


@pytest.mark.parametrize(
    "text", ["::fffe:0:1-::1:0:0:0", "::fffe:ffff:ffff - ::ffff:ffff:ffff:ffff"]
)
def test_a_range_whose_prefixes_have_all_of_ipv4_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="crosses ::ffff:0:0/96, which is IPv4"):
        networks_of(text)


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("::ffff:0:0-::ffff:ffff:ffff", ["0.0.0.0/0"]),
        ("0.0.0.0-255.255.255.255", ["0.0.0.0/0"]),
        ("::fffe:0:1-::fffe:0:1", ["::fffe:0:1"]),
        ("::fffe:0:0-::1:0:0:0", ["::fffe:0:0/95", "::1:0:0:0"]),
        ("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["::/0"]),
    ],
)
def test_ranges_beside_and_around_ipv4_are_read(text: str, networks: list[str]) -> None:
    assert [str(each) for each in networks_of(text)] == networks


def test_a_comment_may_be_long_and_the_text_before_it_may_not(tmp_path: Path) -> None:
    line = b"192.0.2.1" + b" " * (LINE_BYTES_MAX - 9)
    content = b"#" + b"x" * 10_000 + b"\n" + line + b"; " + b"y" * 10_000 + b"\n192.0.2.2"
    assert networks(tmp_path, content) == ["192.0.2.1", "192.0.2.2"]
    with pytest.raises(InvalidInputError, match="list, line 1: is too long, limit 4096 bytes"):
        networks(tmp_path, line + b" 198.51.100.1\n192.0.2.2")


@pytest.mark.parametrize("line", [b"192.0.2.1/24", b"host.example", b"\xff\xfe", b"1" * 10_000])
def test_what_is_no_network_is_named_with_its_line(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(InvalidInputError, match="list, line 2: "):
        networks(tmp_path, b"192.0.2.1\n" + line + b"\n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="none can't be read"):
        list(read_list_file(tmp_path / "none"))
