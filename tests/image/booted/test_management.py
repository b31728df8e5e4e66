"""What the management NIC lets in: ssh, the API by TLS, public metrics, and nothing else."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
import requests

from tests.image.support.expected import NOT_FOR_THE_NETWORK
from tests.image.support.vms.machine import FORWARD_HOST, GATEWAY
from tests.image.support.vms.vm import API_PORT, METRICS_PORT, VM
from tests.support.waiting import wait_for

SILENCE_S = 5.0
"""An open port has answered in this time many times over."""


def says(port: int, text: bytes) -> bytes:
    """The first bytes that come back; none: closed, refused, or silent."""
    try:
        with socket.create_connection((FORWARD_HOST, port), SILENCE_S) as connection:
            connection.sendall(text)
            return connection.recv(64)
    except (TimeoutError, ConnectionError):
        return b""


def test_the_node_is_running(node: VM):
    def running() -> bool:
        answer = node.api("GET", "/status")
        return answer.status_code == 200 and answer.json()["health"] == "healthy"

    wait_for(running, "the node is healthy", bound_s=120, every_s=1)


def test_the_api_wants_a_key(node: VM):
    answer = node.api("GET", "/status", key="x" * 40)
    assert answer.status_code == 401, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_plain_http_is_not_spoken_on_the_network(node: VM):
    assert not says(node.port(API_PORT), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").startswith(
        b"HTTP/1.1 2"
    )


def test_old_tls_is_refused(node: VM):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    address = (FORWARD_HOST, node.port(API_PORT))
    with socket.create_connection(address, SILENCE_S) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)


def test_metrics_are_public(node: VM):
    answer = requests.get(f"http://{FORWARD_HOST}:{node.port(METRICS_PORT)}/metrics", timeout=30)
    assert answer.status_code == 200
    assert "secbeat_packets_processed_total" in answer.text


@pytest.mark.parametrize("port", NOT_FOR_THE_NETWORK)
def test_a_port_behind_is_closed(node: VM, host: Any, port: int):
    listening = host.check_output(f"ss -Htln sport = :{port}")
    assert listening, "the test would pass with nothing there"
    assert says(node.port(port), b"GET /metrics HTTP/1.0\r\n\r\n") == b""


def test_the_audit_names_the_client_and_believes_nothing_that_it_says_about_itself(node: VM):
    forged = {"X-Forwarded-For": "192.0.2.66", "Forwarded": "for=192.0.2.67"}
    body = {"ip": "192.0.2.99", "duration_seconds": 60}
    added = node.api("POST", "/blacklist", headers=forged, json=body)
    assert added.status_code in (201, 202), added.text
    row = node.api("GET", "/audit", params={"limit": 1}).json()["audit"][0]
    assert row["target"] == "192.0.2.99"
    assert row["source"] == GATEWAY
    assert node.api("DELETE", "/blacklist/192.0.2.99").status_code in (202, 204)


def test_the_packaged_country_database_is_in_use(node: VM):
    countries = node.api("GET", "/status").json()["countries"]
    assert countries["ranges_ipv4"] > 100_000
    assert countries["ranges_ipv6"] > 100_000
    done = node.ssh("sudo secbeat countries lookup 8.8.8.8 2001:4860:4860::8888 10.0.0.1")
    assert done.returncode == 0, done.stderr
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:]] == ["US", "US", "ZZ"]


def test_the_command_line_works_for_the_administrator(node: VM):
    done = node.ssh("sudo secbeat status --json")
    assert done.returncode == 0, done.stderr
    assert '"running"' in done.stdout
