"""Names, size limits and safe opening of the files of a state log.

The data plane does not trust this directory: it follows no link, opens regular files only, and
checks every size before it reads.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from dataplane.base.durable import sync_directory
from dataplane.base.errors import SecBeatError

FORMAT = 5
FORMATS_READ = (2, 3, 4, FORMAT)
"""Format 2 had no rules."""
LINE_BYTES_MAX = 1 << 20
POLICY_BYTES_MAX = LINE_BYTES_MAX - 1024
"""Limit as JSON: it shares its line with the other content of a header or a revision."""
FILE_BYTES_MAX = 1 << 30
FILES_MAX = 1 << 16
"""Files in the directory, far more than two generations and their imports: each turn reads all
names."""
FILE_MODE = 0o640
_numbers = itertools.count()
_GENERATION = re.compile(r"(\d{10})\.(snapshot|log)\.ndjson")
_IMPORT = re.compile(r"import-[0-9A-Za-z][0-9A-Za-z_-]{0,63}\.ndjson")


class StateLogError(SecBeatError):
    """A state log can't be written, or is not valid."""

    http_status = 503
    exit_code = 74


def snapshot_name(generation: int) -> str:
    """File name of a generation's snapshot."""
    return f"{generation:010}.snapshot.ndjson"


def log_name(generation: int) -> str:
    """File name of a generation's log."""
    return f"{generation:010}.log.ndjson"


def import_name(hint: str) -> str:
    """File name of an import; the hint is letters, digits, ``-`` and ``_``."""
    name = f"import-{hint}.ndjson"
    if not is_import_name(name):
        raise StateLogError(f"an import can't be called {hint!r}")
    return name


def is_import_name(name: str) -> bool:
    """Whether the name is that of an import, and no path outside the directory."""
    return _IMPORT.fullmatch(name) is not None


def names(directory: Path) -> frozenset[str]:
    """The file names in the directory. OSError: it can't be read. StateLogError: there are too
    many."""
    with os.scandir(directory) as entries:
        found = frozenset(entry.name for entry in itertools.islice(entries, FILES_MAX + 1))
    if len(found) > FILES_MAX:
        raise StateLogError(f"state log {directory}: more than {FILES_MAX} files")
    return found


def generations(directory: Path, kind: str = "snapshot") -> list[int]:
    """Numbers of the generations with a file of that kind, newest first."""
    try:
        matches = [_GENERATION.fullmatch(name) for name in names(directory)]
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise StateLogError(f"state log {directory}: {exc.strerror}") from exc
    return sorted((int(m[1]) for m in matches if m and m[2] == kind), reverse=True)


def open_to_read(path: Path) -> int:
    """A descriptor on a regular file of at most `FILE_BYTES_MAX`; the caller closes it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise StateLogError(f"state log {path}: {exc.strerror}") from exc
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode) and status.st_size <= FILE_BYTES_MAX:
        return fd
    os.close(fd)
    raise StateLogError(f"state log {path}: not a regular file of at most {FILE_BYTES_MAX} bytes")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[int]:
    """A new file that gets its name, complete and durable, when the block ends without an error."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{next(_numbers)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(temporary, flags, FILE_MODE)
        try:
            os.fchmod(fd, FILE_MODE)  # independent of the umask, the data plane's group can read it
            yield fd
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise StateLogError(f"state log {path}: {exc.strerror}") from exc
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
