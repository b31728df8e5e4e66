"""The shipped alert rules, from Debian's Prometheus through its Alertmanager to a receiver.

The node is a page of metrics: an attack goes on, and another node of the job has gone away.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.instances.lab import TREE
from tests.support.network.ports import free_port
from tests.support.waiting import wait_for

RULES = TREE / "docs" / "prometheus-rules.yml"
PAGE = """\
# TYPE secbeat_up gauge
secbeat_up 1
# TYPE secbeat_attacks_active gauge
secbeat_attacks_active{type="syn_flood"} 1
"""
TIMES = {"scrape_interval": "1s", "evaluation_interval": "1s"}
FIRES_S = 180
"""SecBeatDown waits for 30 s."""


class Receiver(ThreadingHTTPServer):
    """Serves the page of metrics, and keeps what Alertmanager posts."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.alerts: dict[str, dict[str, Any]] = {}

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        self._answer(PAGE.encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in body["alerts"]:
            self.server.alerts[alert["labels"]["alertname"]] = alert
        self._answer(b"")

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@contextmanager
def started(*command: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=30).ok
    except requests.ConnectionError:
        return False


@contextmanager
def alertmanager(receiver: str, folder: Path) -> Iterator[str]:
    """Its address. Sends at once, where a real one waits for more."""
    folder.mkdir()
    config = {
        "route": {"receiver": "hook", "group_by": ["alertname"], "group_wait": "1s"},
        "receivers": [{"name": "hook", "webhook_configs": [{"url": f"http://{receiver}/"}]}],
    }
    (folder / "config.yml").write_text(json.dumps(config))
    address = f"127.0.0.1:{free_port()}"
    words = (
        *("prometheus-alertmanager", f"--config.file={folder / 'config.yml'}"),
        *(f"--storage.path={folder / 'data'}", f"--web.listen-address={address}"),
        "--cluster.listen-address=",
    )
    with started(*words):
        wait_for(lambda: is_ready(f"http://{address}"), "Alertmanager is ready", bound_s=120)
        yield address


@contextmanager
def prometheus(targets: list[str], alerts_to: str, folder: Path) -> Iterator[None]:
    folder.mkdir()
    config = {
        "global": TIMES,
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "secbeat", "static_configs": [{"targets": targets}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alerts_to]}]}]},
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    address = f"127.0.0.1:{free_port()}"
    words = (
        *("prometheus", f"--config.file={folder / 'prometheus.yml'}"),
        *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"),
    )
    with started(*words):
        wait_for(lambda: is_ready(f"http://{address}"), "Prometheus is ready", bound_s=120)
        yield


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_node_that_is_away_and_an_attack_reach_the_receiver(
    receiver: Receiver, tmp_path: Path
) -> None:
    away = f"127.0.0.1:{free_port()}"
    with ExitStack() as running:
        alerts_to = running.enter_context(alertmanager(receiver.address, tmp_path / "am"))
        targets = [receiver.address, away]
        running.enter_context(prometheus(targets, alerts_to, tmp_path / "prometheus"))
        wanted = {"SecBeatAttack", "SecBeatDown"}
        wait_for(lambda: wanted <= receiver.alerts.keys(), "both alerts arrive", bound_s=FIRES_S)
    attack, down = receiver.alerts["SecBeatAttack"], receiver.alerts["SecBeatDown"]
    assert attack["labels"]["instance"] == receiver.address
    assert attack["labels"]["type"] == "syn_flood"
    assert "is under attack" in attack["annotations"]["summary"]
    assert down["labels"]["instance"] == away
    assert down["labels"]["severity"] == "critical"
    assert {attack["status"], down["status"]} == {"firing"}
