"""Runs the Flask receiver of docs/webhooks.md, unchanged, in its own process.

It verifies each signature with the package ``standardwebhooks`` and prints the valid events.
"""

from __future__ import annotations

import ast
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.instances.lab import TREE
from tests.support.network.ports import free_port
from tests.support.waiting import wait_for

_DOCUMENT = TREE / "docs" / "webhooks.md"
_SOURCE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class DocumentedReceiver:
    """``events``: the events that it has printed, in order."""

    port: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/secbeat"

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The data of each event of a kind with a valid signature."""
        lines = self.output.read_text().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        return [
            ast.literal_eval(line[len(kind) :]) for line in whole if line.startswith(f"{kind} ")
        ]


@contextmanager
def documented_receiver(directory: Path, secret: str) -> Iterator[DocumentedReceiver]:
    """Run one during the block. ``secret`` begins with ``whsec_``."""
    (code,) = _SOURCE.findall(_DOCUMENT.read_text())
    (directory / "receiver.py").write_text(code)
    receiver = DocumentedReceiver(free_port(), directory / "receiver.out")
    with receiver.output.open("w") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "flask",
                "--app",
                "receiver",
                "run",
                "--port",
                str(receiver.port),
            ],
            cwd=directory,
            env={**os.environ, "WEBHOOK_SECRET": secret},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=(directory / "receiver.err").open("w"),
        )
    try:
        wait_for(lambda: _listens(receiver.port), "the receiver listens")
        yield receiver
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
