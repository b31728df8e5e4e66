"""Runs the build in namespaces of its own, so that nothing of it outlives it.

The outer process owns the lock and the work folder. The inner one is process 1 of a PID namespace,
with its own mounts; it builds. When either ends, the kernel ends every process in the namespace
(chroots, Packer, QEMU) and undoes every mount. Loop devices and files are removed by the outer
process, or by the next build if the outer one was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from appliance.image.errors import ImageError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NAMESPACES = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--mount", "--propagation", "private"),
    *("--pid", "--fork", "--kill-child=KILL", "--mount-proc"),
)
"""Prefix of a command: the command, its children and its mounts end with the process that started
it."""


class Interrupted(BaseException):
    """A signal that ends the build."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def run_contained(command: Sequence[str], cache: Path, work: Path) -> int:
    """Run a command inside; returns its exit code, or 128 + the signal that ended this process."""
    with ExitStack() as stack:
        stack.enter_context(_signals_raise())
        stack.enter_context(_locked(cache))
        clear(work)
        stack.callback(clear, work)
        work.mkdir(mode=0o755)
        try:
            return _run_inside(command)
        except Interrupted as interrupted:
            print(f"image: ended by {interrupted}", file=sys.stderr)
            return 128 + interrupted.number


def clear(work: Path) -> None:
    """Release the loop devices over files in ``work`` and remove it."""
    for device in loop_devices_over(work, _loop_devices()):
        subprocess.run(["losetup", "--detach", device], check=False)
    if work.exists():
        shutil.rmtree(work)


def loop_devices_over(folder: Path, listing: str) -> list[str]:
    """Loop devices, from the output of ``losetup --list --json``, whose file is or was below
    ``folder``."""
    devices = json.loads(listing or '{"loopdevices": []}')["loopdevices"]
    prefix = f"{folder}/"
    return [device["name"] for device in devices if str(device["back-file"]).startswith(prefix)]


def _loop_devices() -> str:
    command = ["losetup", "--list", "--json", "--output", "NAME,BACK-FILE"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@contextmanager
def _signals_raise() -> Iterator[None]:
    def interrupt(number: int, _frame: FrameType | None) -> None:
        # Once: the clean-up that follows must not be interrupted.
        for known in _SIGNALS:
            signal.signal(known, signal.SIG_IGN)
        raise Interrupted(number)

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise ImageError(
                f"another build works in {cache}: wait for it, or give --cache"
            ) from exc
        yield


def _run_inside(command: Sequence[str]) -> int:
    # A separate process group: Ctrl-C goes to the outer process only.
    process = subprocess.Popen([*NAMESPACES, *command], process_group=0, stdin=subprocess.DEVNULL)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the namespace's first process; the outer one waits until all others have ended."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in children or [str(process.pid)]:
        os.kill(int(pid), signal.SIGKILL)
    process.wait()
