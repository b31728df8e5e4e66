"""The state log keeps what was acknowledged, and never gives out what was not."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from dataplane.statelog import (
    Line,
    SetPolicy,
    StateLogError,
    StateLogReader,
    StateLogWriter,
)
from dataplane.statelog.files import LINE_BYTES_MAX
from dataplane.statelog.format import Entry
from tests.unit.statelog.support import (
    DATABASE,
    ENTRIES,
    REVISIONS,
    RULES,
    append_sealed,
    log_path,
    put,
    read_entries,
    read_lines,
    read_rules,
    snapshot_path,
    written,
)


@pytest.fixture
def writer(tmp_path: Path) -> StateLogWriter:
    return written(tmp_path)


def test_what_was_written_is_read(writer: StateLogWriter, tmp_path: Path) -> None:
    reader = StateLogReader(tmp_path)
    with reader.snapshot(1) as snapshot:
        assert (snapshot.database_id, snapshot.revision, snapshot.count) == (DATABASE, 10, 5)
        assert snapshot.policy == {"name": "p"}
    assert read_entries(tmp_path) == [
        Entry(entry.list, entry.network, entry.deadline) for entry in ENTRIES
    ]
    assert read_rules(tmp_path) == RULES
    assert read_lines(tmp_path) == [Line(n, c) for n, c in enumerate(REVISIONS, 11)]
    assert writer.open(DATABASE) == 15


def test_a_reader_follows_appends(writer: StateLogWriter, tmp_path: Path) -> None:
    with StateLogReader(tmp_path).log(1) as log:
        assert len(log.lines(2)) == 2
        assert len(log.lines()) == 3
        assert log.lines() == []
        writer.append(20, [put("10.0.0.1")])
        assert [line.revision for line in log.lines()] == [20]


def test_files_are_for_the_group_to_read_and_nobody_else(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    with writer.import_file("x") as file:
        file.write(ENTRIES)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o640}, modes
    assert set(modes) == {
        "0000000001.snapshot.ndjson",
        "0000000001.log.ndjson",
        "import-5.ndjson",
        "import-x.ndjson",
    }


def test_a_snapshot_cut_anywhere_is_noticed(writer: StateLogWriter, tmp_path: Path) -> None:
    whole = snapshot_path(tmp_path).read_bytes()
    for size in range(len(whole)):
        snapshot_path(tmp_path).write_bytes(whole[:size])
        with pytest.raises(StateLogError):
            read_entries(tmp_path)
        assert writer.open(DATABASE) is None


def test_a_log_cut_anywhere_gives_whole_revisions_only(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    whole = log_path(tmp_path).read_bytes()
    header = whole.index(b"\n") + 1
    for size in range(len(whole)):
        log_path(tmp_path).write_bytes(whole[:size])
        if size < header:
            with pytest.raises(StateLogError):
                read_lines(tmp_path)
            assert writer.open(DATABASE) is None
            continue
        count = whole[header:size].count(b"\n")
        expected = [Line(n, c) for n, c in enumerate(REVISIONS[:count], 11)]
        assert read_lines(tmp_path) == expected
        assert writer.open(DATABASE) == 10 + count
        writer.append(100, [put("10.0.0.1")])  # the torn tail is gone, and does not spoil this
        assert read_lines(tmp_path) == [*expected, Line(100, (put("10.0.0.1"),))]


@pytest.mark.parametrize(
    "line",
    [
        b'{"x":null}',
        b'{"x":' + b"[" * 100_000 + b"}",
        b'{"x":' + b"9" * 5000 + b"}",
        b'{"revision":16}',
        b'{"revision":true,"boots":[],"changes":[]}',
        b'{"revision":-1,"boots":[],"changes":[]}',
        b'{"revision":15,"boots":[],"changes":[]}',
        b'{"revision":16,"boots":["x"],"changes":[]}',
        b'{"revision":16,"boots":[],"changes":[["dance"]]}',
        b'{"revision":16,"boots":[],"changes":[["put","c","192.0.2.1"]]}',
        b'{"revision":16,"boots":[],"changes":[["put","b","192.0.2.1/24"]]}',
        b'{"revision":16,"boots":[],"changes":[["put","b","192.0.2.1",0,1,1,1]]}',
        b'{"revision":16,"boots":[],"changes":[["import","../../etc/passwd",1,"00000000",[]]]}',
        b'{"revision":16,"boots":[],"changes":[["import","import-5.ndjson",1,[]]]}',
        b'{"revision":16,"boots":[],"changes":[["policy",5]]}',
    ],
    ids=lambda line: line[:60].decode(),
)
def test_a_line_that_no_writer_writes_is_refused_after_those_before_it(
    writer: StateLogWriter, tmp_path: Path, line: bytes
) -> None:
    append_sealed(log_path(tmp_path), line)
    with StateLogReader(tmp_path).log(1) as log:
        assert [found.revision for found in log.lines()] == [11, 12, 13, 14, 15]
        with pytest.raises(StateLogError):
            log.lines()
    assert writer.open(DATABASE) is None


def test_an_endless_line_is_refused(writer: StateLogWriter, tmp_path: Path) -> None:
    with log_path(tmp_path).open("ab") as file:
        file.write(b" " * (LINE_BYTES_MAX + 1))
    with StateLogReader(tmp_path).log(1) as log:
        log.lines()
        with pytest.raises(StateLogError):
            log.lines()


def test_another_format_is_refused_by_its_number(writer: StateLogWriter, tmp_path: Path) -> None:
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes().replace(b'"format":5', b'"format":6'))
    with pytest.raises(StateLogError, match="format 6; this version reads formats 2, 3, 4, 5"):
        read_lines(tmp_path)
    with pytest.raises(StateLogError, match="format 6; this version reads formats 2, 3, 4, 5"):
        read_entries(tmp_path)


def test_links_and_pipes_are_not_opened(writer: StateLogWriter, tmp_path: Path) -> None:
    kept = log_path(tmp_path).rename(tmp_path / "elsewhere")
    log_path(tmp_path).symlink_to(kept)
    with pytest.raises(StateLogError):
        read_lines(tmp_path)
    log_path(tmp_path).unlink()
    os.mkfifo(log_path(tmp_path))
    with pytest.raises(StateLogError, match="not a regular file"):
        read_lines(tmp_path)


def test_revisions_only_go_up(writer: StateLogWriter) -> None:
    for revision in (15, 3):
        with pytest.raises(StateLogError):
            writer.append(revision, [put("10.0.0.1")])


def test_a_line_above_the_limit_is_not_written(writer: StateLogWriter, tmp_path: Path) -> None:
    with pytest.raises(StateLogError, match="limit"):
        writer.append(16, [SetPolicy({"name": "x" * LINE_BYTES_MAX})])
    writer.append(16, [put("10.0.0.1")])
    assert read_lines(tmp_path)[-1].revision == 16


def test_the_log_of_another_database_is_not_continued(writer: StateLogWriter) -> None:
    assert writer.open(uuid4()) is None
    with pytest.raises(StateLogError, match="snapshot must come first"):
        writer.append(16, [put("10.0.0.1")])


def test_a_failed_append_is_taken_back_and_wants_a_snapshot(
    writer: StateLogWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: bytes) -> None:
        os.write(fd, data[:10])
        raise OSError(28, "No space left on device")

    before = log_path(tmp_path).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("dataplane.statelog.writer.write_all", full)
        with pytest.raises(StateLogError, match="No space left"):
            writer.append(16, [put("10.0.0.1")])
    assert log_path(tmp_path).read_bytes() == before
    with pytest.raises(StateLogError, match="snapshot must come first"):
        writer.append(16, [put("10.0.0.1")])
    writer.snapshot(DATABASE, 15, ENTRIES, None)
    writer.append(16, [put("10.0.0.1")])
