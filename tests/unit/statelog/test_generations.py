"""Generations of the state log: imports, compaction, and what is left of a crash."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dataplane.statelog import (
    Line,
    Put,
    State,
    StateLogError,
    StateLogReader,
    StateLogWriter,
)
from dataplane.statelog.opened import EntriesFile
from dataplane.statelog.pruning import remove_old
from tests.unit.statelog.support import (
    CLOCK,
    DATABASE,
    ENTRIES,
    log_path,
    put,
    read_entries,
    read_lines,
    written,
)


@pytest.fixture
def writer(tmp_path: Path) -> StateLogWriter:
    return written(tmp_path)


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
