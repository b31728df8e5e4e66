"""The parts of an import that cost seconds of interpreter time, as functions and as a program.

The API runs them in a process of their own when there is much to do: ``python -m
api.management.lists.importing.program``, arguments as JSON on stdin, the result as JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from api.common.children import child_environment
from api.common.errors import ApiError
from api.management.lists.importing.parse import BadLineError, Defaults, parse
from dataplane.clock import Deadline, SystemClock
from dataplane.networks import Network
from dataplane.statelog import ListName, Put, StateLogError, StateLogWriter

INLINE_BYTES_MAX = 1 << 16
"""Up to here, starting a process would cost more than it saves."""
MODULE = "api.management.lists.importing.program"
_TIMEOUT_S = 600
_NICENESS = 5


@dataclass(frozen=True)
class ParseJob:
    """Arguments of `parse`."""

    source: str
    media_type: str
    reason: str | None
    duration_s: int | None
    target: str

    def run(self) -> int:
        """See `parse`."""
        defaults = Defaults(self.reason, self.duration_s)
        return parse(Path(self.source), self.media_type, defaults, Path(self.target))


@dataclass(frozen=True)
class FileJob:
    """Writes the rows that are not skipped into an import file of the state log."""

    stage: str
    state_log: str
    list: ListName
    hint: str
    boot_id: str
    boot_ms: int
    utc_ms: int

    def run(self) -> str:
        """Returns the file's name."""
        writer = StateLogWriter(Path(self.state_log), SystemClock())
        with closing(sqlite3.connect(self.stage)) as connection:
            query = "SELECT key, prefix_length, duration_s FROM rows WHERE skip IS NULL"
            with writer.import_file(self.hint) as file:
                file.write(self._puts(connection.execute(query + " ORDER BY ordinal")))
            return file.file

    def _puts(self, rows: sqlite3.Cursor) -> Iterator[Put]:
        boot_id = UUID(self.boot_id)
        for key, length, seconds in rows:
            deadline = None
            if seconds is not None:
                ms = seconds * 1000
                deadline = Deadline(boot_id, self.boot_ms + ms, self.utc_ms + ms, seconds)
            yield Put(self.list, Network(key, length), deadline)


def run(job: ParseJob | FileJob, size_bytes: int) -> Any:
    """Run a job here if it is small, else in a process of its own."""
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
    if "bad_line" in answer:
        raise _bad_line(**answer["bad_line"])
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
    except BadLineError as exc:
        message = str(exc).partition(": ")[2]
        fields = {"line": exc.line, "value": exc.value, "limit": exc.limit}
        answer = {"bad_line": {"message": message, **fields}}
    except StateLogError as exc:
        answer = {"state_log": str(exc)}
    json.dump(answer, sys.stdout)


def _bad_line(message: str, line: int, value: object, limit: str) -> BadLineError:
    return BadLineError(message, line=line, value=value, limit=limit)


if __name__ == "__main__":
    main()
