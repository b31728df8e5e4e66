"""The exporter's HTTP: what it answers, and that no client can keep it busy."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from prometheus_client import CollectorRegistry, Gauge

from api.common import exporter as server
from api.common.exporter import Exporter
from dataplane.base.errors import ConfigurationError


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("secbeat_test", "For this test.", registry=registry).set(7)
    return registry


@pytest.fixture
def exporter(registry: CollectorRegistry, monkeypatch: Any) -> Iterator[Exporter]:
    monkeypatch.setattr(server, "_POLL_S", 0.01)
    exporter = Exporter("127.0.0.1:0", registry)
    exporter.start()
    yield exporter
    exporter.close()


def url(exporter: Exporter, path: str) -> str:
    return f"http://127.0.0.1:{exporter.server_address[1]}{path}"


def get(exporter: Exporter, path: str, **headers: str) -> requests.Response:
    return requests.get(url(exporter, path), headers=headers, timeout=60)


def test_metrics_in_the_text_format(exporter: Exporter) -> None:
    answer = get(exporter, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "secbeat_test 7.0\n" in answer.text


def test_metrics_as_openmetrics(exporter: Exporter) -> None:
    answer = get(exporter, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_index_leads_to_the_metrics(exporter: Exporter) -> None:
    assert re.findall(r'href="([^"]+)"', get(exporter, "/").text) == ["/metrics"]


def test_other_paths_and_methods(exporter: Exporter) -> None:
    assert get(exporter, "/metrics/../etc").status_code == 404
    assert requests.post(url(exporter, "/metrics"), timeout=60).status_code == 501
    head = requests.head(url(exporter, "/metrics"), timeout=60)
    assert (head.status_code, head.text) == (200, "")


def test_failed_scrape_tells_nothing_of_its_inside(
    exporter: Exporter, registry: CollectorRegistry
) -> None:
    class Broken:
        def collect(self) -> Any:
            raise RuntimeError("secret detail")

    registry._collector_to_names[Broken()] = []  # type: ignore[index]
    answer = get(exporter, "/metrics")
    assert (answer.status_code, answer.text) == (500, "scrape failed\n")


def test_clients_that_never_ask_are_cut_and_others_served(
    exporter: Exporter, monkeypatch: Any
) -> None:
    monkeypatch.setattr(server, "CONNECTION_S", 0.2)
    address = exporter.server_address[:2]
    silent = [socket.create_connection(address, 10) for _ in range(server.CONNECTIONS_MAX)]
    for connection in silent:
        connection.sendall(b"GET /met")
    for connection in silent:
        assert connection.recv(1) == b""
        connection.close()
    assert get(exporter, "/metrics").status_code == 200


def test_more_connections_than_there_is_room_for_are_closed(exporter: Exporter) -> None:
    address = exporter.server_address[:2]
    kept = [socket.create_connection(address, 10) for _ in range(server.CONNECTIONS_MAX)]
    with socket.create_connection(address, 10) as one_more:
        assert one_more.recv(1) == b""
    for connection in kept:
        connection.close()


def test_port_that_is_taken_is_a_configuration_error(exporter: Exporter, registry: Any) -> None:
    bind = f"127.0.0.1:{exporter.server_address[1]}"
    with pytest.raises(ConfigurationError, match=rf"metrics on {bind}: Address already in use"):
        Exporter(bind, registry)


def test_ipv6_bind(registry: Any) -> None:
    exporter = Exporter("[::1]:0", registry)
    assert exporter.address_family == socket.AF_INET6
    exporter.server_close()
