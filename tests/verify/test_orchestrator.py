"""An orchestrator: its processes, who reaches it, and where its secrets are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.image.support import inside
from tests.image.support.inside import Listener

UNITS = ("secbeat-orchestrator.service", "secbeat-orchestrator-tls.service")
API, TERMINATOR = 3030, 3443
SECRETS = {
    "/var/lib/secbeat-orchestrator": "0700 secbeat:secbeat",
    "/var/lib/secbeat-orchestrator/keys/admin.key": "0600 secbeat:secbeat",
    "/var/lib/secbeat-orchestrator/keys/enrol.key": "0600 secbeat:secbeat",
    "/etc/secbeat/tls/tls.key": "0600 root:root",
}


def test_its_processes_run_and_come_back_after_a_boot(host: Any) -> None:
    found = inside.properties(host, UNITS, "ActiveState", "UnitFileState")
    assert found == {unit: {"ActiveState": "active", "UnitFileState": "enabled"} for unit in UNITS}


def test_no_unit_of_ours_has_failed(host: Any) -> None:
    assert {unit for unit in inside.failed_units(host) if unit.startswith("secbeat")} == set()


def test_its_processes_run_the_installed_release(old_processes: Callable[..., set[str]]) -> None:
    assert old_processes("secbeat-orchestrator.service", "secbeat-provisioner.service") == set(), (
        "older than the installed release: run site.yml, or systemctl restart"
    )


def test_the_last_run_has_ended(unapplied: Callable[[str], list[str]]) -> None:
    assert unapplied("orchestrators") == [], "a run ended early, or another is active: run site.yml"


def test_its_api_is_plain_on_loopback_and_tls_on_the_network(host: Any) -> None:
    found = {each for each in inside.listeners(host) if each.port in (API, TERMINATOR)}
    assert {each.address for each in found if each.port == API} <= {"127.0.0.1", "[::1]"}
    assert {each for each in found if each.port == TERMINATOR} == {
        Listener("tcp", "0.0.0.0", TERMINATOR, "haproxy"),
        Listener("tcp", "[::]", TERMINATOR, "haproxy"),
    }


def test_its_secrets_are_for_its_user_alone(host: Any) -> None:
    assert inside.modes(host, SECRETS) == SECRETS


def test_every_node_is_healthy(secbeat: Callable[..., Any]) -> None:
    nodes = secbeat("nodes", "list")["nodes"]
    assert {node["id"]: (node["status"], node["reasons"]) for node in nodes} == {
        node["id"]: ("healthy", []) for node in nodes
    }
