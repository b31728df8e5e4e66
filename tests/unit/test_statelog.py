"""The state log keeps what was acknowledged, and never gives out what was not."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from dataplane.base.clock import Deadline
from dataplane.statelog import (
    Line,
    Overlay,
    Put,
    SetOverlays,
    SetPolicy,
    State,
    StateLogError,
    StateLogReader,
    StateLogWriter,
)
from dataplane.statelog.files import LINE_BYTES_MAX
from dataplane.statelog.format import Entry
from dataplane.statelog.opened import EntriesFile
from dataplane.statelog.pruning import remove_old
from tests.support.old_state_log import make_format_2, make_format_3
from tests.unit.statelog_support import (
    CLOCK,
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

UUID_TEXT = str(UUID(int=2)).encode()


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
        path.write_bytes(path.read_bytes().replace(b'"format":4', b'"format":5'))
    with pytest.raises(StateLogError, match="format 5; this version reads formats 2, 3, 4"):
        read_lines(tmp_path)
    with pytest.raises(StateLogError, match="format 5; this version reads formats 2, 3, 4"):
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


def test_two_generations_and_the_imports_they_need_are_kept(tmp_path: Path) -> None:
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    writer.snapshot(DATABASE, 0, [], None)
    for revision in range(1, 5):
        with writer.import_file(str(revision)) as file:
            file.write(ENTRIES)
        writer.append(revision, [file.change()])
        writer.snapshot(DATABASE, revision, ENTRIES, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0000000004.log.ndjson",
        "0000000004.snapshot.ndjson",
        "0000000005.log.ndjson",
        "0000000005.snapshot.ndjson",
        "import-4.ndjson",
    ]


def test_an_import_that_is_being_staged_survives_a_snapshot(writer: StateLogWriter) -> None:
    with writer.import_file("20") as file:
        file.write(ENTRIES)
    writer.snapshot(DATABASE, 15, ENTRIES, None)
    writer.append(20, [file.change()])
    with StateLogReader(writer.directory).import_entries(file.change()) as entries:
        assert entries.count == 3


def test_an_import_that_fails_leaves_nothing(writer: StateLogWriter, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ZeroDivisionError), writer.import_file("20") as file:
        file.write(1 // 0 for _ in ENTRIES)  # type: ignore[misc]
    assert sorted(tmp_path.iterdir()) == before


def test_leftovers_of_a_crash_are_cleared_away(writer: StateLogWriter, tmp_path: Path) -> None:
    (tmp_path / "0000000002.snapshot.ndjson.17-3.tmp").write_bytes(b"half")
    writer = StateLogWriter(tmp_path, CLOCK)
    (tmp_path / "0000000002.log.ndjson").write_bytes(log_path(tmp_path).read_bytes())
    assert writer.open(DATABASE) == 15
    writer.snapshot(DATABASE, 15, ENTRIES, None)
    assert StateLogReader(tmp_path).generations() == [3, 1]
    assert not list(tmp_path.glob("*.tmp"))


def test_compaction_takes_over_what_was_appended_meanwhile(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    lock = threading.Lock()

    def entries() -> Iterator[Put]:
        yield ENTRIES[0]
        assert not lock.locked()
        writer.append(17, [put("10.0.0.1")])
        yield ENTRIES[1]

    writer.begin_compaction()
    writer.append(16, [put("10.0.0.0")])
    writer.compact(DATABASE, 15, State(entries()), lock)
    assert not lock.locked()
    assert read_lines(tmp_path, 2) == [Line(16, (put("10.0.0.0"),)), Line(17, (put("10.0.0.1"),))]
    assert len(read_entries(tmp_path, 2)) == 2
    writer.append(18, [put("10.0.0.2")])
    assert writer.open(DATABASE) == 18


def test_compaction_takes_nothing_from_a_log_that_is_damaged(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    writer.begin_compaction()
    writer.append(16, [put("10.0.0.1")])
    log_path(tmp_path).write_bytes(log_path(tmp_path).read_bytes().replace(b"1", b"2"))
    assert writer.inspect(DATABASE) is not None
    writer.compact(DATABASE, 15, State(iter(ENTRIES)), threading.Lock())
    assert read_lines(tmp_path, 2) == [Line(16, (put("10.0.0.1"),))]
    assert writer.inspect(DATABASE) is None


def test_compaction_keeps_nobody_waiting_for_what_needs_no_lock(
    writer: StateLogWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, busy = threading.Lock(), []

    def notice(what: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def noticing(*arguments: Any) -> Any:
            if lock.locked():
                busy.append(what)
            return original(*arguments)

        return noticing

    writer.snapshot(DATABASE, 15, ENTRIES, None)
    with monkeypatch.context() as patch:
        patch.setattr(EntriesFile, "check", notice("check", EntriesFile.check))
        patch.setattr("dataplane.statelog.writer.remove_old", notice("remove", remove_old))
        writer.begin_compaction()
        writer.compact(DATABASE, 15, State(iter(ENTRIES)), lock)
    assert busy == []
    assert StateLogReader(tmp_path).generations() == [3, 2]


def test_a_compaction_that_is_overtaken_changes_nothing(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    def entries() -> Iterator[Put]:
        writer.snapshot(DATABASE, 15, ENTRIES, None)
        yield ENTRIES[0]

    writer.begin_compaction()
    with pytest.raises(StateLogError, match="meanwhile"):
        writer.compact(DATABASE, 15, State(entries()), threading.Lock())
    assert StateLogReader(tmp_path).generations() == [2, 1]
    assert not list(tmp_path.glob("*.tmp"))
    assert writer.open(DATABASE) == 15


def test_a_compaction_that_fails_with_its_name_taken_leaves_no_log_behind_to_append_to(
    writer: StateLogWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(directory: Path) -> None:
        if (directory / "0000000002.snapshot.ndjson").exists():
            raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("dataplane.statelog.files.sync_directory", fail)
        writer.begin_compaction()
        with pytest.raises(StateLogError, match="Input/output error"):
            writer.compact(DATABASE, 15, State(iter(ENTRIES)), threading.Lock())
    assert StateLogReader(tmp_path).generations() == [2, 1]
    with pytest.raises(StateLogError, match="snapshot must come first"):
        writer.append(16, [put("10.0.0.1")])


WRITE_UNTIL_KILLED = """
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID
from dataplane.base.clock import SystemClock
from dataplane.base.networks import Network
from dataplane.statelog import Put, StateLogWriter

