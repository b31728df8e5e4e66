"""``site.yml`` on hosts that have never seen SecBeat, and again."""

from __future__ import annotations

from tests.fleet.conftest import AT_ONCE, NODES, ORCHESTRATOR
from tests.fleet.support.playbook import play_well
from tests.fleet.support.run import Run


def test_check_mode_tells_what_a_bare_host_lacks_and_changes_nothing(run: Run) -> None:
    outcome = play_well(run, "site.yml", "--check", "--diff", *AT_ONCE)
    assert all(changed > 0 for changed in outcome.changed().values()), outcome.text
    assert "/usr/lib/systemd/system/secbeat-orchestrator.service" in outcome.text
    for name in run.hosts:
        assert run.ssh(name, "ls /opt; ls -d /etc/secbeat 2>/dev/null || true") == ""


def test_one_run_makes_an_orchestrator_and_nodes(run: Run) -> None:
    play_well(run, "site.yml", *AT_ONCE)
    assert run.get("https://orchestrator-1:3030/api/v1/health/ready").status_code == 200
    units = {ORCHESTRATOR: "secbeat-orchestrator", **dict.fromkeys(NODES, "secbeat-dataplane")}
    for name, unit in units.items():
        assert run.ssh(name, f"systemctl is-active {unit}").strip() == "active"


def test_check_mode_has_nothing_to_say_afterwards(run: Run) -> None:
    outcome = play_well(run, "site.yml", "--check", "--diff", *AT_ONCE)
    assert outcome.changed() == dict.fromkeys(run.hosts, 0), outcome.text


def test_the_network_reaches_tls_and_ssh_only(run: Run) -> None:
    for name, port in ((ORCHESTRATOR, 3443), (ORCHESTRATOR, 9091), (NODES[0], 9443)):
        assert not run.connects(name, port), (name, port)
    assert run.connects(ORCHESTRATOR, 3030)
    assert run.connects(NODES[0], 9999)
