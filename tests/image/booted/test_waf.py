"""The machine inspects HTTP: a rule is compiled in it, blocks, and outlives an upgrade."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.image.support import inside
from tests.image.support.peers.outside import Outside
from tests.image.support.peers.taps import ORIGIN4, ORIGIN6, Wire
from tests.image.support.vms.vm import VM
from tests.image.support.waf import ATTACK, DONE, LOOK_ALIKE, code_of, protect
from tests.support.values.slow_pattern import SLOW
from tests.support.waiting import wait_for

RULES = "/var/lib/secbeat/rules"
OTHER_ENGINE = f"{RULES}/hs-4.9.9_2019_01_01"
DATAPLANE, REBUILD = "secbeat-dataplane.service", "secbeat-rebuild.service"
APT_S = 900
COMPILE_S = 120


@pytest.fixture(scope="module")
def rule(node: VM, wire: Wire) -> Iterator[str]:
    """In force."""
    wire.wait_until_it_forwards()
    added = protect(node)
    yield added
    assert node.api("DELETE", f"/rules/{added}").status_code in DONE
    assert node.api("PUT", "/policy", json={"name": "default"}).status_code in DONE


@pytest.mark.parametrize("url", [ORIGIN4, ORIGIN6], ids=["ipv4", "ipv6"])
def test_an_attack_is_refused_and_a_page_is_not(wire: Wire, rule: str, url: str):
    assert code_of(wire, ATTACK, url) == "403"
    assert code_of(wire, LOOK_ALIKE, url) == "200"
    assert code_of(wire, "", url) == "200"


def test_the_rule_has_its_hits_and_the_operator_the_evidence(node: VM, rule: str):
    found = node.api("GET", "/rules").json()
    assert [each["id"] for each in found["rules"]] == [rule]
    assert found["rules"][0]["hits"] > 0
    done = node.ssh(f"sudo secbeat rules evidence {rule} --json")
    assert done.returncode == 0, done.stderr
    assert "union" in done.stdout


def test_a_receiver_outside_is_told_of_the_hit(outside: Outside, rule: str):
    def told() -> bool:
        events = [got.event for got in outside.receiver.taken]
        return rule in {e["data"]["rule_id"] for e in events if e["event"] == "rule_triggered"}

    wait_for(told, f"a webhook for {rule}", COMPILE_S)


def test_a_pattern_that_can_not_be_compiled_is_refused_by_the_helper(node: VM, rule: str):
    """The API asks it, over its socket, before anything is committed."""
    answer = node.api("POST", "/rules", json={"pattern": "a(?=b)", "action": "block"})
    assert answer.status_code == 422, answer.text


def test_a_slow_pattern_ends_in_its_child_and_not_in_the_helper(node: VM, host: Any, rule: str):
    """Limits of CPU and memory hold under the unit's confinement."""
    pids = helpers(host)
    answer = node.api("POST", "/rules", json={"pattern": SLOW, "action": "log"})
    assert answer.status_code == 422, answer.text
    assert "of CPU to compile" in answer.text
    assert helpers(host) == pids


def test_compiled_rules_are_the_data_planes_alone(host: Any, rule: str):
    folders = host.check_output(f"find {RULES} -mindepth 1 -maxdepth 1").split()
    assert len(folders) == 1, folders
    about = set(host.check_output(f"find {RULES} -printf '%u:%g\\n'").split())
    assert about == {"secbeat-dp:secbeat-dp"}
    assert inside.modes(host, folders) == {folders[0]: "0700 secbeat-dp:secbeat-dp"}


def test_apt_has_rules_compiled_for_an_engine_that_it_brings(node: VM, host: Any, rule: str):
    """The cache is made one of another engine; a package is installed that changes nothing."""
    (folder,) = host.check_output(f"find {RULES} -mindepth 1 -maxdepth 1").split()
    before = {path.split("/")[-1] for path in databases(host, folder)}
    assert before
    node.root(f"mv {folder} {OTHER_ENGINE} && rm {OTHER_ENGINE}/*.db")
    node.root(
        "mkdir -p /run/probe/DEBIAN && printf '%s\\n' 'Package: probe' 'Version: 1'"
        " 'Architecture: all' 'Maintainer: Nobody <nobody@example.org>' 'Description: nothing'"
        " >/run/probe/DEBIAN/control && dpkg-deb --build /run/probe /run/probe.deb"
        " && apt-get install -q -y /run/probe.deb && apt-get purge -q -y probe"
        " && rm -r /run/probe /run/probe.deb",
        timeout_s=APT_S,
    )
    assert inside.properties(host, [REBUILD], "Result", "ExecMainStatus") == {
        REBUILD: {"Result": "success", "ExecMainStatus": "0"}
    }
    assert {path.split("/")[-1] for path in databases(host, folder)} == before


def test_a_restart_after_that_has_the_rules_in_force(node: VM, host: Any, wire: Wire, rule: str):
    """It loads them as they are. A minute without changes later, it merges the small databases."""
    (folder,) = host.check_output(f"find {RULES} -mindepth 1 -maxdepth 1 ! -name hs-4.9*").split()
    node.root(f"systemctl restart {DATAPLANE}")
    wire.wait_until_it_forwards()
    assert code_of(wire, ATTACK) == "403"
    (loaded,) = [line for line in logged(node) if line["event"] == "rules loaded"]
    assert (loaded["rules"], loaded["pending"]) == (1, 0)
    wait_for(node.is_ready, "the node is ready", COMPILE_S, every_s=1)
    assert host.check_output(f"find {RULES} -mindepth 1 -maxdepth 1").split() == [folder]


def logged(node: VM) -> list[dict[str, Any]]:
    """The log of the data plane since its last start."""
    text = node.root(
        f"journalctl --no-pager -q -o cat"
        f" _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID {DATAPLANE})"
    )
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def databases(host: Any, folder: str) -> list[str]:
    return sorted(host.check_output(f"find {folder} -name '*.db'").split())


def helpers(host: Any) -> list[str]:
    """Pids of those who keep the compile helper, and of the helper."""
    return host.check_output("pgrep -f [d]ataplane.waf.compiling.keeper").split()
