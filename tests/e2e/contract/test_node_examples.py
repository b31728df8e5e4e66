"""The contract's examples for port 9999 and the metrics' ports, run as they stand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.documents.contract import example, unlike
from tests.support.instances.lab import Lab
from tests.support.waiting import wait_for

from .conftest import FAMILIES, Runner

pytestmark = pytest.mark.alone

NODE = "http://localhost:9999/api/v1"


@pytest.fixture
def without_rules(node: Lab):
    yield
    for each in node.api("GET", "/rules").json()["rules"]:
        node.change("DELETE", f"/rules/{each['id']}")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "which", [f"curl {NODE}/status", f"curl {NODE}/stats"], ids=["status", "stats"]
)
def test_a_node_is_asked(node: Lab, runner: Runner, which: str, family: str):
    asked = example(which)
    found = runner.json(asked, node.key(), family)
    assert unlike(found, asked.answer) == []


def test_a_node_is_in_the_mode_that_it_was_started_in(node: Lab, runner: Runner):
    def is_in_it() -> bool:
        """A control loop that has just stalled is not healthy."""
        found = runner.json(example(f"curl {NODE}/status"), node.key())
        return (found["status"], found["mode"], found["health"]) == ("running", "l7", "healthy")

    wait_for(is_in_it, "the node is healthy, and in its mode")


def test_the_key_goes_in_the_header_of_the_contract(node: Lab, runner: Runner):
    found = runner.json(example("your-key"), node.key())
    assert unlike(found, example(f"curl {NODE}/status").answer) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_rule_is_added_listed_and_removed(
    node: Lab, runner: Runner, without_rules: None, family: str
):
    adding, listing = example(f"POST {NODE}/rules"), example(f"curl {NODE}/rules")
    added = runner.json(adding, node.key(), family)
    assert unlike(added, adding.answer) == []
    listed = runner.json(listing, node.key(), family)
    assert unlike(listed, listing.answer) == []
    assert [each["id"] for each in listed["rules"]] == [added["id"]]
    assert listed["total"] == 1

    removing = example("rules/rule_12345")
    problem = runner.json(removing, node.key(), family)
    assert (problem["status"], "rule_12345" in problem["detail"]) == (404, True)
    ours = replace(removing, text=removing.text.replace("rule_12345", added["id"]))
    assert _removed(runner.curl(ours, node.key(), family))
    assert runner.json(listing, node.key(), family)["total"] == 0


def _removed(answer: str) -> bool:
    """204 has no body; 202 says that the data plane has it before it yet."""
    return answer == "" or json.loads(answer)["state"] == "pending"


@pytest.mark.parametrize("family", FAMILIES)
def test_an_address_is_banned(node: Lab, runner: Runner, family: str):
    found = runner.json(example(f"POST {NODE}/blacklist"), node.key(), family)
    assert found["ip"] == "192.0.2.100"
    assert found["reason"] == "repeated attacks"
    assert found["duration_seconds"] == 3600
    node.change("DELETE", "/blacklist/192.0.2.100")


@pytest.mark.parametrize("family", FAMILIES)
def test_metrics_need_no_key(node: Lab, runner: Runner, family: str):
    both = example("localhost:9191")
    text = runner.curl(both, "no key", family)
    assert text.count("\nsecbeat_packets_processed_total ") == 1, "port 9090"
    assert "\nsecbeat_agent_" in text, "port 9191"


def test_the_python_program_runs(node: Lab, runner: Runner, without_rules: None):
    status, rule = runner.python(example("import requests"), node.key()).splitlines()
    assert status == "Status: running"
    (made,) = node.api("GET", "/rules").json()["rules"]
    assert rule == f"Rule created: {made['id']}"
    assert (made["pattern"], made["action"]) == ("(?i)script.*alert", "block")


def test_the_shell_script_prints_a_number(node: Lab, runner: Runner):
    assert float(runner.first_line(example("#!/bin/bash"), node.key())) >= 0


def test_the_javascript_program_runs(node: Lab, runner: Runner):
    def says_all() -> bool:
        """A control loop that has just stalled is not healthy."""
        text = runner.javascript(example("const API_KEY"), node.key())
        assert text.startswith("Status: {"), text
        fields = ("status: 'running'", "mode: 'l7'", "health: 'healthy'", "uptime_seconds: ")
        return all(field in text for field in fields)

    wait_for(says_all, "it prints the status of a healthy node")
