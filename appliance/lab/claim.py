"""Ownership of an instance: a lock on its directory, held by the supervisor as long as it lives.

The kernel releases the lock when the supervisor dies in any way; files in the directory are then
leftovers of a crash.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from appliance.lab import advice
from appliance.lab.commands import LabError
from appliance.lab.instance import LABS, Instance

_ATTEMPTS_MAX = 5
_PID_FILE = "supervisor.pid"


class Claim:
    """The lock on an instance; `release` gives it back, with or without the directory."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; may be called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def claim_new(instance: Instance) -> Claim:
    """Make the instance's directory and lock it; raises LabError if one runs or has left things."""
    for _ in range(_ATTEMPTS_MAX):
        with suppress(FileNotFoundError):  # another instance has just removed the common directory
            LABS.mkdir(mode=0o755, exist_ok=True)
            instance.directory.mkdir(mode=0o755, exist_ok=True)
            claim = try_claim(instance)
            if claim is None:
                raise LabError(
                    f"lab {instance.name!r} is already running (pid {supervisor_pid(instance)}): "
                    f"'{advice.stop(instance)}' stops it, --instance NAME starts another"
                )
            if any(instance.directory.iterdir()):
                claim.release()
                raise LabError(
                    f"lab {instance.name!r} was not ended properly: "
                    f"'{advice.stop(instance)}' cleans what it left"
                )
            try:
                (instance.directory / _PID_FILE).write_text(f"{os.getpid()}\n")
            except OSError as error:
                claim.release()
                raise LabError(
                    f"{instance.directory} can't be written: {error.strerror}"
                ) from error
            return claim
    raise LabError(f"{instance.directory} can't be made: it disappears at once")


def try_claim(instance: Instance) -> Claim | None:
    """Lock the instance's directory; None if a supervisor holds it.

    Raises:
        FileNotFoundError: there is no such directory.
    """
    descriptor = os.open(instance.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:  # removed between open and lock
        os.close(descriptor)
        raise FileNotFoundError(instance.directory)
    return Claim(descriptor)


def supervisor_pid(instance: Instance) -> int | None:
    """Pid that the supervisor has left; meaningful only while the lock is held."""
    try:
        return int((instance.directory / _PID_FILE).read_text())
    except (OSError, ValueError):
        return None
