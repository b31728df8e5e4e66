"""The lab's own life: what it refuses, and that it leaves nothing behind.

Tests that look at the whole host for traces run alone: other labs come and go.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.lab import cleanup, network
from appliance.lab.instance import Instance
from tests.support.instances.lab import SECBEAT, TREE, UP_TIMEOUT_S, Lab, run
from tests.support.waiting import wait_for


@dataclass(frozen=True)
class Traces:
    """Everything that a lab could leave on a host."""

    namespaces: frozenset[str]
    links: frozenset[str]
    mounts: frozenset[str]
    shared_memory: frozenset[str]
    directories: frozenset[str]
    sysctls: frozenset[str]
    processes: tuple[int, ...]

    @classmethod
    def now(cls, instance: Instance) -> Traces:
        return cls(
            namespaces=_lines("ip", "netns", "list"),
            links=frozenset(line.split("@")[0] for line in _lines("ip", "-brief", "link")),
            mounts=_mounts(instance),
            shared_memory=_names("/dev/shm", "/dev/hugepages"),  # noqa: S108
            directories=_names("/run", "/run/secbeat-lab", "/var/run/dpdk"),
            sysctls=_lines("sysctl", "-a", "--pattern", r"^net\.(core|ipv[46])|^vm\.nr_huge"),
            processes=tuple(cleanup.processes(instance)),
        )

    def left_since(self, before: Traces) -> dict[str, object]:
        """What is there now and was not there before."""
        return {
            name: new
            for name, now in vars(self).items()
            if (new := set(now) - set(getattr(before, name)))
        }


def _lines(*command: str) -> frozenset[str]:
    done = run(*command)
    return frozenset(line.split(" (id")[0] for line in done.stdout.splitlines())


def _mounts(instance: Instance) -> frozenset[str]:
    """Mounts that can be the lab's; others may come and go on this host."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return frozenset(
        point for point in points if instance.name in point or point.startswith("/run/netns")
    )


def _names(*directories: str) -> frozenset[str]:
    return frozenset(
        str(path) for name in directories if Path(name).is_dir() for path in Path(name).iterdir()
    )


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab of the test's own, not started."""
    made = Lab("e2e-own")
    made.down()
    yield made
    made.down()


def start_in_foreground(lab: Lab) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SECBEAT, "lab", "up", "--instance", lab.instance.name],
        cwd=TREE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.alone
def test_a_stopped_lab_leaves_nothing_behind(own: Lab):
    before = Traces.now(own.instance)
    process = start_in_foreground(own)
    wait_for(lambda: own.status()["state"] == "up", "the lab is up", bound_s=UP_TIMEOUT_S)
    assert own.curl("http://198.19.0.1/").returncode == 0
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=UP_TIMEOUT_S)
    assert process.returncode == 0, output
    assert Traces.now(own.instance).left_since(before) == {}


@pytest.mark.alone
def test_a_lab_that_is_stopped_while_it_starts_leaves_nothing_behind(own: Lab):
    before = Traces.now(own.instance)
    process = start_in_foreground(own)
    wait_for(lambda: own.status().get("processes"), "its processes start", every_s=0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=UP_TIMEOUT_S)
    assert Traces.now(own.instance).left_since(before) == {}


@pytest.mark.alone
def test_down_cleans_what_a_killed_supervisor_has_left(own: Lab):
    before = Traces.now(own.instance)
    own.up()
    status = own.status()
    os.kill(status["supervisor_pid"], signal.SIGKILL)
    wait_for(lambda: own.status()["state"] == "crashed", "the crash is seen")
    refused = own.command("up")
    assert refused.returncode != 0
    assert "lab down" in refused.stderr
    assert own.down().returncode == 0
    assert Traces.now(own.instance).left_since(before) == {}


