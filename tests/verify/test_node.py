"""A node: its processes, its health, who reaches it, and how it stands with its fleet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.image.support import inside

UNITS = tuple(
    f"secbeat-{name}.service" for name in ("host", "nics", "dataplane", "api", "agent", "tls")
)
ON_LOOPBACK = (9999, 9191)
SECRETS = {
    "/var/lib/secbeat/keys": "0700 secbeat:secbeat",
    "/etc/secbeat/tls": "0700 root:root",
    "/etc/secbeat/tls/tls.key": "0600 root:root",
}


def test_its_processes_run_and_come_back_after_a_boot(host: Any) -> None:
    found = inside.properties(host, UNITS, "ActiveState", "UnitFileState")
    assert found == {unit: {"ActiveState": "active", "UnitFileState": "enabled"} for unit in UNITS}


def test_no_unit_of_ours_has_failed(host: Any) -> None:
    assert {unit for unit in inside.failed_units(host) if unit.startswith("secbeat")} == set()


def test_it_is_healthy(secbeat: Callable[..., Any]) -> None:
    status = secbeat("status")
    assert (status["status"], status["health"], status["reasons"]) == ("running", "healthy", [])


def test_it_has_applied_what_it_was_told(secbeat: Callable[..., Any]) -> None:
    revision = secbeat("status")["revision"]
    assert revision["applied"] == revision["committed"]


def test_what_is_not_for_the_network_listens_on_loopback(host: Any) -> None:
    found = {each.address for each in inside.listeners(host) if each.port in ON_LOOPBACK}
    assert found <= {"127.0.0.1", "[::1]"}


def test_its_secrets_are_for_their_users_alone(host: Any) -> None:
    assert inside.modes(host, SECRETS) == SECRETS


def test_a_node_of_a_fleet_is_in_it(host: Any, secbeat: Callable[..., Any]) -> None:
    if not host.run("grep -q '^\\[fleet\\]' /etc/secbeat/secbeat.toml").succeeded:
        return
    found = secbeat("fleet", "membership", "show")
    assert (found["registered"], found["up"], found["reasons"]) == (True, True, [])
    assert not host.file("/etc/secbeat/enrol.token").exists
