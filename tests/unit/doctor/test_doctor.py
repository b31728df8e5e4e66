"""The report as a whole: a healthy host, exit codes, checks that break."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.cli.app import app
from appliance.doctor import Context, Finding, Status, examine, run, worst
from appliance.host.files import Host
from tests.support.fakes.fake_host import FakeHost
from tests.unit.doctor.conftest import Examine


def test_a_healthy_host_has_no_finding_to_mend(findings: Examine) -> None:
    found = findings(dataplane={"worker_cpus": [3]})
    assert {name: f for name, f in found.items() if f.status is not Status.OK} == {}
    assert all(f.command is None for f in found.values())


def test_everything_absent_is_said_and_breaks_nothing(tmp_path: Path) -> None:
    found = examine(Context(host=Host(tmp_path), installed_version=lambda _: None))
    assert worst(found) is Status.FAIL
    assert not [f for f in found if "the check itself broke" in f.what]


def test_whatever_fails_comes_with_a_reason_and_a_command(tmp_path: Path) -> None:
    broken = examine(Context(host=Host(tmp_path), installed_version=lambda _: None))
    for finding in broken:
        if finding.status is Status.FAIL:
            assert finding.why
            assert finding.command, finding


def test_a_check_that_breaks_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch, findings: Examine
) -> None:
    def check_moon(_: Context) -> Iterator[Finding]:
        raise ZeroDivisionError("full")
        yield

    monkeypatch.setattr(run, "CHECKS", (check_moon, *run.CHECKS))
    found = findings()
    assert found["moon"].status is Status.WARN
    assert "ZeroDivisionError" in found["moon"].what
    assert found["kernel"].status is Status.OK


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], Status.OK),
        ([Status.OK, Status.WARN], Status.WARN),
        ([Status.FAIL, Status.WARN, Status.OK], Status.FAIL),
    ],
)
def test_the_worst_status_is_the_report_s(statuses: list[Status], expected: Status) -> None:
    assert worst(Finding("x", status, "") for status in statuses) is expected


def test_the_command_prints_json_and_says_fail_by_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = Finding("x", Status.FAIL, "is broken", "it matters", "mend x")
    for findings, code in (([bad], 1), ([Finding("y", Status.WARN, "is odd")], 0), ([], 0)):
        monkeypatch.setattr(
            "appliance.cli.commands.doctor.examine", lambda _, found=findings: found
        )
        result = CliRunner().invoke(app, ["doctor", "--json"])
        assert result.exit_code == code
        assert len(json.loads(result.stdout)["findings"]) == len(findings)
    monkeypatch.setattr("appliance.cli.commands.doctor.examine", lambda _: [bad])
    text = CliRunner().invoke(app, ["doctor"]).stdout
    assert "x\tfail\tis broken" in text
    assert "why: it matters" in text
    assert "try: mend x" in text


def test_a_configuration_that_is_wrong_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--config", str(tmp_path / "none.toml")])
    assert "can't be read" in str(result.exception)


def test_the_report_of_this_very_host_is_made() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code in (0, 1)
    found = json.loads(result.stdout)["findings"]
    assert not [f for f in found if "the check itself broke" in f["what"]]


def test_a_tree_without_permissions_is_as_if_absent(fake: FakeHost) -> None:
    host = Host(fake.root)
    fake.write("/sys/dangling/x")
    fake.link("/sys/link", "/nowhere")
    assert host.text("/sys/link") is None
    assert host.names("/sys/link") == []
    assert host.link_name("/sys/dangling/x") is None
