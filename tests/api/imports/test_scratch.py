"""The scratch database and the state log's file of an import, with rows of every kind between
hundreds of plain addresses, which are handled together."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from uuid import UUID

import pytest

from api.lists.kinds import kind
from api.lists.lines import NDJSON, TEXT, Defaults
from api.management.lists.importing import parse as parse_module
from api.management.lists.importing import program
from api.management.lists.importing.parse import Parsing, parse
from dataplane.base.clock import Deadline
from dataplane.base.networks import Network
from dataplane.statelog.format import Entry, entry_lines

BOOT = UUID("12345678-1234-5678-1234-567812345678")
BOOT_MS, UTC_MS = 5_000, 1_790_000_000_000
BATCH = parse_module._ROWS_AT_ONCE


def some_networks(rng: random.Random, count: int) -> list[str]:
    """Addresses and prefixes of both families; some addresses more than once."""
    texts = [str(IPv4Address(0x0B000000 + n)) for n in rng.sample(range(1 << 20), count)]
    texts += [str(IPv6Address(0x2A00 << 112 | n)) for n in rng.sample(range(1 << 20), count // 5)]
    texts += [f"198.51.{n}.0/24" for n in rng.sample(range(256), 3)] + ["2001:db8::/32"]
    texts += rng.sample(texts, 5)
    rng.shuffle(texts)
    return texts


def rows_of(database: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT key, prefix_length, kind, line, reason, duration_s, skip FROM rows"
        return connection.execute(f"{query} ORDER BY ordinal").fetchall()


def expected(lines: list[tuple[str, str | None, int | None]]) -> Iterator[tuple[object, ...]]:
    """The rows of ``lines``: network, reason, duration."""
    first: dict[Network, int] = {}
    numbered = ((Network.parse(text), line, *rest) for line, (text, *rest) in enumerate(lines, 1))
    for network, line, *rest in sorted(numbered, key=lambda each: each[:2]):
        skip = f"repeats line {first[network]}" if network in first else None
        first.setdefault(network, line)
        yield *network, kind(network), line, *rest, skip


@pytest.mark.parametrize("count", [1, BATCH - 1, BATCH, BATCH + 1, 5 * BATCH])
def test_rows_of_text(tmp_path: Path, count: int) -> None:
    texts = some_networks(random.Random(count), max(count, 3))
    (tmp_path / "body").write_text("\n".join(texts))
    found = parse(tmp_path / "body", tmp_path / "db", Parsing(TEXT, Defaults("scan", 60)))
    assert found.networks == len(texts)
    assert rows_of(tmp_path / "db") == list(expected([(text, "scan", 60) for text in texts]))


@pytest.mark.parametrize("gap", [-1, 0, 1])
def test_a_repeated_address_at_the_edge_of_a_statement(tmp_path: Path, gap: int) -> None:
    count = BATCH + gap
    texts = [str(IPv4Address(0x0B000000 + n)) for n in range(count)]
    texts += [texts[-1]] * 3 + [str(IPv4Address(0x0C000000 + n)) for n in range(BATCH)]
    (tmp_path / "body").write_text("\n".join(texts))
    parse(tmp_path / "body", tmp_path / "db", Parsing(TEXT, Defaults(None, None)))
    rows = rows_of(tmp_path / "db")
    assert rows == list(expected([(text, None, None) for text in texts]))
    assert [row[6] for row in rows if row[6]] == [f"repeats line {count}"] * 3


def test_reasons_and_durations_of_single_lines(tmp_path: Path) -> None:
    rng = random.Random(7)
    lines: list[tuple[str, str | None, int | None]] = [
        (text, rng.choice(["scan", "scan", "spam"]), rng.choice([60, 60, 3600]))
        for text in some_networks(rng, 4 * BATCH)
    ]
    body = (
        f'{{"ip":"{text}","reason":"{reason}","duration_seconds":{duration_s}}}\n'
        for text, reason, duration_s in lines
    )
    (tmp_path / "body").write_text("".join(body))
    parse(tmp_path / "body", tmp_path / "db", Parsing(NDJSON, Defaults("scan", 60)))
    assert rows_of(tmp_path / "db") == list(expected(lines))


def file_of(tmp_path: Path, *, removes: bool) -> list[bytes]:
    """The lines of entries and boots of the file that is made from the scratch database."""
    job = program.FileJob(
        str(tmp_path / "db"), str(tmp_path), "blacklist", "7", str(BOOT), BOOT_MS, UTC_MS, removes
    )
    return (tmp_path / job.run()[0]).read_bytes().splitlines()[1:-1]


@pytest.mark.parametrize("removes", [False, True])
@pytest.mark.parametrize("duration_s", [None, 60])
def test_the_file_of_a_list(tmp_path: Path, duration_s: int | None, *, removes: bool) -> None:
    texts = some_networks(random.Random(3), 4 * program._ROWS_AT_ONCE)
    (tmp_path / "body").write_text("\n".join(texts))
    parse(tmp_path / "body", tmp_path / "db", Parsing(TEXT, Defaults("scan", duration_s)))
    deadline = Deadline(BOOT, BOOT_MS + 60_000, UTC_MS + 60_000, 60) if duration_s else None
    if removes:
        deadline = Deadline(BOOT, 0, 0, 0)
    networks = sorted(set(map(Network.parse, texts)))
    entries = [Entry("blacklist", network, deadline) for network in networks]
    assert file_of(tmp_path, removes=removes) == entry_lines(entries, []).splitlines()


def test_the_file_of_a_list_with_several_ends_and_other_holders(tmp_path: Path) -> None:
    texts = sorted(set(some_networks(random.Random(5), 4 * program._ROWS_AT_ONCE)))
    (tmp_path / "body").write_text("\n".join(texts))
    parse(tmp_path / "body", tmp_path / "db", Parsing(TEXT, Defaults("scan", 60)))
    networks = sorted(map(Network.parse, texts))
    ends = [Deadline(BOOT, BOOT_MS + 60_000, UTC_MS + 60_000, 60)] * len(networks)
    with closing(sqlite3.connect(tmp_path / "db")) as connection, connection:
        for index in (0, 300, 301, 700):
            connection.execute("UPDATE rows SET duration_s = 90 WHERE ordinal = ?", (index + 1,))
            ends[index] = Deadline(BOOT, BOOT_MS + 90_000, UTC_MS + 90_000, 90)
        held = "INSERT INTO met(ordinal, others, others_boot_ms, others_utc_ms, others_duration_s)"
        connection.execute(f"{held} VALUES (400, 1, 999000, ?, 994)", (UTC_MS + 994_000,))
        ends[399] = Deadline(BOOT, 999_000, UTC_MS + 994_000, 994)
        connection.execute(f"{held} VALUES (600, 2, NULL, NULL, NULL)")
    entries: list[Entry] = [
        Entry("blacklist", network, None if index == 599 else end)
        for index, (network, end) in enumerate(zip(networks, ends, strict=True))
    ]
    assert file_of(tmp_path, removes=False) == entry_lines(entries, []).splitlines()
