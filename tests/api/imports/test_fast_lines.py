"""Lines that are an address and nothing else are read in runs: the rules are those of any line."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from api.common.bad_lines import BadLineError, BadLinesError
from api.lists import lines
from api.lists.lines import Defaults, Lines, Row
from api.management.lists.importing import parse

DEFAULTS = Defaults("why", 60)
PLAIN = [b"192.0.2.1", b"2001:db8::1", b"::ffff:192.0.2.9", b"192.0.2.3\r"]
SAID = [
    *PLAIN,
    b"::1.2.3.4",
    b" 192.0.2.2\t",
    b"2001:db8::2\r",
    b"\xef\xbb\xbf192.0.2.4",
    b"192.0.2.5 # a comment",
    b"; a comment",
    b"# caf\xc3\xa9 \xff",
    b"",
    b"\r",
    b"10.0.0.0/8",
    b"0.0.0.0/0",
    b"2001:db8::/32",
    b"192.0.2.0-192.0.2.6",
    b"192.0.2.1/24",
    b"192.0.2.01",
    b"192.0.2",
    b"fe80::1%eth0",
    b"192.0.2.1\x00",
    b"::ffff:192.0.2.0/90",
    b"\xff\xfe1",
    b"192.0.2.1" + b" " * 4086,
    b"192.0.2.1" + b" " * 4087,
    b"1" * 9000,
]


class LineByLine(Lines):
    """By the rules of any line."""

    def _runs(self, line: int, _block: bytes, raw: list[bytes]) -> Iterator[Row]:
        return self._rows(line, raw)


def outcome(how: type[Lines], body: bytes) -> Any:
    """Everything that reading a body tells."""
    read = how(io.BytesIO(body), lines.TEXT, DEFAULTS)
    rows: list[Row] = []
    try:
        rows += read
        read.refuse()
    except BadLinesError as error:
        return rows, read.found, error.count, [str(each) for each in error.lines]
    except BadLineError as error:  # too many: the rows before it are not used
        return str(error), error.line, error.value, error.limit
    return rows, read.found


@pytest.mark.parametrize("seed", range(200))
def test_a_run_is_read_as_its_lines_are(seed: int) -> None:
    rng = Random(seed)
    said = [rng.choice([rng.choice(SAID), rng.randbytes(3)]) for _ in range(rng.randrange(40))]
    if rng.randrange(2):
        said = [each for each in said if each in PLAIN]
    body = b"\n".join(said) + rng.choice([b"", b"\n"])
    with (
        patch.object(lines, "_BLOCK_BYTES", rng.choice([1, 50, 1 << 16])),
        patch.object(lines, "LINES_MAX", rng.choice([3, 20, 1_000_000])),
    ):
        assert outcome(Lines, body) == outcome(LineByLine, body)


def test_lines_keep_their_numbers_from_block_to_block() -> None:
    body = b"192.0.2.1\n\n10.0.0.0/8\n2001:db8::1\nwrong\n192.0.2.2"
    with patch.object(lines, "_BLOCK_BYTES", 1):
        read = Lines(io.BytesIO(body), lines.TEXT, DEFAULTS)
        assert [row.line for row in read] == [1, 3, 4, 6]
    assert read.found.refused_lines == [(5, "wrong", "'wrong' is not an IP address or prefix")]


@pytest.mark.parametrize("known", [0, 1, 10_000])
def test_rows_lie_in_the_order_of_networks_with_what_their_lines_say(
    known: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse, "_KNOWN_MAX", known)
    monkeypatch.setattr(parse, "_ROWS_AT_ONCE", 2)
    source, target = tmp_path / "body", tmp_path / "stage.db"
    source.write_text(
        '{"ip": "192.0.2.2", "reason": "b", "duration_seconds": 5}\n'
        '{"ip": "192.0.2.1"}\n'
        '{"ip": "2001:db8::/32", "reason": "a"}\n'
        '{"ip": "192.0.2.2", "reason": "c", "duration_seconds": null}\n'
        '{"ip": "192.0.2.0/24", "reason": "b", "duration_seconds": 5}\n'
    )
    found = parse.parse(source, target, parse.Parsing(lines.NDJSON, DEFAULTS))
    with closing(sqlite3.connect(target)) as connection:
        query = "SELECT ordinal, line, kind, reason, duration_s, skip FROM rows ORDER BY ordinal"
        rows = list(connection.execute(query))
    assert (found.lines, found.networks) == (5, 5)
    assert rows == [
        (1, 5, 1, "b", 5, None),
        (2, 2, 0, "why", 60, None),
        (3, 1, 0, "b", 5, None),
        (4, 4, 0, "c", None, "repeats line 1"),
        (5, 3, 2, "a", 60, None),
    ]
