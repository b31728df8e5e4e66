"""What is damaged is noticed before anything of it is given out, whatever the damage is.

The oracle is what was written: a damaged log gives the lines before the damage, as they were.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplane.statelog import Line, StateLogError, StateLogReader, StateLogWriter
from dataplane.statelog.files import log_name, snapshot_name
from tests.support.documents.old_state_log import make_format_1
from tests.unit.statelog.support import (
    CLOCK,
    DATABASE,
    ENTRIES,
    IMPORT,
    IMPORTED,
    REVISIONS,
    RULES,
    import_path,
    log_path,
    put,
    read_entries,
    read_lines,
    snapshot_path,
    written,
)

LINES = [Line(revision, changes) for revision, changes in enumerate(REVISIONS, 11)]


@pytest.fixture
def writer(tmp_path: Path) -> StateLogWriter:
    return written(tmp_path)


def follow(directory: Path) -> tuple[list[Line], bool]:
    """The lines that a log gives out, and whether it says that the rest is damaged."""
    found: list[Line] = []
    try:
        with StateLogReader(directory).log(1) as log:
            while lines := log.lines():
                found += lines
    except StateLogError:
        return found, True
    return found, False


def read_import(directory: Path) -> int:
    """How many entries are given out; raises before the first if the file is damaged."""
    with StateLogReader(directory).import_entries(IMPORT) as file:
        for _ in file.check():
            pass
        assert sum(len(chunk) for chunk in file.rule_chunks()) == file.rule_count
        return sum(len(chunk) for chunk in file.chunks())


def changed_bytes(whole: bytes) -> Iterator[tuple[int, bytes]]:
    """Every byte position with a flipped bit, another digit or letter, and an end of line."""
    rng = random.Random(len(whole))
    for at, byte in enumerate(whole):
        others = {byte ^ 1 << rng.randrange(8), ord(rng.choice("0123456789")), ord("\n")} - {byte}
        for other in sorted(others):
            yield at, whole[:at] + bytes([other]) + whole[at + 1 :]


def test_a_changed_byte_anywhere_in_a_log_is_noticed_at_its_line(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    writer.close()
    whole = log_path(tmp_path).read_bytes()
    for at, damaged in changed_bytes(whole):
        log_path(tmp_path).write_bytes(damaged)
        sound = LINES[: max(0, whole[:at].count(b"\n") - 1)]
        torn = at == len(whole) - 1  # the end of the last line: as if it were still being written
        assert follow(tmp_path) == (sound, not torn), (at, damaged)
        assert writer.open(DATABASE) == (14 if torn else None), (at, damaged)
        assert torn or writer.fault


def test_lines_that_are_lost_doubled_or_elsewhere_are_noticed_at_the_first(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    header, *lines = log_path(tmp_path).read_bytes().splitlines(keepends=True)
    variants = [[*lines[:n], *lines[n + 1 :]] for n in range(len(lines) - 1)]
    variants += [[*lines[:n], lines[n], *lines[n:]] for n in range(len(lines))]
    variants += [list(order) for order in itertools.permutations(lines) if list(order) != lines]
    for variant in variants:
        log_path(tmp_path).write_bytes(header + b"".join(variant))
        same = next(n for n, line in enumerate(variant) if line != (*lines, b"")[n])
        assert follow(tmp_path) == (LINES[:same], True)
        assert writer.open(DATABASE) is None
    log_path(tmp_path).write_bytes(b"".join(lines))
    assert follow(tmp_path) == ([], True), "no header"


def test_a_line_of_another_log_is_noticed(writer: StateLogWriter, tmp_path: Path) -> None:
    ours = log_path(tmp_path).read_bytes()
    writer.snapshot(DATABASE, 15, ENTRIES, None)
    for revision in (16, 17):
        writer.append(revision, [put("10.0.0.1")])
    theirs = (tmp_path / log_name(2)).read_bytes().splitlines(keepends=True)
    for line in theirs[1:]:
        log_path(tmp_path).write_bytes(ours + line)
        assert follow(tmp_path) == (LINES, True)


def test_a_log_without_its_last_lines_is_noticed_by_who_knows_the_last_revision(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    lines = log_path(tmp_path).read_bytes().splitlines(keepends=True)
    assert writer.is_intact()
    for count in range(1, len(lines)):
        log_path(tmp_path).write_bytes(b"".join(lines[:count]))
        assert not writer.is_intact()
        assert follow(tmp_path) == (LINES[: count - 1], False)
        assert StateLogWriter(tmp_path, CLOCK).open(DATABASE) == 10 + count - 1


def test_a_log_that_was_replaced_or_grew_is_not_the_one_that_was_left(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    shutil.copy(log_path(tmp_path), tmp_path / "copy")
    (tmp_path / "copy").replace(log_path(tmp_path))
    assert not writer.is_intact()
    assert writer.open(DATABASE) == 15
    assert writer.is_intact()
    with log_path(tmp_path).open("ab") as file:
        file.write(b"x")
    assert not writer.is_intact()
    log_path(tmp_path).unlink()
    assert not writer.is_intact()
    writer.close()
    assert not writer.is_intact()


@pytest.mark.parametrize("kind", ["snapshot", "import"])
def test_a_changed_byte_anywhere_in_a_file_of_entries_is_noticed_before_the_first_entry(
    writer: StateLogWriter, tmp_path: Path, kind: str
) -> None:
    path = (snapshot_path if kind == "snapshot" else import_path)(tmp_path)
    read = read_entries if kind == "snapshot" else read_import
    for at, damaged in changed_bytes(path.read_bytes()):
        path.write_bytes(damaged)
        with pytest.raises(StateLogError):
            read(tmp_path)
        assert writer.open(DATABASE) is None, (at, damaged)
        assert writer.fault


@pytest.mark.parametrize("kind", ["snapshot", "import"])
def test_lines_of_a_file_of_entries_that_are_lost_doubled_or_elsewhere_are_noticed(
    writer: StateLogWriter, tmp_path: Path, kind: str
) -> None:
    path = (snapshot_path if kind == "snapshot" else import_path)(tmp_path)
    read = read_entries if kind == "snapshot" else read_import
    lines = path.read_bytes().splitlines(keepends=True)
    variants = [[*lines[:n], *lines[n + 1 :]] for n in range(len(lines))]
    variants += [[*lines[:n], lines[n], *lines[n:]] for n in range(len(lines))]
    variants += [
        [*lines[:n], lines[n + 1], lines[n], *lines[n + 2 :]] for n in range(len(lines) - 1)
    ]
    for variant in variants:
        path.write_bytes(b"".join(variant))
        with pytest.raises(StateLogError):
            read(tmp_path)
        assert writer.open(DATABASE) is None


def test_another_import_is_not_taken_for_the_one_that_a_line_refers_to(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    assert read_import(tmp_path) == len(IMPORTED)
    with writer.import_file("6") as file:
        file.write([put("192.0.2.1"), put("192.0.2.9", 3600)])
        file.write_rules(RULES)
    assert file.change().count == IMPORT.count
    (tmp_path / file.file).replace(import_path(tmp_path))
    with pytest.raises(StateLogError, match="checksum"):
        read_import(tmp_path)
    assert writer.open(DATABASE) is None


def test_a_generation_under_another_number_is_refused(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    snapshot_path(tmp_path).rename(tmp_path / snapshot_name(2))
    log_path(tmp_path).rename(tmp_path / log_name(2))
    reader = StateLogReader(tmp_path)
    with pytest.raises(StateLogError, match="its name says"):
        reader.snapshot(2)
    with pytest.raises(StateLogError, match="its name says"):
        reader.log(2)
    assert writer.open(DATABASE) is None
    assert writer.fault == writer.inspect(DATABASE) is not None


@pytest.mark.parametrize(
    ("database", "revision", "entries"),
    [(UUID(int=8), 10, ENTRIES), (DATABASE, 9, ENTRIES), (DATABASE, 10, ENTRIES[:2])],
    ids=["database", "revision", "contents"],
)
def test_a_log_continues_its_own_snapshot_only(
    writer: StateLogWriter,
    tmp_path: Path,
    database: UUID,
    revision: int,
    entries: list[object],
) -> None:
    other = StateLogWriter(tmp_path / "other", CLOCK)
    other.open(database)
    other.snapshot(database, revision, entries, {"name": "p"})  # type: ignore[arg-type]
    snapshot_path(tmp_path / "other").replace(snapshot_path(tmp_path))
    reader = StateLogReader(tmp_path)
    with reader.snapshot(1) as snapshot, pytest.raises(StateLogError, match="does not continue"):
        reader.log_after(1, snapshot)
    assert writer.open(DATABASE) is None


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1 << 16),
            st.integers(0, 40),
            st.binary(max_size=8)
            | st.sampled_from([b"\n", b"0", b"[", b"]],[", b'"', b"1e9", b"{}\n", b"null", b"}\n"]),
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_done_to_a_log_nothing_else_than_what_was_written_comes_out(
    tmp_path: Path, edits: list[tuple[int, int, bytes]]
) -> None:
    if not log_path(tmp_path).exists():
        written(tmp_path).close()
        shutil.copy(log_path(tmp_path), tmp_path / "whole")
    damaged = bytearray((tmp_path / "whole").read_bytes())
    for at, removed, put_in in edits:
        start = at % (len(damaged) + 1)
        damaged[start : start + removed] = put_in
    log_path(tmp_path).write_bytes(damaged)
    found, _ = follow(tmp_path)
    assert found == LINES[: len(found)]
    opened = StateLogWriter(tmp_path, CLOCK).open(DATABASE)
    assert opened in (None, 10 + len(found))


def test_a_log_of_format_1_is_left_behind(writer: StateLogWriter, tmp_path: Path) -> None:
    make_format_1(tmp_path)
    with pytest.raises(StateLogError, match="log of format 1; this version reads formats 2, 3, 4"):
        read_lines(tmp_path)
    assert writer.open(DATABASE) is None
    assert writer.fault is not None
    assert "format 1" in writer.fault
