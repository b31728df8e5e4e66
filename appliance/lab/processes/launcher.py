"""Starts one process the way systemd would.

``python -m appliance.lab.processes.launcher SPECIFICATION``

Run as root by the supervisor. Enters the network namespace, makes a mount namespace in which the
source tree and the Python environment are readable wherever they lie (a home directory may be
closed to other users) and ``/tmp`` is private, then becomes the process's own user with its own
capabilities. Every step replaces or restricts this very process: its pid is the one the supervisor
watches, and it dies with the supervisor.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass

_CLONE_NEWNS = 0x00020000  # linux/sched.h
_CLONE_NEWNET = 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_REMOUNT = 1, 2, 4, 32  # linux/mount.h
_MS_BIND, _MS_REC, _MS_SLAVE = 4096, 16384, 1 << 19
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Specification:
    """A process to start, and its confinement."""

    command: tuple[str, ...]
    directory: str
    parent: int
    """Pid of the supervisor."""
    user: str | None = None
    """None: it stays root."""
    groups: tuple[str, ...] = ()
    """Supplementary groups."""
    capabilities: tuple[str, ...] = ()
    """Names without ``cap_``."""
    namespace: str | None = None
    """Path of a network namespace; None: the host's."""
    binds: tuple[tuple[str, str], ...] = ()
    """Source and target, read-only."""
    is_confined: bool = True
    """False: root without confinement, for a process that makes namespaces visible to all."""

    def to_argument(self) -> str:
        """The specification as one command line argument."""
        return json.dumps(asdict(self))


def main() -> None:
    """Become the process; returns only by an exception."""
    wanted = Specification(**json.loads(sys.argv[1]))
    _die_with(wanted.parent)
    if wanted.namespace:
        _enter(wanted.namespace)
    if wanted.is_confined:
        _separate_mounts(wanted)
    os.chdir(wanted.directory)
    os.umask(0o027 if wanted.is_confined else 0o022)
    command = [*(_drop(wanted) if wanted.is_confined else ()), *wanted.command]
    os.execvp(command[0], command)  # noqa: S606 - no shell is the point


def _die_with(parent: int) -> None:
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor has gone")


def _enter(namespace: str) -> None:
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    _call("setns", descriptor, _CLONE_NEWNET)
    os.close(descriptor)


def _separate_mounts(wanted: Specification) -> None:
    _call("unshare", _CLONE_NEWNS)
    # Slave: unmounts of the host are propagated here; mounts here never appear there.
    _mount(None, "/", None, _MS_SLAVE | _MS_REC)
    for source, target in wanted.binds:
        _mount(source, target, None, _MS_BIND | _MS_REC)
        _mount(None, target, None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID)
    _mount("tmpfs", "/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")  # noqa: S108


def _drop(wanted: Specification) -> list[str]:
    """The setpriv command that changes user; util-linux knows the order of these steps."""
    capabilities = ",".join(["-all", *(f"+{name}" for name in wanted.capabilities)])
    command = ["setpriv", "--no-new-privs", "--pdeathsig", "KILL", "--bounding-set", capabilities]
    if wanted.user is None:
        return command
    groups = ["--groups", ",".join(wanted.groups)] if wanted.groups else ["--clear-groups"]
    return [
        *command,
        *("--reuid", wanted.user, "--regid", wanted.user, *groups),
        *("--inh-caps", capabilities, "--ambient-caps", capabilities),
    ]


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    _call("mount", *texts[:3], ctypes.c_ulong(flags), texts[3])


def _call(name: str, *arguments: object) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    function.restype = ctypes.c_int
    if function(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}{arguments}: {os.strerror(error)}")


if __name__ == "__main__":
    main()