directory = Path(sys.argv[1])
writer = StateLogWriter(directory, SystemClock())
last = writer.open(UUID(int=7))
if last is None:
    writer.snapshot(UUID(int=7), 0, [], None)
    last = 0
print("open", last, flush=True)
while True:
    last += 1
    number = last.to_bytes(4, "big")
    writer.append(last, [Put("blacklist", Network(bytes(10) + b"\\xff\\xff" + number, 128))] * 20)
    print("done", last, flush=True)
    if last % 50 == 0:
        writer.snapshot(UUID(int=7), last, [], None)
"""


def test_what_was_acknowledged_survives_kill_9_in_a_loop(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    acknowledged = 0
    for _ in range(12):
        command = [sys.executable, "-c", WRITE_UNTIL_KILLED, str(tmp_path / "log")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            opened = int(process.stdout.readline().split()[1])
            assert acknowledged <= opened <= acknowledged + 1
            for _ in range(rng.randint(1, 80)):
                acknowledged = int(process.stdout.readline().split()[1])
            process.send_signal(signal.SIGKILL)
            for rest in process.stdout:
                acknowledged = int(rest.split()[1])
    last = StateLogWriter(tmp_path / "log", CLOCK).open(DATABASE)
    assert last is not None
    assert acknowledged <= last <= acknowledged + 1


def test_a_log_of_format_2_is_read_but_not_continued(tmp_path: Path) -> None:
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    writer.snapshot(DATABASE, 10, ENTRIES, None)
    writer.append(11, [put("192.0.2.2")])
    make_format_2(tmp_path)
    assert len(read_entries(tmp_path)) == len(ENTRIES)
    assert read_rules(tmp_path) == []
    assert read_lines(tmp_path) == [Line(11, (put("192.0.2.2"),))]
    assert StateLogWriter(tmp_path, CLOCK).open(DATABASE) is None


def test_a_log_of_format_3_is_read_but_not_continued(tmp_path: Path) -> None:
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    writer.snapshot(DATABASE, 10, ENTRIES, None, RULES)
    writer.append(11, [put("192.0.2.2")])
    make_format_3(tmp_path)
    assert len(read_entries(tmp_path)) == len(ENTRIES)
    assert read_rules(tmp_path) == RULES
    assert read_lines(tmp_path) == [Line(11, (put("192.0.2.2"),))]
    with StateLogReader(tmp_path).snapshot(1) as snapshot:
        assert snapshot.overlays == ()
    assert StateLogWriter(tmp_path, CLOCK).open(DATABASE) is None


def test_overlays_come_back_from_a_snapshot_and_from_a_line(tmp_path: Path) -> None:
    laid = (
        Overlay({"kind": "panic"}, Deadline(UUID(int=2), 5, 6, 7)),
        Overlay({"kind": "limit", "profile": "web", "value": 9}, Deadline.after(CLOCK, 60)),
    )
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    writer.snapshot(DATABASE, 10, [], None, overlays=laid)
    writer.append(11, [SetOverlays(laid[:1])])
    writer.append(12, [SetOverlays(())])
    with StateLogReader(tmp_path).snapshot(1) as snapshot:
        assert snapshot.overlays == laid
    assert read_lines(tmp_path) == [
        Line(11, (SetOverlays(laid[:1]),)),
        Line(12, (SetOverlays(()),)),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b'{"revision":16,"boots":[],"changes":[["overlays"]]}',
        b'{"revision":16,"boots":[],"changes":[["overlays",{}]]}',
        b'{"revision":16,"boots":[],"changes":[["overlays",[[]]]]}',
        b'{"revision":16,"boots":[],"changes":[["overlays",[[{},"no",1,2,3]]]]}',
        b'{"revision":16,"boots":[],"changes":[["overlays",[[{},"%s",1,2]]]]}' % UUID_TEXT,
        b'{"revision":16,"boots":[],"changes":[["overlays",[["","%s",1,2,3]]]]}' % UUID_TEXT,
        b'{"revision":16,"boots":[],"changes":[["overlays",[[{},"%s",1,-2,3]]]]}' % UUID_TEXT,
        b'{"revision":16,"boots":[],"changes":[["rule"]]}',
        b'{"revision":16,"boots":[],"changes":[["rule",0,"x"]]}',
        b'{"revision":16,"boots":[],"changes":[["rule","1","x"]]}',
        b'{"revision":16,"boots":[],"changes":[["rule",1,"' + b"x" * (1 << 16) + b'"]]}',
        b'{"revision":16,"boots":[],"changes":[["unrule","1"]]}',
        b'{"revision":16,"boots":[],"changes":[["unrule",1,2]]}',
    ],
    ids=lambda line: line[36:60].decode(),
)
def test_a_rule_without_a_number_or_too_long_for_its_line_is_refused(
    writer: StateLogWriter, tmp_path: Path, line: bytes
) -> None:
    append_sealed(log_path(tmp_path), line)
    with StateLogReader(tmp_path).log(1) as log:
        log.lines()
        with pytest.raises(StateLogError):
            log.lines()


def test_fifty_thousand_rules_are_written_and_read_a_chunk_at_a_time(tmp_path: Path) -> None:
    count = 50_000
    writer = StateLogWriter(tmp_path, CLOCK)
    writer.open(DATABASE)
    rules = ([number, f"pattern of rule {number} " * 20, "block"] for number in range(1, count + 1))
    tracemalloc.start()
    try:
        writer.snapshot(DATABASE, 1, ENTRIES, None, rules)
        with StateLogReader(tmp_path).snapshot(1) as snapshot:
            numbers = (row[0] for chunk in snapshot.rule_chunks() for row in chunk)
            assert sum(numbers) == count * (count + 1) // 2
            assert (snapshot.count, snapshot.rule_count) == (count + len(ENTRIES), count)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert snapshot_path(tmp_path).stat().st_size > 20 << 20
    assert peak < 4 << 20
