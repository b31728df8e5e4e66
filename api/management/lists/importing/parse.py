"""Reads an import's body into a scratch database.

Knows neither ``node.db`` nor the state log; what a line may say is in `api.lists.lines`.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from api.lists.lines import Defaults, Found, Lines

_BATCH = 5000
_SCHEMA = """
CREATE TABLE lines(line INTEGER, key BLOB, prefix_length INTEGER, kind INTEGER,
                   reason TEXT, duration_s INTEGER);
"""
ROWS = """
CREATE TABLE {schema}rows(
    ordinal INTEGER PRIMARY KEY, key BLOB, prefix_length INTEGER, kind INTEGER,
    line INTEGER, reason TEXT, duration_s INTEGER, skip TEXT);
CREATE TABLE {schema}met(
    ordinal INTEGER PRIMARY KEY, known INTEGER DEFAULT 0, replaced INTEGER DEFAULT 0,
    others INTEGER, others_boot_ms INTEGER, others_utc_ms INTEGER, others_duration_s INTEGER);
"""
"""``rows`` are the networks of a bulk change, each once but where ``skip`` says why; ``met`` has
those of which ``node.db`` has something: whether the totals know the network without what the
change adds, whether a row is replaced, what else holds the network (1: with an end, 2: without)
and until when."""
_ORDER = """
INSERT INTO rows(key, prefix_length, kind, line, reason, duration_s, skip)
    SELECT key, prefix_length, kind, line, reason, duration_s,
           CASE WHEN line > first THEN 'repeats line ' || first END
    FROM (SELECT *, min(line) OVER (PARTITION BY key, prefix_length) AS first FROM lines)
    ORDER BY key, prefix_length, line;
DROP TABLE lines;
CREATE INDEX rows_by_key ON rows(key, prefix_length);
CREATE INDEX rows_skipped ON rows(line) WHERE skip IS NOT NULL;
"""
"""In the order of the tables it goes to, so that inserting touches each page once."""


@dataclass(frozen=True)
class Parsing:
    """How to take a body."""

    media_type: str
    defaults: Defaults
    skips: bool = False
    """Leave out lines that break a rule."""
    advance: Callable[[int], None] = lambda _: None
    """Is told how many bytes have been read."""


def parse(source: Path, target: Path, how: Parsing) -> Found:
    """Parse a body into ``rows`` of a new scratch database.

    Raises `BadLinesError` if lines break a rule and are not to be skipped; `BadLineError` if there
    are too many.
    """
    with source.open("rb") as file, closing(sqlite3.connect(target)) as connection:
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)
        lines = Lines(file, how.media_type, how.defaults)
        rows = iter(lines)
        while batch := list(itertools.islice(rows, _BATCH)):
            connection.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)", batch)
            how.advance(file.tell())
        if not how.skips:
            lines.refuse()
        connection.commit()
        connection.executescript(ROWS.format(schema="") + _ORDER)
    return lines.found
