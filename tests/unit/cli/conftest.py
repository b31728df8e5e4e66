"""A management API that says what a test tells it to, over a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from appliance.cli.main import main

KEY = "k" * 32


@dataclass
class Request:
    """What the API was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FakeApi:
    """Answers in the order in which they were added; the last one is repeated."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)

    def answers_with(self, status: int, body: Any = None, **headers: str) -> None:
        self.answers.append((status, body, {k.replace("_", "-"): v for k, v in headers.items()}))

    def next_answer(self) -> tuple[int, Any, dict[str, str]]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = dict(self.headers.items())
            api.requests.append(Request(self.command, parts.path, query, headers, body))
            status, document, extra = api.next_answer()
            if status >= 400 and isinstance(document, dict):
                document = {"type": "urn:secbeat:problem:of-a-test", **document}
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            content = b"" if document is None else content
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake)) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECBEAT_URL", "MANAGEMENT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SECBEAT_API_KEY", KEY)
    monkeypatch.setattr("appliance.cli.client.node_api.DEFAULT_FILES", ())
    monkeypatch.setattr("appliance.cli.client.fleet_api.DEFAULT_FILES", ())
    monkeypatch.setattr("appliance.cli.client.node_api.POLL_S", 0)
    monkeypatch.setattr("appliance.cli.client.outlasting.POLL_S", 0)


@pytest.fixture
def secbeat(api: FakeApi, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> Any:
    """Runs the command line against the fake API."""

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setenv("SECBEAT_URL", api.url)
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        code = caught.value.code
        return Done(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run
