"""Files with one network per line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplane.base.errors import InvalidInputError
from dataplane.replay.listfile import read_list_file


def networks(tmp_path: Path, content: bytes) -> list[str]:
    path = tmp_path / "list"
    path.write_bytes(content)
    return [str(network) for network in read_list_file(path)]


def test_comments_blank_lines_and_line_ends_are_nothing(tmp_path: Path) -> None:
    content = b"# all\n\n 192.0.2.1 # one\r\n2001:db8::/32\n\t\n::ffff:192.0.2.2"
    assert networks(tmp_path, content) == ["192.0.2.1", "2001:db8::/32", "192.0.2.2"]


@pytest.mark.parametrize("line", [b"192.0.2.1/24", b"host.example", b"\xff\xfe", b"1" * 10_000])
def test_what_is_no_network_is_named_with_its_line(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(InvalidInputError, match="list, line 2: "):
        networks(tmp_path, b"192.0.2.1\n" + line + b"\n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="none can't be read"):
        list(read_list_file(tmp_path / "none"))