def test_a_second_lab_of_the_same_name_is_refused(lab: Lab):
    refused = lab.command("up", "--detach")
    assert refused.returncode != 0
    assert "already running" in refused.stderr
    assert lab.curl("http://198.19.0.1/").returncode == 0


def test_two_labs_run_side_by_side(lab: Lab, own: Lab):
    own.up()
    assert own.instance.address != lab.instance.address
    own.change("POST", "/blacklist", json={"ip": "198.18.0.1"})
    assert own.curl("http://198.19.0.1/", timeout_s=1).returncode != 0
    assert lab.curl("http://198.19.0.1/").returncode == 0


def test_status_tells_where_everything_is(lab: Lab):
    status = lab.status()
    assert status["state"] == "up"
    assert status["addresses"]["api"] == f"{lab.instance.address}:9999"
    assert Path(status["key_file"]).stat().st_mode & 0o077 == 0
    users = {name: process["user"] for name, process in status["processes"].items()}
    assert users == {
        "nginx": "www-data",
        "dataplane": "secbeat-dp",
        "api": "secbeat",
        "agent": "secbeat",
    }
    for process in status["processes"].values():
        assert Path(f"/proc/{process['pid']}").exists()


def test_status_of_a_lab_that_is_not_there():
    done = Lab("e2e-none").command("status", "--json")
    assert done.returncode == 3
    assert '"down"' in done.stdout


def test_a_port_in_use_is_named_with_its_remedy(lab: Lab, own: Lab, tmp_path):
    taken = f"{lab.instance.address}:9999"
    config = tmp_path / "secbeat.toml"
    config.write_text(f'[api]\nbind = "{taken}"\n')
    refused = own.command("up", "--detach", "--config", str(config))
    assert refused.returncode != 0
    assert taken in refused.stderr
    assert "--instance" in refused.stderr
    assert own.status()["state"] == "down"


def test_a_wrong_configuration_exits_as_the_node_itself_would(own: Lab, tmp_path):
    config = tmp_path / "secbeat.toml"
    config.write_text("dataplane = 3\n")
    refused = own.command("up", "--detach", "--config", str(config))
    assert (refused.returncode, refused.stderr.count("\n")) == (78, 1), refused.stderr
    assert "dataplane" in refused.stderr


def test_up_and_down_speak_json(own: Lab):
    started = own.command("up", "--detach", "--json", timeout_s=UP_TIMEOUT_S)
    assert json.loads(started.stdout) == own.status()
    ended = own.command("down", "--json", timeout_s=UP_TIMEOUT_S)
    assert json.loads(ended.stdout) == {"instance": own.instance.name, "state": "down"}


def test_the_key_of_the_environment_is_honoured(own: Lab, monkeypatch):
    monkeypatch.setenv("MANAGEMENT_API_KEY", "k" * 40)
    own.up()
    assert own.api("GET", "/status", "k" * 40).status_code == 200
    assert own.api("GET", "/status", "x" * 40).status_code == 401


@pytest.mark.alone
def test_a_lab_that_does_not_come_up_keeps_its_files_until_down(own: Lab, tmp_path):
    before = Traces.now(own.instance)
    config = tmp_path / "secbeat.toml"
    config.write_text('[ports.outside]\ndevice = "net_af_packet0,iface=nowhere"\n')
    failed = own.command("up", "--detach", "--config", str(config), timeout_s=UP_TIMEOUT_S)
    assert failed.returncode != 0
    assert str(own.instance.directory) in failed.stderr
    assert "lab down" in failed.stderr
    left = Traces.now(own.instance).left_since(before)
    left.pop("mounts", None)  # of /run/netns, which goes with the files of the last lab
    assert not network.existing(own.instance.namespaces)
    assert set(left) == {"directories"}, "processes and network are gone"
    assert (own.instance.logs / "dataplane.log").stat().st_size
    assert own.status()["state"] == "crashed"
    assert own.down().returncode == 0
    assert Traces.now(own.instance).left_since(before) == {}
