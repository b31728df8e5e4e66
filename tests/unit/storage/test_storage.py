"""Which errors are the disk's, what they say, and when writes are tried again."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from api.common.contract.errors import ConflictError
from api.common.disk import DiskError, StorageError, probe, storage_error, written
from api.storage.trouble import BACK_OFF_S_MAX, PROBE_S, Storage
from dataplane.statelog import StateLogError


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    return error


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "number",
    ["ENOSPC", "EDQUOT", "EROFS", "EIO", "EFBIG", "ENXIO", "ENODEV", "ESTALE", "EACCES", "EPERM"],
)
def test_errors_of_a_disk_name_directory_reason_and_remedy(tmp_path: Path, number: str) -> None:
    code = getattr(errno, number)
    with pytest.raises(StorageError) as raised, written(tmp_path):
        raise OSError(code, "whatever")
    text = str(raised.value)
    assert str(tmp_path) in text
    assert errno.errorcode[raised.value.number] == number
    assert "mend that" not in text, "a remedy of its own"
    assert (raised.value.http_status, raised.value.errors[0].field) == (503, "storage")
    assert raised.value.retry_after_s


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (sqlite_error(sqlite3.SQLITE_FULL), errno.ENOSPC),
        (sqlite_error(sqlite3.SQLITE_READONLY), errno.EROFS),
        (sqlite_error(sqlite3.SQLITE_IOERR_SHMSIZE), errno.EIO),
        (sqlite_error(sqlite3.SQLITE_CANTOPEN), errno.EIO),
        (OperationalError("INSERT", {}, sqlite_error(sqlite3.SQLITE_FULL)), errno.ENOSPC),
        (caused(StateLogError("state log"), OSError(errno.EDQUOT, "")), errno.EDQUOT),
    ],
)
def test_errors_of_sqlite_and_the_state_log_are_the_same_kind(
    tmp_path: Path, error: Exception, number: int
) -> None:
    found = storage_error(error, tmp_path)
    assert found is not None
    assert found.number == number


@pytest.mark.parametrize(
    "error",
    [
        ConflictError("full"),
        StateLogError("an import can't be called so"),
        OSError(errno.ECONNRESET, "the client is gone"),
        sqlite_error(sqlite3.SQLITE_BUSY),
        sqlite_error(sqlite3.SQLITE_CORRUPT),
        sqlite_error(sqlite3.SQLITE_CONSTRAINT),
    ],
)
def test_other_errors_are_not(tmp_path: Path, error: Exception) -> None:
    assert storage_error(error, tmp_path) is None
    with pytest.raises(type(error)) as raised, written(tmp_path):
        raise error
    assert raised.value is error


def test_a_probe_leaves_nothing_and_fails_where_nothing_can_be_written(tmp_path: Path) -> None:
    probe(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageError, match="No such file"):
        probe(tmp_path / "none")
    with pytest.raises(StorageError, match="can't be written"):
        probe(Path("/proc"))


class Disk:
    """What is left undone, which fails as long as it is told to."""

    def __init__(self, directory: Path) -> None:
        self.now_s = 0.0
        self.tries = 0
        self.error: StorageError | None = None
        self.storage = Storage([directory], self._catch_up, clock=lambda: self.now_s)

    def _catch_up(self) -> None:
        self.tries += 1
        if self.error is not None:
            raise self.error

    def run(self, seconds: int) -> int:
        """Turns of a second each; returns how often it was tried."""
        before = self.tries
        for _ in range(seconds):
            self.now_s += 1
            self.storage.turn()
        return self.tries - before


def test_without_trouble_it_is_probed_now_and_then(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.storage.turn()
    assert disk.run(int(3 * PROBE_S)) == 3
    disk.storage.check()


def test_trouble_is_tried_with_back_off_and_ends_by_itself(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.storage.turn()
    disk.error = DiskError(tmp_path, errno.ENOSPC)
    disk.storage.failed(disk.error)
    with pytest.raises(StorageError, match="No space"):
        disk.storage.check()
    assert 10 <= disk.run(60) <= 20
    disk.error = None
    disk.run(int(BACK_OFF_S_MAX))
    assert disk.storage.trouble is None
    disk.storage.check()


def test_a_write_that_fails_is_probed_at_the_next_turn(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.storage.turn()
    disk.storage.failed(DiskError(tmp_path, errno.ENOSPC))
    assert disk.run(1) == 1
    assert disk.storage.trouble is None


def test_trouble_keeps_no_frames_of_the_request_that_met_it(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    with pytest.raises(StorageError) as raised, written(tmp_path):
        raise OSError(errno.EIO, "")
    disk.storage.failed(raised.value)
    assert disk.storage.trouble is not None
    assert disk.storage.trouble.__traceback__ is None
