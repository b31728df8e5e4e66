"""Chooses between KVM and emulation by booting a kernel.

The existence of /dev/kvm is not sufficient: under some hypervisors no kernel boots with it. The
verdict is stored, and is valid until this machine reboots.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from appliance.image.errors import ImageError

KVM = "kvm"
TCG = "tcg"
CHOICES = ("auto", KVM, TCG)
PROBE_LIMIT_S = 20.0
_DEVICE = Path("/dev/kvm")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# A kernel without a root file system that completes its start ends with this message.
_STARTED = b"Unable to mount root fs"
_CHUNK = 4096
_CPUS = {KVM: "host", TCG: "max"}


@dataclass(frozen=True)
class Accelerator:
    """The accelerator of QEMU, and the reason for it."""

    name: str
    reason: str

    @property
    def cpu(self) -> str:
        """QEMU's ``-cpu``."""
        return _CPUS[self.name]


def choose(wanted: str, kernel: Path, kept: Path) -> Accelerator:
    """KVM if a kernel boots with it, else emulation; or the wanted one, KVM only if it works.

    ``kept`` is the folder that stores the verdict.
    """
    if wanted == TCG:
        return Accelerator(TCG, "asked for")
    found = _remembered(kept) or _remember(kept, probe(kernel))
    if wanted == KVM and found.name != KVM:
        raise ImageError(f"KVM was asked for, but {found.reason}: give --accelerator tcg")
    return found


def probe(kernel: Path, limit_s: float = PROBE_LIMIT_S) -> Accelerator:
    """Boot ``kernel`` with KVM for at most ``limit_s``; the console's text decides."""
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return Accelerator(TCG, f"{_DEVICE} is not there or may not be opened")
    process = subprocess.Popen(
        probe_command(kernel),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process:
        try:
            return verdict(_read_console(process.stdout, limit_s), limit_s)
        finally:
            process.kill()


def probe_command(kernel: Path) -> list[str]:
    """QEMU with a kernel only, its console on stdout."""
    return [
        *("qemu-system-x86_64", "-machine", "q35", "-accel", "kvm", "-cpu", "host"),
        *("-smp", "1", "-m", "512", "-nodefaults", "-no-reboot", "-display", "none"),
        *("-serial", "stdio", "-kernel", str(kernel), "-append", "console=ttyS0 panic=-1"),
    ]


def verdict(console: bytes, limit_s: float) -> Accelerator:
    """The verdict from a console's text."""
    if _STARTED in console:
        return Accelerator(KVM, "a kernel boots under it")
    lines = console.decode(errors="replace").strip().splitlines()
    last = f"; last line: {lines[-1].strip()[:120]}" if lines else ", it printed nothing"
    return Accelerator(TCG, f"no kernel boots under KVM within {limit_s:.0f} s{last}")


def _read_console(stream: IO[bytes] | None, limit_s: float) -> bytes:
    console = b""
    deadline = time.monotonic() + limit_s
    while stream and _STARTED not in console:
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not select.select([stream], [], [], left_s)[0]:
            break
        chunk = os.read(stream.fileno(), _CHUNK)
        if not chunk:
            break
        console += chunk
    return console


def _remembered(kept: Path) -> Accelerator | None:
    file = kept / "accelerator"
    if not file.exists():
        return None
    boot_id, name, reason = file.read_text().split("\n", 2)
    return Accelerator(name, reason) if boot_id == _BOOT_ID.read_text().strip() else None


def _remember(kept: Path, found: Accelerator) -> Accelerator:
    text = f"{_BOOT_ID.read_text().strip()}\n{found.name}\n{found.reason}"
    (kept / "accelerator").write_text(text)
    return found
