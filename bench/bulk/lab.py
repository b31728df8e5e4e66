"""A lab of any source tree, used with that tree's own command, and the time that its processes
take.

Two trees are compared with the same file of lines, alternately. Nothing of the other tree is
imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG = "[lists]\naddresses_max = 1048576\n"
COMMAND_S_MAX = 400.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """The cost of one command, in seconds: elapsed time, and processor time by process."""

    wall_s: float
    command_s: float
    api_s: float
    """Processor time of the API, with its ended child processes."""
    control_s: float
    """Processor time of the data plane's control loop; the packet loop does not count."""

    @property
    def cpu_s(self) -> float:
        """Processor time of all processes."""
        return self.command_s + self.api_s + self.control_s


class Lab:
    """One lab instance, started from a source tree."""

    def __init__(self, tree: Path, name: str) -> None:
        self.tree = tree
        self.name = name
        self.document: dict[str, Any] = {}

    def up(self) -> None:
        """Start the lab."""
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
            config.write(CONFIG)
            config.flush()
            self._lab("up", "--detach", "--config", config.name)
        self.document = json.loads(self._lab("status", "--json"))

    def down(self) -> None:
        """Stop the lab."""
        self._lab("down")

    @property
    def url(self) -> str:
        """The URL of the API."""
        return f"http://{self.document['addresses']['api']}"

    @property
    def key_file(self) -> Path:
        """The file with the admin key."""
        return Path(self.document["key_file"])

    def pid(self, process: str) -> int:
        """The process id of one of the node's processes."""
        return int(self.document["processes"][process]["pid"])

    def secbeat(self, *arguments: str, stdout: Path | None = None) -> Cost:
        """Run the tree's command; raises `RuntimeError` when it fails."""
        where = ("--url", self.url, "--key-file", str(self.key_file))
        before, began = (self._api_s(), self._control_s()), time.monotonic()
        with (stdout or Path(os.devnull)).open("wb") as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen(
                self._command(*arguments, *where), **self._how(), stdout=out, stderr=err
            )
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            wall_s = time.monotonic() - began
            err.seek(0)
            if child.returncode:
                raise RuntimeError(f"secbeat {arguments[0]}: {err.read(500)!r}")
        api_s, control_s = self._api_s() - before[0], self._control_s() - before[1]
        return Cost(wall_s, used.ru_utime + used.ru_stime, api_s, control_s)

    def _api_s(self) -> float:
        return sum(_seconds(each, children=True) for each in _family(self.pid("api")))

    def _control_s(self) -> float:
        pid = self.pid("dataplane")
        return _seconds(Path(f"/proc/{pid}/task/{pid}"))

    def _lab(self, verb: str, *options: str) -> str:
        command = self._command("lab", verb, "--instance", self.name, *options)
        done = subprocess.run(
            command, **self._how(), capture_output=True, timeout=COMMAND_S_MAX, check=False
        )
        if done.returncode:
            raise RuntimeError(f"lab {verb}: {done.stderr[:500]!r}")
        return str(done.stdout, "utf-8")

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "appliance.cli.main", *arguments]

    def _how(self) -> dict[str, Any]:
        environment = {**os.environ, "PYTHONPATH": str(self.tree)}
        return {"cwd": self.tree, "env": environment, "stdin": subprocess.DEVNULL}


@contextmanager
def running(tree: Path, name: str) -> Iterator[Lab]:
    """Run a lab during the block."""
    lab = Lab(tree, name)
    lab.down()
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


def _family(pid: int) -> Iterator[Path]:
    """The /proc directories of a process and of all its descendants."""
    here = Path(f"/proc/{pid}")
    yield here
    for child in (here / f"task/{pid}/children").read_text().split():
        yield from _family(int(child))


def _seconds(process: Path, *, children: bool = False) -> float:
    """Processor time of a process or thread, optionally with its ended children: proc(5), fields 14
    to 17 of ``stat``."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if children else 13])) / _TICKS_PER_S
