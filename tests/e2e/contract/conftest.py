"""The lab that the contract's examples are written for: the default one, at ``localhost``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.common.binds import has_ipv6_loopback
from tests.support.documents.contract import Example
from tests.support.instances.lab import COMMAND_TIMEOUT_S, Lab
from tests.support.waiting import wait_for

FAMILIES = ("ipv4", "ipv6") if has_ipv6_loopback() else ("ipv4",)
"""What ``localhost`` is; containers often have no ::1."""
INSPECTING = {"name": "inspecting", "http": {"ports": [80]}}


@pytest.fixture(scope="module")
def node() -> Iterator[Lab]:
    """``make run`` with a policy that inspects HTTP: its mode is l7."""
    made = Lab("default")
    if made.command("status").returncode == 0:
        pytest.fail("a lab is up: its ports are the examples'; stop it with 'secbeat lab down'")
    made.up("--mode", "l7", has_orchestrator=True)
    made.change("PUT", "/policy", json=INSPECTING)
    wait_for(lambda: made.api("GET", "/status").json()["mode"] == "l7", "the node inspects HTTP")
    yield made
    made.down()


@dataclass(frozen=True)
class Runner:
    """Runs examples as a user would who has put the key where it belongs."""

    home: Path

    def curl(self, example: Example, key: str, family: str = "ipv4") -> str:
        """Run a block of curl commands; the key's header comes from curl's own configuration."""
        lines = [family, "silent", "show-error", "max-time = 30"]
        if "your-key" not in example.text:
            lines.append(f'header = "X-SecBeat-API-Key: {key}"')
        (self.home / ".curlrc").write_text("\n".join(lines) + "\n")
        return self._run(["bash", "-c", example.with_key(key)])

    def json(self, example: Example, key: str, family: str = "ipv4") -> Any:
        """The answer to a curl command."""
        return json.loads(self.curl(example, key, family))

    def python(self, example: Example, key: str) -> str:
        """Run a Python program."""
        return self._run([sys.executable, "-c", example.with_key(key)])

    def javascript(self, example: Example, key: str) -> str:
        """Run a JavaScript program with Node.js."""
        return self._run(["node", "-e", example.with_key(key)])

    def first_line(self, example: Example, key: str) -> str:
        """Start a shell script that never ends, and end it after its first line."""
        (self.home / ".curlrc").unlink(missing_ok=True)
        script = self.home / "script.sh"
        script.write_text(example.with_key(key))
        process = subprocess.Popen(
            ["timeout", str(COMMAND_TIMEOUT_S), "bash", str(script)],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        with process:
            assert process.stdout is not None
            line = process.stdout.readline()
            os.killpg(process.pid, signal.SIGKILL)
        return line.strip()

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _environment(self) -> dict[str, str]:
        bare = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        return bare | {"HOME": str(self.home), "CURL_HOME": str(self.home)}


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)
