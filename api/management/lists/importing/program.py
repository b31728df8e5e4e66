"""The parts of an import that need seconds of interpreter time, as functions and as a program.

For large imports the API runs them in a separate process: ``python -m
api.management.lists.importing.program``, with arguments as JSON on stdin and the result as JSON on
stdout.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from api.common.bad_lines import BadLineError, BadLinesError
from api.common.children import child_environment
from api.common.contract.errors import ApiError
from api.common.disk import DiskError, StorageError, written
from api.lists.lines import Defaults
from api.management.lists.importing.parse import Parsing, parse
from api.management.lists.progress import note
from dataplane.base.clock import Deadline, SystemClock, latest_end
from dataplane.base.networks import Network
from dataplane.statelog import ListName, StateLogError, StateLogWriter
from dataplane.statelog.entries import ImportFileWriter
from dataplane.statelog.format import Entry

INLINE_BYTES_MAX = 1 << 16
"""Up to this size, starting a process would cost more than it saves."""
MODULE = "api.management.lists.importing.program"
_TIMEOUT_S = 600
_NICENESS = 5
_FILED = """
SELECT r.key, r.prefix_length, r.duration_s, m.others, m.others_boot_ms, m.others_utc_ms,
       m.others_duration_s
FROM rows AS r LEFT JOIN met AS m ON m.ordinal = r.ordinal WHERE r.skip IS NULL ORDER BY r.ordinal
"""
_WITH_AN_END = 1
"""A value of the column ``others``."""
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class ParseJob:
    """Arguments of `parse`."""

    source: str
    media_type: str
    reason: str | None
    duration_s: int | None
    force: bool
    skips: bool
    target: str
    progress: str
    """The file for the number of checked bytes."""

    def run(self) -> dict[str, Any]:
        """Run `parse`; returns the fields of the result."""
        defaults = Defaults(self.reason, self.duration_s, self.force)
        source, target, file = Path(self.source), Path(self.target), Path(self.progress)
        how = Parsing(self.media_type, defaults, self.skips, lambda done: note(file, done))
        with written(target.parent):
            return asdict(parse(source, target, how))


@dataclass(frozen=True)
class FileJob:
    """Writes the rows that are not skipped into an import file of the state log.

    The entry of a network gets the latest end of all entries that hold the network. A network
    without entries is written with an end in the past: loading it removes the network from the
    list.
    """

    stage: str
    state_log: str
    list: ListName
    hint: str
    boot_id: str
    boot_ms: int
    utc_ms: int
    removes: bool
    """True: the rows are networks of a removal; False: they are entries to add."""

    def run(self) -> tuple[str, str]:
        """Returns the file's name and checksum."""
        writer = StateLogWriter(Path(self.state_log), SystemClock())
        with closing(sqlite3.connect(self.stage)) as connection:
            with written(writer.directory), writer.import_file(self.hint) as file:
                self._write(file, connection.execute(_FILED))
            change = file.change()
            return change.file, change.crc32

    def _write(self, file: ImportFileWriter, rows: sqlite3.Cursor) -> None:
        """Write the rows; most have the same deadline, and no other entry holds their network."""
        boot_id = UUID(self.boot_id)
        while some := rows.fetchmany(_ROWS_AT_ONCE):
            keys, lengths, seconds, others, *_ = zip(*some, strict=True)
            if any(others) or seconds.count(seconds[0]) != len(seconds):
                file.write(self._entries(boot_id, some))
            else:
                networks = zip(keys, lengths, strict=True)
                file.write_alike(self.list, networks, self._own(boot_id, seconds[0]))

    def _entries(self, boot_id: UUID, rows: Iterable[tuple[Any, ...]]) -> Iterator[Entry]:
        before, own = None, self._own(boot_id, None)
        for key, length, seconds, others, boot_ms, utc_ms, duration_s in rows:
            if seconds != before:  # neighbouring rows often share their deadline
                before, own = seconds, self._own(boot_id, seconds)
            deadline = own
            if others is not None:
                endless = others != _WITH_AN_END
                other = None if endless else Deadline(boot_id, boot_ms, utc_ms, duration_s)
                deadline = other if self.removes else latest_end([deadline, other])
            yield Entry(self.list, Network(key, length), deadline)

    def _own(self, boot_id: UUID, seconds: int | None) -> Deadline | None:
        """The deadline of a row by its duration; in a removal, one in the past."""
        if self.removes:
            return Deadline(boot_id, 0, 0, 0)
        if seconds is None:
            return None
        ms = seconds * 1000
        return Deadline(boot_id, self.boot_ms + ms, self.utc_ms + ms, seconds)


def run(job: ParseJob | FileJob, size_bytes: int) -> Any:
    """Run a job in this process if it is small, else in a separate process."""
    if size_bytes <= INLINE_BYTES_MAX:
        return job.run()
    request = json.dumps({"kind": type(job).__name__, "arguments": asdict(job)})
    command = [sys.executable, "-m", MODULE]
    done = subprocess.run(
        command,
        input=request.encode(),
        stdout=subprocess.PIPE,
        timeout=_TIMEOUT_S,
        check=False,
        env=child_environment(),
    )
    if done.returncode != 0:
        raise ApiError(f"the import's process ended with status {done.returncode}")
    answer = json.loads(done.stdout)
    if "bad_lines" in answer:
        raise _bad_lines(**answer["bad_lines"])
    if "storage" in answer:
        directory, number = answer["storage"]
        raise DiskError(Path(directory), number)
    if "state_log" in answer:
        raise StateLogError(answer["state_log"])
    return answer["result"]


def main() -> None:
    """Entry point of the program."""
    os.nice(_NICENESS)
    request = json.load(sys.stdin)
    kinds: dict[str, type[ParseJob | FileJob]] = {"ParseJob": ParseJob, "FileJob": FileJob}
    job = kinds[request["kind"]](**request["arguments"])
    answer: dict[str, object]
    try:
        answer = {"result": job.run()}
    except BadLinesError as exc:
        answer = {"bad_lines": {"count": exc.count, "named": list(map(_fields, exc.lines))}}
    except BadLineError as exc:
        answer = {"bad_lines": {"count": 1, "named": [_fields(exc)]}}
    except StorageError as exc:
        answer = {"storage": [exc.place, exc.number]}
    except StateLogError as exc:
        answer = {"state_log": str(exc)}
    json.dump(answer, sys.stdout)


def _fields(error: BadLineError) -> dict[str, Any]:
    return {"message": error.why, "line": error.line, "value": error.value, "limit": error.limit}


def _bad_lines(count: int, named: list[dict[str, Any]]) -> BadLinesError:
    return BadLinesError([BadLineError(**each) for each in named], count)


if __name__ == "__main__":
    main()
