"""Removes everything of an instance, in any state of its start, and after a crash."""

from __future__ import annotations

import os
import select
import shutil
import signal
from contextlib import suppress
from pathlib import Path

from appliance.lab import network
from appliance.lab.commands import LabError
from appliance.lab.instance import LABS, MARK, Instance

KILL_TIMEOUT_S = 10.0


def stop(instance: Instance) -> None:
    """Remove processes, namespaces and interfaces; files stay. May be called again."""
    _kill_processes(instance)
    network.remove(instance.namespaces)


def clean(instance: Instance) -> None:
    """Remove processes, namespaces, interfaces and files; may be called again."""
    stop(instance)
    shutil.rmtree(instance.directory, ignore_errors=True)
    if instance.directory.exists():
        raise LabError(f"{instance.directory} can't be removed: see what is mounted or open there")
    with suppress(OSError):
        LABS.rmdir()
        network.remove_mount()  # the last instance


def processes(instance: Instance) -> list[int]:
    """Pids of the instance's processes, recognised by their environment."""
    mark = f"{MARK}={instance.name}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return [pid for pid in found if pid != os.getpid()]


def _kill_processes(instance: Instance) -> None:
    for pid in processes(instance):
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                poll = select.poll()
                poll.register(descriptor, select.POLLIN)
                if not poll.poll(KILL_TIMEOUT_S * 1000):
                    raise LabError(f"process {pid} does not die within {KILL_TIMEOUT_S} s")
            finally:
                os.close(descriptor)
