"""The data plane as it runs, or does not start; and the links of its ports."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from appliance.doctor import Status
from dataplane.base.errors import LeaseBusyError
from dataplane.base.process import failure
from dataplane.shared.stats import NodeStats
from tests.support.fakes.fake_host import FakeHost
from tests.unit.agent.conftest import NODE
from tests.unit.doctor.conftest import Examine


def with_links(outside: bool, inside: bool) -> NodeStats:
    links = {"outside": outside, "inside": inside}
    ports = {
        name: dataclasses.replace(NODE.ports["outside"], name=name, link_up=link)
        for name, link in links.items()
    }
    return dataclasses.replace(NODE, ports=ports)


def test_a_data_plane_that_runs_is_well(findings: Examine) -> None:
    found = findings(dataplane_says=lambda _: with_links(True, True))
    assert (found["data plane"].status, found["data plane"].what) == (Status.OK, "running")
    assert "link outside" not in found


def test_none_before_a_rollout_is_well(findings: Examine) -> None:
    assert findings()["data plane"].status is Status.OK
    assert "data plane" not in findings(config=False)


def test_one_that_does_not_start_fails_with_its_last_line(
    fake: FakeHost, findings: Examine
) -> None:
    directory = fake.root / "run/secbeat"
    directory.mkdir(parents=True)
    failure.note(directory, "ports.inside.device: 0000:01:00.1 has 1 queue, dataplane.lcores = 2")
    found = findings()["data plane"]
    assert found.status is Status.FAIL
    assert found.what == (
        "NOT FORWARDING, does not start: "
        "ports.inside.device: 0000:01:00.1 has 1 queue, dataplane.lcores = 2"
    )
    assert found.command == "journalctl -b -u secbeat-dataplane"


@pytest.mark.parametrize(("outside", "inside"), [(False, True), (True, False), (False, False)])
def test_a_port_without_a_link_fails(findings: Examine, outside: bool, inside: bool) -> None:
    found = findings(dataplane_says=lambda _: with_links(outside, inside))
    for name, has_link in (("link outside", outside), ("link inside", inside)):
        assert (name in found) is not has_link
        if not has_link:
            assert found[name].status is Status.FAIL
            assert "NOT FORWARDING" in found[name].why


def test_one_that_is_asked_by_others_runs(findings: Examine) -> None:
    def busy(_: Path) -> NodeStats:
        raise LeaseBusyError("too many observers")

    assert findings(dataplane_says=busy)["data plane"].status is Status.OK
