"""Reads an import's body into a scratch database.

Networks are packed and sorted in memory: 25 bytes each, about three times that as Python objects.
This module uses neither ``node.db`` nor the state log; `api.lists.lines` defines the lines.
"""

from __future__ import annotations

import itertools
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from api.lists.kinds import ADDRESS, kind
from api.lists.lines import Defaults, Found, Lines, Row, Run
from dataplane.base.networks import KEY_BITS, Network

_PACKED = struct.Struct(">16sBII")
"""Key, prefix length, line, and number of the line's content (`_Sayings`). Sorted as bytes, the
records are in the order of networks, and for one network in the order of lines."""
_KNOWN_MAX = 10_000
_SAYINGS = "CREATE TABLE sayings(number INTEGER PRIMARY KEY, reason TEXT, duration_s INTEGER)"
ROWS = """
CREATE TABLE {schema}rows(
    ordinal INTEGER PRIMARY KEY, key BLOB, prefix_length INTEGER, kind INTEGER,
    line INTEGER, reason TEXT, duration_s INTEGER, skip TEXT);
CREATE TABLE {schema}met(
    ordinal INTEGER PRIMARY KEY, known INTEGER DEFAULT 0, replaced INTEGER DEFAULT 0,
    others INTEGER, others_boot_ms INTEGER, others_utc_ms INTEGER, others_duration_s INTEGER);
"""
"""``rows`` has the networks of a bulk change, each once, except rows with a ``skip``. ``met`` has
those that ``node.db`` knows already: whether the totals count the network without the change,
whether a row is replaced, whether other entries hold the network (1: with an end, 2: without), and
until when."""
"""The rows have the order of the tables that they go to, so that inserting touches each
page once."""
_ROWS_AT_ONCE = 100
"""A statement for each row would cost more."""
_INSERT = "INSERT INTO rows(key, prefix_length, kind, line, reason, duration_s, skip) VALUES "
_VALUES = "(?, ?, ?, ?, ?, ?, ?)"
_INSERT_PLAIN = (
    "INSERT INTO rows(key, prefix_length, kind, line, reason, duration_s) "  # noqa: S608
    f"SELECT column1, {KEY_BITS}, {ADDRESS}, column2, ?1, ?2 FROM (VALUES "
)
_PLAIN_VALUES = "(?, ?)"
_FINISH = """
DROP TABLE sayings;
CREATE INDEX rows_skipped ON rows(line) WHERE skip IS NOT NULL;
"""

_Saying = tuple[str | None, int | None]
"""Reason and duration."""


@dataclass(frozen=True)
class Parsing:
    """The options for reading a body."""

    media_type: str
    defaults: Defaults
    skips: bool = False
    """Leave out lines that break a rule."""
    advance: Callable[[int], None] = lambda _: None
    """Called with the number of bytes read so far."""


def parse(source: Path, target: Path, how: Parsing) -> Found:
    """Parse a body into ``rows`` of a new scratch database.

    Raises `BadLinesError` if lines are invalid and not to be skipped; `BadLineError` if there are
    too many lines.
    """
    with source.open("rb") as file, closing(sqlite3.connect(target)) as connection:
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")
        connection.executescript(ROWS.format(schema="") + _SAYINGS)
        lines, sayings = Lines(file, how.media_type, how.defaults), _Sayings(connection, how)
        packed: list[bytes] = []
        for block in lines.blocks():
            for each in block:
                packed += sayings.pack(each)
            how.advance(file.tell())
        if not how.skips:
            lines.refuse()
        packed.sort()
        _insert(connection, packed, sayings)
        connection.commit()
        connection.executescript(_FINISH)
    return lines.found


class _Sayings:
    """The content of lines beside the network, by number; 0: none, so the defaults apply.

    In the worst case each line has a reason of its own. Some are cached in memory; the others are
    in the scratch database only.
    """

    def __init__(self, connection: sqlite3.Connection, how: Parsing) -> None:
        self._connection = connection
        self._defaults: _Saying = (how.defaults.reason, how.defaults.duration_s)
        self._numbers: dict[_Saying, int] = {self._defaults: 0}
        self._known: dict[int, _Saying] = {0: self._defaults}
        self._count = 1

    def pack(self, each: Run | Row) -> list[bytes]:
        """Packed as `_PACKED`."""
        if isinstance(each, Row):
            number = self._number_of((each.reason, each.duration_s))
            return [_PACKED.pack(each.key, each.prefix_length, each.line, number)]
        tail = KEY_BITS << 64 | each.line << 32
        return [key + (tail + (n << 32)).to_bytes(9, "big") for n, key in enumerate(each.keys)]

    def __getitem__(self, number: int) -> _Saying:
        found = self._known.get(number)
        if found is None:
            query = "SELECT reason, duration_s FROM sayings WHERE number = ?"
            found = self._connection.execute(query, (number,)).fetchone()
        return found

    def _number_of(self, saying: _Saying) -> int:
        number = self._numbers.get(saying)
        if number is not None:
            return number
        number, self._count = self._count, self._count + 1
        if number <= _KNOWN_MAX:
            self._numbers[saying], self._known[number] = number, saying
        else:
            self._connection.execute("INSERT INTO sayings VALUES (?, ?, ?)", (number, *saying))
        return number


def _insert(connection: sqlite3.Connection, packed: list[bytes], sayings: _Sayings) -> None:
    """Insert sorted networks into ``rows``; most are addresses to which the defaults apply."""
    rows = _Rows(sayings)
    for at in range(0, len(packed), _ROWS_AT_ONCE):
        some = packed[at : at + _ROWS_AT_ONCE]
        keys, lengths, lines, numbers = zip(*map(_PACKED.unpack, some), strict=True)
        count = len(some)
        alike = not any(numbers) and lengths.count(KEY_BITS) == count and len(set(keys)) == count
        if alike and keys[0] != rows.before[0]:
            rows.before, rows.line = (keys[-1], KEY_BITS), lines[-1]
            pairs = zip(keys, lines, strict=True)
            values = [*sayings[0], *itertools.chain.from_iterable(pairs)]
            connection.execute(_INSERT_PLAIN + ",".join([_PLAIN_VALUES] * count) + ")", values)
        else:
            of_each = map(rows.values, keys, lengths, lines, numbers)
            values = list(itertools.chain.from_iterable(of_each))
            connection.execute(_INSERT + ",".join([_VALUES] * count), values)


class _Rows:
    """The values of ``rows`` for sorted networks, one after the other."""

    def __init__(self, sayings: _Sayings) -> None:
        self._sayings = sayings
        self.before = (b"", 0)
        """The network of the row before."""
        self.line = 0
        """The first line with this network."""

    def values(self, key: bytes, length: int, line: int, number: int) -> tuple[object, ...]:
        """See `_INSERT`."""
        skip, network = None, (key, length)
        if network == self.before:
            skip = f"repeats line {self.line}"
        else:
            self.before, self.line = network, line
        of_kind = ADDRESS if length == KEY_BITS else kind(Network(key, length))
        return key, length, of_kind, line, *self._sayings[number], skip
