"""A node: its processes, its health, who reaches it, and how it stands with its fleet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.image.support import inside

UNITS = tuple(
    f"secbeat-{name}.service" for name in ("host", "nics", "dataplane", "api", "agent", "tls")
)
RESTARTED = "secbeat_node_restart_dataplane"
TRUE = ("true", "yes", "on", "1")
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


def test_its_processes_run_the_installed_release(old_processes: Callable[..., set[str]]) -> None:
    assert old_processes("secbeat-api.service", "secbeat-agent.service") == set(), (
        "older than the installed release: run site.yml, or systemctl restart"
    )


def test_its_packet_path_runs_the_installed_release(
    host: Any, old_processes: Callable[..., set[str]]
) -> None:
    old = old_processes("secbeat-dataplane.service")
    message = "secbeat-dataplane is older than the installed release"
    restarted = str(host.ansible.get_variables().get(RESTARTED, True)).lower() in TRUE
    if old and not restarted:
        pytest.skip(f"{message}: {RESTARTED} is false, systemctl restart secbeat-dataplane")
    assert old == set(), f"{message}: run site.yml, or systemctl restart secbeat-dataplane"


def test_the_last_run_has_ended(unapplied: Callable[[str], list[str]]) -> None:
    assert unapplied("nodes") == [], "a run ended early, or another run is active: run site.yml"


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
