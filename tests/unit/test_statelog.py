"""The state log keeps what was acknowledged, and never gives out what was not."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from dataplane.clock import Deadline
from dataplane.networks import Network
from dataplane.statelog import (
    Change,
    Import,
    Line,
    Put,
    Remove,
    SetPolicy,
    StateLogError,
    StateLogReader,
    StateLogWriter,
)
from dataplane.statelog.files import LINE_BYTES_MAX
from dataplane.statelog.format import Entry
from dataplane.statelog.reader import EntriesFile
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
REVISIONS: list[tuple[Change, ...]] = [
    (put("192.0.2.2", 60),),
    (Remove("blacklist", Network.parse("192.0.2.1")), put("192.0.2.3")),
    (SetPolicy({"name": "näme", "rules": []}),),
    (SetPolicy(None),),
    (Import("import-5.ndjson", 2, (("allowlist", Network.parse("10.0.0.0/8")),)),),
]


@pytest.fixture
def writer(tmp_path: Path) -> StateLogWriter:
    """A log with a snapshot at revision 10 and the revisions 11 to 15."""
    writer = StateLogWriter(tmp_path, CLOCK)
    assert writer.open(DATABASE) is None
    writer.snapshot(DATABASE, 10, ENTRIES, {"name": "p"})
    for revision, changes in enumerate(REVISIONS, 11):
        writer.append(revision, changes)
    return writer


def read_entries(directory: Path, generation: int = 1) -> list[Entry]:
    with StateLogReader(directory).snapshot(generation) as snapshot:
        for _ in snapshot.check():
            pass
        return [entry for chunk in snapshot.chunks() for entry in chunk]


def read_lines(directory: Path, generation: int = 1) -> list[Line]:
    with StateLogReader(directory).log(generation) as log:
        return log.lines()


def snapshot_path(directory: Path) -> Path:
    return directory / "0000000001.snapshot.ndjson"


def log_path(directory: Path) -> Path:
    return directory / "0000000001.log.ndjson"


def test_what_was_written_is_read(writer: StateLogWriter, tmp_path: Path) -> None:
    reader = StateLogReader(tmp_path)
    with reader.snapshot(1) as snapshot:
        assert (snapshot.database_id, snapshot.revision, snapshot.count) == (DATABASE, 10, 3)
        assert snapshot.policy == {"name": "p"}
    assert read_entries(tmp_path) == [
        Entry(entry.list, entry.network, entry.deadline) for entry in ENTRIES
    ]
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


def test_damage_anywhere_is_an_error_or_whole_revisions(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    originals = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for _ in range(500):
        path, whole = rng.choice(list(originals.items()))
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(damaged))
            damaged[at : at + rng.randint(0, 4)] = rng.choice(
                [b"", b"\n", b"\0", b"[", b"]],[", b'"', b"1e9", b"\xff", b"{}", b"null", b"true"]
            )
        path.write_bytes(damaged)
        for read in (read_entries, read_lines):
            with contextlib.suppress(StateLogError):
                read(tmp_path)
        writer.open(DATABASE)
        for other, content in originals.items():
            other.write_bytes(content)


@pytest.mark.parametrize(
    "line",
    [
        b"null",
        b"[" * 100_000,
        b"9" * 5000,
        b'{"revision":16}',
        b'{"revision":true,"boots":[],"changes":[]}',
        b'{"revision":-1,"boots":[],"changes":[]}',
        b'{"revision":15,"boots":[],"changes":[]}',
        b'{"revision":16,"boots":["x"],"changes":[]}',
        b'{"revision":16,"boots":[],"changes":[["dance"]]}',
        b'{"revision":16,"boots":[],"changes":[["put","c","192.0.2.1"]]}',
        b'{"revision":16,"boots":[],"changes":[["put","b","192.0.2.1/24"]]}',
        b'{"revision":16,"boots":[],"changes":[["put","b","192.0.2.1",0,1,1,1]]}',
        b'{"revision":16,"boots":[],"changes":[["import","../../etc/passwd",1,[]]]}',
        b'{"revision":16,"boots":[],"changes":[["policy",5]]}',
    ],
    ids=lambda line: line[:60].decode(),
)
def test_a_line_that_no_writer_writes_is_refused_after_those_before_it(
    writer: StateLogWriter, tmp_path: Path, line: bytes
) -> None:
    with log_path(tmp_path).open("ab") as file:
        file.write(line + b"\n")
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
        path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":2'))
    with pytest.raises(StateLogError, match="format 2; this version reads format 1"):
        read_lines(tmp_path)
    with pytest.raises(StateLogError, match="format 2; this version reads format 1"):
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
        writer.append(revision, [Import(file.file, file.count)])
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
    writer.append(20, [Import(file.file, file.count)])
    with StateLogReader(writer.directory).import_entries(file.file, 3) as entries:
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
        writer.append(16, [put("10.0.0.1")])
        yield ENTRIES[1]

    writer.compact(DATABASE, 13, entries(), None, lock)
    assert not lock.locked()
    assert [line.revision for line in read_lines(tmp_path, 2)] == [14, 15, 16]
    assert len(read_entries(tmp_path, 2)) == 2
    writer.append(17, [put("10.0.0.2")])
    assert writer.open(DATABASE) == 17


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
        patch.setattr(StateLogWriter, "_remove_old", notice("remove", StateLogWriter._remove_old))
        writer.compact(DATABASE, 15, iter(ENTRIES), None, lock)
    assert busy == []
    assert StateLogReader(tmp_path).generations() == [3, 2]


def test_a_compaction_that_is_overtaken_changes_nothing(
    writer: StateLogWriter, tmp_path: Path
) -> None:
    def entries() -> Iterator[Put]:
        writer.snapshot(DATABASE, 15, ENTRIES, None)
        yield ENTRIES[0]

    with pytest.raises(StateLogError, match="meanwhile"):
        writer.compact(DATABASE, 13, entries(), None, threading.Lock())
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
        with pytest.raises(StateLogError, match="Input/output error"):
            writer.compact(DATABASE, 15, iter(ENTRIES), None, threading.Lock())
    assert StateLogReader(tmp_path).generations() == [2, 1]
    with pytest.raises(StateLogError, match="snapshot must come first"):
        writer.append(16, [put("10.0.0.1")])


WRITE_UNTIL_KILLED = """
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID
from dataplane.clock import SystemClock
from dataplane.networks import Network
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
