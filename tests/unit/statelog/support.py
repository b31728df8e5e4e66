"""A state log with a line of every kind, and how to read and spoil it."""

from __future__ import annotations

import zlib
from pathlib import Path
from uuid import UUID

from dataplane.base.clock import Deadline
from dataplane.base.networks import Network
from dataplane.statelog import (
    Change,
    Import,
    Line,
    Put,
    PutRule,
    Remove,
    RemoveRule,
    RuleRow,
    SetPolicy,
    StateLogReader,
    StateLogWriter,
    sums,
)
from dataplane.statelog.format import Entry
from tests.support.clock import FakeClock

DATABASE = UUID(int=7)
CLOCK = FakeClock(UUID(int=1))


def put(text: str, duration_s: int | None = None) -> Put:
    deadline = None if duration_s is None else Deadline.after(CLOCK, duration_s)
    return Put("blacklist", Network.parse(text), deadline)


ENTRIES = [
    put("192.0.2.1"),
    put("2001:db8::/32", 3600),
    Put("allowlist", Network.parse("0.0.0.0/0"), Deadline(UUID(int=2), 5, 6, 7)),
]
IMPORTED = ENTRIES[:2]
RULES: list[RuleRow] = [
    [17, "(?i)union.*select", "block", "high", ["any"], [], 1, None, None, 10],
    [18, "näme\u2028\\x00", "log", "low", ["header:host"], ["web"], 0, None, "n", 10],
]
IMPORT = Import("import-5.ndjson", 4, "8ead4b6c", (("allowlist", Network.parse("10.0.0.0/8")),))
REVISIONS: list[tuple[Change, ...]] = [
    (put("192.0.2.2", 60),),
    (Remove("blacklist", Network.parse("192.0.2.1")), put("192.0.2.3"), PutRule(RULES[0])),
    (SetPolicy({"name": "näme", "rules": []}),),
    (SetPolicy(None), RemoveRule(18)),
    (IMPORT,),
]


def written(directory: Path) -> StateLogWriter:
    """A log with a snapshot at revision 10 and the revisions 11 to 15, the last an import."""
    writer = StateLogWriter(directory, CLOCK)
    assert writer.open(DATABASE) is None
    writer.snapshot(DATABASE, 10, ENTRIES, {"name": "p"}, RULES)
    with writer.import_file("5") as file:
        file.write(IMPORTED)
        file.write_rules(RULES)
    assert (file.change(IMPORT.skip),) == REVISIONS[-1]
    for revision, changes in enumerate(REVISIONS, 11):
        writer.append(revision, changes)
    return writer


def read_entries(directory: Path, generation: int = 1) -> list[Entry]:
    with StateLogReader(directory).snapshot(generation) as snapshot:
        for _ in snapshot.check():
            pass
        return [entry for chunk in snapshot.chunks() for entry in chunk]


def read_rules(directory: Path, generation: int = 1) -> list[RuleRow]:
    with StateLogReader(directory).snapshot(generation) as snapshot:
        return [row for chunk in snapshot.rule_chunks() for row in chunk]


def read_lines(directory: Path, generation: int = 1) -> list[Line]:
    with StateLogReader(directory).log(generation) as log:
        return log.lines()


def snapshot_path(directory: Path) -> Path:
    return directory / "0000000001.snapshot.ndjson"


def log_path(directory: Path) -> Path:
    return directory / "0000000001.log.ndjson"


def import_path(directory: Path) -> Path:
    return directory / IMPORT.file


def append_sealed(path: Path, text: bytes) -> None:
    """A line of a JSON object whose checksum is right, whatever it says."""
    whole = path.read_bytes()
    path.write_bytes(whole + sums.seal(text, zlib.crc32(whole))[0])
