"""QEMU's control socket, as far as it is needed: press the power button.

The protocol is QMP: a line of JSON each way, after a handshake
(https://www.qemu.org/docs/master/interop/qmp-spec.html).
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

TIMEOUT_S = 20.0


def press_power_button(path: Path) -> None:
    """Ask the machine to shut down, by ACPI."""
    execute(path, "system_powerdown")


def execute(path: Path, command: str) -> Any:
    """Run one command and return its answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.connect(str(path))
        with connection.makefile("rw") as lines:
            _answer(lines, "QMP")
            _ask(lines, "qmp_capabilities")
            return _ask(lines, command)


def _ask(lines: Any, command: str) -> Any:
    lines.write(json.dumps({"execute": command}) + "\n")
    lines.flush()
    return _answer(lines, "return")


def _answer(lines: Any, wanted: str) -> Any:
    for line in lines:
        message = json.loads(line)
        if "error" in message:
            raise AssertionError(f"QEMU refuses: {message['error']}")
        if wanted in message:  # and not an event, which may come at any time
            return message[wanted]
    raise AssertionError(f"QEMU closed its control socket before it said {wanted!r}")
