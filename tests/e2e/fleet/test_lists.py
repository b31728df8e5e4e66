"""A ban of the fleet stops its client at the node, and a new node has it from the start."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from appliance.lab.fleet import orchestrator
from tests.support.instances.fleet import FleetLab
from tests.support.instances.lab import SECBEAT, run
from tests.support.waiting import wait_for

CLIENTS = {"ipv4": "198.18.9.1", "ipv6": "2001:2::9:1"}
URLS = {"ipv4": "http://198.19.0.1/", "ipv6": "http://[2001:2::2:1]/"}


@pytest.fixture(scope="module", autouse=True)
def clients(fleet: FleetLab) -> None:
    """Addresses that nothing else of the lab uses."""
    fleet.healthy_node()
    for family, address in CLIENTS.items():
        length = 15 if family == "ipv4" else 64
        fleet.add_address("client", f"{address}/{length}")


@pytest.fixture(autouse=True)
def empty(fleet: FleetLab) -> Iterator[None]:
    yield
    for name in ("blacklist", "allowlist"):
        for entry in fleet.fleet("GET", f"/{name}").json()[name]:
            assert fleet.fleet("DELETE", f"/{name}/{entry['ip']}").ok
        for entry in fleet.api("GET", f"/{name}?origin=manual").json()[name]:
            fleet.change("DELETE", f"/{name}/{entry['ip']}")


def reaches(fleet: FleetLab, family: str) -> bool:
    return fleet.curl(URLS[family], CLIENTS[family]).returncode == 0


def is_stopped(fleet: FleetLab, family: str) -> bool:
    return fleet.curl(URLS[family], CLIENTS[family], timeout_s=1).returncode != 0


def put(fleet: FleetLab, name: str, ip: str, **more: Any) -> None:
    answer = fleet.fleet("POST", f"/{name}", json={"ip": ip} | more)
    assert answer.status_code == 201, answer.text


def until_stopped(fleet: FleetLab, family: str) -> None:
    with telling(fleet):
        wait_for(lambda: is_stopped(fleet, family), "the ban stops the client")


def until_let_through(fleet: FleetLab, family: str) -> None:
    with telling(fleet):
        wait_for(lambda: not is_stopped(fleet, family), "the client is let through")


@contextmanager
def telling(fleet: FleetLab) -> Iterator[None]:
    """What fails says what the agent has done."""
    try:
        yield
    except AssertionError:
        print(fleet.log("agent")[-4000:])
        print(fleet.api("GET", "/blacklist").text, fleet.api("GET", "/allowlist").text)
        raise


@pytest.mark.parametrize("family", CLIENTS)
def test_a_ban_on_the_orchestrator_stops_the_client_at_the_node(
    fleet: FleetLab, family: str
) -> None:
    assert reaches(fleet, family)
    put(fleet, "blacklist", CLIENTS[family], reason="e2e")
    until_stopped(fleet, family)
    entry = fleet.api("GET", f"/blacklist/{CLIENTS[family]}").json()
    assert (entry["origin"], entry["reason"]) == ("fleet", "e2e")
    assert fleet.fleet("DELETE", f"/blacklist/{CLIENTS[family]}").status_code == 204
    until_let_through(fleet, family)
    assert fleet.api("GET", f"/blacklist/{CLIENTS[family]}").status_code == 404


def test_allowlists_of_node_and_fleet_unite_and_win(fleet: FleetLab) -> None:
    fleet.change("POST", "/allowlist", json={"ip": CLIENTS["ipv4"]})
    put(fleet, "blacklist", CLIENTS["ipv4"])
    put(fleet, "blacklist", CLIENTS["ipv6"])
    until_stopped(fleet, "ipv6")  # so both bans are there
    assert reaches(fleet, "ipv4")
    fleet.change("DELETE", f"/allowlist/{CLIENTS['ipv4']}")
    until_stopped(fleet, "ipv4")
    put(fleet, "allowlist", "198.18.9.0/24")
    until_let_through(fleet, "ipv4")


def test_a_ban_stands_while_the_orchestrator_is_away_and_follows_when_it_is_back(
    fleet: FleetLab,
) -> None:
    put(fleet, "blacklist", CLIENTS["ipv4"])
    until_stopped(fleet, "ipv4")
    fleet.kill("orchestrator", signal.SIGKILL)
    assert is_stopped(fleet, "ipv4")
    assert fleet.fleet("DELETE", f"/blacklist/{CLIENTS['ipv4']}").status_code == 204
    until_let_through(fleet, "ipv4")


def test_an_agent_that_was_killed_goes_on_where_it_was(fleet: FleetLab) -> None:
    put(fleet, "blacklist", CLIENTS["ipv4"])
    until_stopped(fleet, "ipv4")
    fleet.kill("agent", signal.SIGKILL)
    put(fleet, "blacklist", CLIENTS["ipv6"])
    until_stopped(fleet, "ipv6")
    assert is_stopped(fleet, "ipv4")


def test_a_node_that_has_lost_what_it_noted_has_both_lists_again(fleet: FleetLab) -> None:
    put(fleet, "blacklist", CLIENTS["ipv4"])
    until_stopped(fleet, "ipv4")
    agent = (fleet.instance.directory / "agent" / "agent.key").read_text().strip()
    fleet.change("POST", "/blacklist/remove", agent, json={"origin": "fleet"})
    assert reaches(fleet, "ipv4")
    (fleet.instance.directory / "agent" / "fleet.json").unlink()
    fleet.kill("agent", signal.SIGKILL)
    until_stopped(fleet, "ipv4")


def test_the_command_line_bans_in_the_fleet(fleet: FleetLab) -> None:
    where = (
        *("--fleet", "--orchestrator", orchestrator.url(fleet.instance)),
        *("--key-file", str(orchestrator.admin_key(fleet.instance))),
    )
    done = run(*SECBEAT, "blacklist", "add", CLIENTS["ipv4"], "--reason", "cli", *where)
    assert done.returncode == 0, done.stderr
    until_stopped(fleet, "ipv4")
    shown = run(*SECBEAT, "blacklist", "list", *where)
    assert CLIENTS["ipv4"] in shown.stdout
    done = run(*SECBEAT, "blacklist", "remove", CLIENTS["ipv4"], *where)
    assert done.returncode == 0, done.stderr
    until_let_through(fleet, "ipv4")
