"""A management API in its own processes, as it is deployed; run as a program, it is the server.

``python -m tests.support.servers.api_server DIRECTORY PORT [UNIX-SOCKET]``
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from api.management.settings import ApiSettings
from tests.support.network.ports import free_port
from tests.support.small_disk import SmallDisk

ROOT = Path(__file__).resolve().parents[3]
KEY = "key-of-the-server-tests-0123456789abcdef"
_START_S_MAX = 60


def settings(directory: Path, port: int, unix_socket: Path | None = None) -> ApiSettings:
    """Settings with all files below one directory."""
    return ApiSettings(
        database=directory / "api" / "node.db",
        state_log=directory / "state",
        socket=directory / "dataplane.sock",
        countries=(directory / "countries.db",),
        events=directory / "agent" / "events.db",
        keys=directory / "keys",
        agent_key=directory / "agent" / "agent.key",
        agent=directory / "agent.sock",
        binds=(f"127.0.0.1:{port}",),
        unix_socket=unix_socket,
        management_api_key=KEY,
        writes_per_minute=1_000_000,
        reads_per_minute=1_000_000,
    )


class Server:
    """A server process; `kill` is SIGKILL for it and its worker at once."""

    def __init__(
        self,
        directory: Path,
        *,
        unix_socket: Path | None = None,
        disk: SmallDisk | None = None,
        **environment: str,
    ) -> None:
        """The log is in the directory; the state too, unless a disk is given."""
        self.directory = directory
        state = directory if disk is None else disk.inside
        self.port = free_port()
        command = [
            sys.executable,
            "-m",
            "tests.support.servers.api_server",
            str(state),
            str(self.port),
        ]
        command = [*(disk.enter if disk else ()), *command]
        command += [str(unix_socket)] if unix_socket else []
        self.log = (directory / "log").open("ab")
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stderr=self.log,
            stdout=self.log,
            start_new_session=True,
            env={**os.environ, "HOME": str(directory), **environment},
        )
        self._wait()

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send one request on a new connection; raises OSError if there is no server."""
        data = None if body is None else json.dumps(body).encode()
        return self._ask(method, path, data, "application/json")

    def upload(self, path: str, body: bytes) -> tuple[int, Any]:
        """Upload lines of text, for an import."""
        return self._ask("POST", path, body, "text/plain")

    def _ask(self, method: str, path: str, data: bytes | None, kind: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"X-SecBeat-API-Key": KEY, "Content-Type": kind}
            connection.request(method, "/api/v1" + path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        except http.client.HTTPException as exc:
            raise ConnectionError(str(exc)) from exc
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        pid = self.process.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(each) for each in text.split()]

    def kill(self) -> None:
        """End it as a power failure would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)
        self.log.close()

    def stop(self) -> int:
        """End it cleanly; returns the exit code."""
        self.process.terminate()
        code = self.process.wait(60)
        self.log.close()
        return code

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.request("GET", "/health/live")[0] == http.client.OK:
                    return
            except OSError:
                time.sleep(0.02)
        log = (self.directory / "log").read_text(encoding="utf-8")
        raise RuntimeError(f"the server does not answer: {log[-2000:]}")


if __name__ == "__main__":
    from api.management.server import run

    sockets = [Path(argument) for argument in sys.argv[3:]]
    sys.exit(run(settings(Path(sys.argv[1]), int(sys.argv[2]), *sockets)))
