"""What the agent shows of the API and the disk, with an HTTP server in the API's place."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from api.agent.metrics.public import PublicCollector
from api.agent.metrics.surroundings import READY_PATH, Surroundings

READY = (200, {"status": "ready"})
FULL = (503, {"errors": [{"field": "storage"}]})
FULL_AND_AWAY = (503, {"errors": [{"field": "dataplane"}, {"field": "storage"}]})
AWAY = (503, {"errors": [{"field": "dataplane"}]})


class Api(HTTPServer):
    """Answers readiness as it is told."""

    answer: tuple[int, Any] = READY


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        assert self.path == READY_PATH
        status, body = self.server.answer
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Not in a test."""


@pytest.fixture
def api() -> Iterator[Api]:
    with Api(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Away:
    def read(self) -> None:
        return None


def shown(surroundings: Surroundings, name: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(PublicCollector(Away(), surroundings, None, "v"))
    return registry.get_sample_value(name)


@pytest.mark.parametrize(
    ("answer", "writable"),
    [
        (READY, 1),
        (AWAY, 1),
        (FULL, 0),
        (FULL_AND_AWAY, 0),
        ((502, b"<html>"), None),
        ((503, []), None),
    ],
)
def test_what_readiness_says_of_the_storage_is_shown(
    api: Api, tmp_path: Path, answer: tuple[int, Any], writable: int | None
) -> None:
    api.answer = answer
    surroundings = Surroundings(f"127.0.0.1:{api.server_port}", tmp_path)
    surroundings.ask()
    assert shown(surroundings, "secbeat_api_up") == 1
    assert shown(surroundings, "secbeat_storage_writable") == writable


def test_an_api_that_is_gone_leaves_nothing_stale(api: Api, tmp_path: Path) -> None:
    surroundings = Surroundings(f"127.0.0.1:{api.server_port}", tmp_path)
    surroundings.ask()
    api.server_close()
    surroundings.ask()
    assert shown(surroundings, "secbeat_api_up") == 0
    assert shown(surroundings, "secbeat_storage_writable") is None


def test_the_room_is_that_of_the_state_directory_also_without_an_api(tmp_path: Path) -> None:
    surroundings = Surroundings("127.0.0.1:1", tmp_path)
    free, size = (shown(surroundings, f"secbeat_storage_{n}_bytes") for n in ("free", "size"))
    assert 0 < (free or 0) <= (size or 0)
    assert (
        shown(Surroundings("127.0.0.1:1", tmp_path / "none"), "secbeat_storage_free_bytes") is None
    )
