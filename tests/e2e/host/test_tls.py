"""The TLS terminator with the configuration that the image carries, in front of an API that echoes.

HAProxy runs in a namespace, where its ports are nobody else's. Only the socket's path is changed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from threading import Thread
from typing import Any

import pytest

from tests.support.network.peers import background
from tests.support.network.two_hosts import TwoHosts, run, two_hosts
from tests.support.servers.terminator import CONFIGURATION, SOCKET, make_credentials, program
from tests.support.waiting import wait_for

PORT = 9443


class Echo(BaseHTTPRequestHandler):
    """Answers with the head of the request, and how much of a body came."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        received = len(self.rfile.read(length))
        body = json.dumps({"headers": self.headers.items(), "body": received}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the server's name

    def address_string(self) -> str:
        return "terminator"

    def log_message(self, *_: object) -> None:
        """Quiet."""


class EchoServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


@contextmanager
def echo(path: Path) -> Iterator[None]:
    server = EchoServer(str(path), Echo)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        path.unlink()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificate as a credential, and the configuration."""
    place = tmp_path_factory.mktemp("tls")
    make_credentials(place)
    text = CONFIGURATION.read_text()
    assert SOCKET in text
    (place / "haproxy.cfg").write_text(text.replace(SOCKET, str(place / "api.sock")))
    return place


@pytest.fixture(scope="module")
def hosts(place: Path) -> Iterator[TwoHosts]:
    with two_hosts("sb-tls") as made:
        command = ("env", f"CREDENTIALS_DIRECTORY={place}", program(), "-db", "-f")
        with background(*made.on_host(*command, str(place / "haproxy.cfg"))) as haproxy:
            wait_for(lambda: listening(made, haproxy), "HAProxy listens on both families")
            yield made


def listening(hosts: TwoHosts, haproxy: subprocess.Popen[str]) -> bool:
    assert haproxy.poll() is None, haproxy.stdout and haproxy.stdout.read()
    return run(*hosts.on_host("ss", "-Hltn", f"sport = :{PORT}")).count("LISTEN") == 2


def curl(hosts: TwoHosts, address: str, *options: str) -> str:
    host = f"[{address}]" if ":" in address else address
    url = f"https://{host}:{PORT}/api/v1/status"
    return run(*hosts.on_peer("curl", "--silent", "--insecure", *options, url))


def forwarded(answer: str) -> list[list[str]]:
    """The headers that say where a request comes from, as the API receives them."""
    headers: list[list[str]] = json.loads(answer)["headers"]
    return sorted(h for h in headers if "forward" in h[0].lower())


def test_the_configuration_is_valid(place: Path) -> None:
    run(
        "env", f"CREDENTIALS_DIRECTORY={place}", "/usr/sbin/haproxy", "-c", "-f", str(CONFIGURATION)
    )


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_what_a_client_says_about_its_address_is_replaced(
    hosts: TwoHosts, place: Path, family: str, version: str
) -> None:
    claims = ("X-Forwarded-For: 127.0.0.1", "x-forwarded-for: ::1", "X-Forwarded-Host: evil")
    claims = (*claims, "X-Forwarded-Proto: http", "Forwarded: for=127.0.0.1")
    options = [word for claim in claims for word in ("--header", claim)]
    with echo(place / "api.sock"):
        answer = curl(hosts, getattr(hosts, family), version, *options)
    wanted = [
        ["x-forwarded-for", getattr(hosts, f"peer_{family}")],
        ["x-forwarded-proto", "https"],
    ]
    assert [[name.lower(), value] for name, value in forwarded(answer)] == wanted


def test_a_body_of_an_import_goes_through(hosts: TwoHosts, place: Path, tmp_path: Path) -> None:
    body = tmp_path / "list"
    size = 8 << 20
    body.write_bytes(b"x" * size)
    with echo(place / "api.sock"):
        answer = curl(hosts, hosts.ipv4, "--data-binary", f"@{body}", "--header", "Expect:")
    assert json.loads(answer)["body"] == size


def test_without_the_api_the_answer_is_a_problem_document(hosts: TwoHosts) -> None:
    write = "--write-out", "\n%{http_code} %{content_type} %header{retry-after}"
    body, status = curl(hosts, hosts.ipv4, *write).rsplit("\n", 1)
    assert status == "503 application/problem+json 1"
    document: dict[str, Any] = json.loads(body)
    assert document["status"] == 503
    assert document["detail"] == "the management API is not running"


def test_old_protocol_versions_are_refused(hosts: TwoHosts) -> None:
    done = subprocess.run(
        hosts.on_peer("curl", "-sk", "--tls-max", "1.1", f"https://{hosts.ipv4}:{PORT}/"),
        check=False,
        capture_output=True,
    )
    assert done.returncode == 35  # CURLE_SSL_CONNECT_ERROR
