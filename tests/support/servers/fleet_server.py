"""An orchestrator in its own processes, as it is deployed; run as a program, it is the server.

``python -m tests.support.servers.fleet_server URL DIRECTORY PORT METRICS-PORT WORKERS SOCKET
PROVISIONER SCALING``; URL is that of a database; either of the two sockets may be empty; SCALING is
JSON.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.orchestrator.scaling.settings import ScalingSettings
from api.orchestrator.settings import OrchestratorSettings
from tests.support.network.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
KEY = "key-of-the-fleet-s-tests-0123456789abcdef"
PROVIDER = "cloud"
"""The provider's name in the provisioner's configuration."""
_START_S_MAX = 120


class FleetServer:
    """A server; `kill` is SIGKILL for it and its workers at once."""

    def __init__(
        self,
        url: str,
        directory: Path,
        workers: int = 1,
        unix_socket: Path | None = None,
        provisioner: Path | None = None,
        scaling: Mapping[str, str | int] | None = None,
    ) -> None:
        """The directory has its log, keys and temporary files. ``provisioner``: a provisioner's
        socket; ``scaling``: fields of `ScalingSettings`."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port, self.metrics_port = free_port(), free_port()
        command = [sys.executable, "-m", "tests.support.servers.fleet_server", url, str(directory)]
        command += [str(self.port), str(self.metrics_port), str(workers)]
        command += [str(each) if each else "" for each in (unix_socket, provisioner)]
        command += [json.dumps(scaling or {})]
        self.log = (directory / "log").open("ab")
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stderr=self.log,
            stdout=self.log,
            start_new_session=True,
            env={**os.environ, "HOME": str(directory)},
        )
        self._wait()

    def request(
        self, method: str, path: str, body: Any = None, key: str = KEY
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers; raises OSError if there is no server."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-SecBeat-API-Key": key, "Content-Type": "application/json"}
        try:
            connection.request(method, "/api/v1" + path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as exc:
            raise ConnectionError(str(exc)) from exc
        finally:
            connection.close()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, json.loads(text) if text else None, found

    def metrics(self) -> str:
        """The metrics of port 9091; raises OSError if no process exports them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=60)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        except http.client.HTTPException as exc:
            raise ConnectionError(str(exc)) from exc
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        pid = self.process.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(each) for each in text.split()]

    def stop(self) -> int:
        """End it cleanly; returns the exit code."""
        self.process.terminate()
        code = self.process.wait(60)
        self.log.close()
        return code

    def kill(self) -> None:
        """End it as a power failure would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)
        self.log.close()

    def _wait(self) -> None:
        end = time.monotonic() + _START_S_MAX
        while True:
            try:
                if self.request("GET", "/health/live")[0] == http.client.OK:
                    return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.kill()
                    said = (self.directory / "log").read_text()
                    raise RuntimeError(f"the orchestrator has not started: {said}") from None
            time.sleep(0.05)


def main(url: str, directory: str, *others: str) -> int:
    from api.orchestrator.server import run  # noqa: PLC0415 - only in the server process

    port, metrics, workers, unix_socket, provisioner, more = others
    scaling = ScalingSettings()
    if provisioner:
        given = {"url": f"http://127.0.0.1:{port}"} | json.loads(more)
        scaling = ScalingSettings(provider=PROVIDER, socket=Path(provisioner), **given)
    return run(
        OrchestratorSettings(
            database=url,
            keys=Path(directory) / "keys",
            binds=(f"127.0.0.1:{port}",),
            unix_socket=Path(unix_socket) if unix_socket else None,
            metrics=(f"127.0.0.1:{metrics}",),
            workers=int(workers),
            orchestrator_api_key=KEY,
            writes_per_minute=1_000_000,
            reads_per_minute=1_000_000,
            scaling=scaling,
        )
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
