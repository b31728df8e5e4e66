"""Requests to an orchestrator: whom they trust, and what they are bounded by."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.agent.fleet.orchestrator import session as module
from api.agent.fleet.orchestrator.session import Session
from api.agent.node_api import RequestError
from tests.support.certificates import Authority
from tests.support.fakes.fake_orchestrator import FakeOrchestrator, orchestrating

PATH = "nodes/n1/heartbeat"


def asks(url: str, ca_file: Path | None = None) -> Session:
    return Session(url, ca_file, lambda: "key")


def refused(session: Session) -> str:
    with pytest.raises(RequestError) as error:
        session.get("nodes/n1/desired")
    assert error.value.status == 0
    return str(error.value)


def test_certificate_of_the_chosen_ca_is_believed(tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    with orchestrating(ca.issue("127.0.0.1")) as fake:
        fake.answers["ping"] = 200, {"is": "there"}
        session = asks(fake.url, ca.file)
        assert session.get("ping") == {"is": "there"}
        assert session.local_address == "127.0.0.1"
        session.close()


@pytest.mark.parametrize("what", ["other CA", "other host", "expired", "system CAs"])
def test_other_certificates_are_not(tmp_path: Path, what: str) -> None:
    ca = Authority(tmp_path)
    certificate = ca.issue(
        "other.example" if what == "other host" else "127.0.0.1",
        days=-1 if what == "expired" else 1,
    )
    believed = Authority(tmp_path, "other").file if what == "other CA" else ca.file
    with orchestrating(certificate) as fake:
        session = asks(fake.url, None if what == "system CAs" else believed)
        assert "certificate is not accepted" in refused(session)
        assert fake.asked == []


def test_ca_file_that_is_replaced_counts_from_the_next_connection(tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    file = tmp_path / "chosen.crt"
    file.write_bytes(old.file.read_bytes())
    with orchestrating(new.issue("127.0.0.1")) as fake:
        fake.answers["ping"] = 200, {}
        session = asks(fake.url, file)
        refused(session)
        file.write_bytes(new.file.read_bytes())
        assert session.get("ping") == {}
        session.close()


def test_proxies_of_the_environment_are_not_used(
    orchestrator: FakeOrchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    orchestrator.answers["ping"] = 200, {}
    assert asks(orchestrator.url).get("ping") == {}


def test_refusal_says_status_and_reason(orchestrator: FakeOrchestrator) -> None:
    orchestrator.answers["ping"] = 403, {"detail": "not yours"}
    with pytest.raises(RequestError, match="GET ping: HTTP 403: not yours") as error:
        asks(orchestrator.url).get("ping")
    assert error.value.status == 403


def test_connection_that_was_closed_meanwhile_is_made_again(
    orchestrator: FakeOrchestrator,
) -> None:
    orchestrator.answers["ping"] = 200, {}
    session = asks(orchestrator.url)
    session.get("ping")
    session._connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    session.get("ping")
    assert orchestrator.connections == 2


Answer = Callable[[bytes], str]


@pytest.fixture
def answering() -> Iterator[Answer]:
    """Servers that answer with these bytes and then say nothing."""
    open_sockets: list[socket.socket] = []

    def start(answer: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        open_sockets.append(server)

        def serve() -> None:
            taken, _ = server.accept()
            open_sockets.append(taken)
            taken.recv(65536)
            taken.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    for each in open_sockets:
        with closing(each):
            pass


def test_long_answer_is_not_read_to_its_end(
    answering: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 1000)
    url = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b" " * 200_000)
    assert "longer than 1000 bytes" in refused(asks(url))


def test_answer_that_stops_is_given_up(answering: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 0.2)
    assert "timed out" in refused(asks(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")))


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
def test_what_is_no_answer(answering: Answer, answer: bytes) -> None:
    refused(asks(answering(answer)))


def test_orchestrator_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert "refused" in refused(asks(url))
