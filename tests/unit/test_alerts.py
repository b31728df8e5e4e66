"""The alert rules that are shipped, as Prometheus' own promtool evaluates them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "docs" / "prometheus-rules.yml"
NODE = 'job="secbeat",instance="n1:9090"'
INSIDE = 'job="secbeat",instance="n1:9191"'
OF_NODE = {"job": "secbeat", "instance": "n1:9090"}
CRITICAL, WARNING, INFO = ({"severity": one} for one in ("critical", "warning", "info"))


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    command = ("promtool", *words)
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def check(
    folder: Path, alert: str, at: str, expected: list[dict[str, str]], series: dict[str, str]
) -> None:
    """Evaluate every 15 s, and compare the labels of the alerts at a time.

    Summaries are left out: promtool would compare them word for word.
    """
    rules = re.sub(r"^ +annotations:\n +summary: .*\n", "", RULES.read_text(), flags=re.MULTILINE)
    (folder / "rules.yml").write_text(rules)
    alerts = [{"exp_labels": labels} for labels in expected]
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": text} for name, text in series.items()],
        "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": alerts}],
    }
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": [test]}
    (folder / "test.yml").write_text(json.dumps(document))
    done = promtool("test", "rules", str(folder / "test.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_sound() -> None:
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ["SecBeatDown", "SecBeatAgentAway"])
def test_an_agent_that_is_gone_is_told_without_a_sample_of_its_own(
    tmp_path: Path, alert: str
) -> None:
    series = {f"up{{{NODE}}}": "1x8 0x40", f"secbeat_up{{{NODE}}}": "1x8 stale"}
    severity = CRITICAL if alert == "SecBeatDown" else WARNING
    check(tmp_path, alert, "10m", [{**OF_NODE, **severity}], series)
    check(tmp_path, alert, "1m", [], series)


@pytest.mark.parametrize("alert", ["SecBeatDown", "SecBeatDataplaneAway"])
def test_a_data_plane_that_is_away_is_told_once(tmp_path: Path, alert: str) -> None:
    series = {f"up{{{NODE}}}": "1x40", f"secbeat_up{{{NODE}}}": "1x8 0x32"}
    severity = CRITICAL if alert == "SecBeatDown" else WARNING
    check(tmp_path, alert, "5m", [{**OF_NODE, **severity}], series)


def test_an_orchestrator_that_is_away_is_no_node(tmp_path: Path) -> None:
    series = {'up{job="secbeat-orchestrator",instance="o1:9091"}': "0x40"}
    check(tmp_path, "SecBeatDown", "5m", [], series)


def test_a_syn_proxy_that_is_on_is_told_while_it_is(tmp_path: Path) -> None:
    series = {f"secbeat_syn_proxy_on{{{NODE}}}": "0x4 2x8 0x20"}
    check(tmp_path, "SecBeatSynProxyOn", "2m", [{**OF_NODE, **INFO}], series)
    check(tmp_path, "SecBeatSynProxyOn", "5m", [], series)


@pytest.mark.parametrize(
    ("metric", "reason", "is_told"),
    [
        ("secbeat_packets_dropped_total", "connections_full", True),
        ("secbeat_packets_dropped_total", "syn_proxy_full", True),
        ("secbeat_packets_would_drop_total", "connections_full", True),
        ("secbeat_packets_would_drop_total", "connections_share", True),
        ("secbeat_packets_dropped_total", "blacklist", False),
    ],
)
def test_a_full_table_is_told_by_its_reason(
    tmp_path: Path, metric: str, reason: str, is_told: bool
) -> None:
    series = {f'{metric}{{{NODE},reason="{reason}"}}': "0+10x40"}
    expected = [{**OF_NODE, **WARNING, "reason": reason}] if is_told else []
    check(tmp_path, "SecBeatTableFull", "8m", expected, series)


def test_a_state_log_that_fails_is_critical(tmp_path: Path) -> None:
    series = {
        f'secbeat_degraded{{{NODE},cause="state_log"}}': "1x20",
        f'secbeat_degraded{{{NODE},cause="link"}}': "1x20",
    }
    expected = [{**OF_NODE, **CRITICAL, "cause": "state_log"}]
    check(tmp_path, "SecBeatStateLog", "2m", expected, series)


def test_a_disk_that_can_not_be_written_is_critical(tmp_path: Path) -> None:
    series = {f"secbeat_storage_writable{{{NODE}}}": "1x4 0x20"}
    check(tmp_path, "SecBeatStorageNotWritable", "3m", [{**OF_NODE, **CRITICAL}], series)


@pytest.mark.parametrize("building", [0, 1])
def test_rules_that_wait_are_told_unless_the_other_port_says_that_they_are_built(
    tmp_path: Path, building: int
) -> None:
    series = {
        f'secbeat_rules{{{NODE},state="pending"}}': "7x60",
        f'secbeat_rules_compiler{{{INSIDE},state="building"}}': f"{building}x60",
    }
    expected = [] if building else [{**OF_NODE, **WARNING, "state": "pending", "host": "n1"}]
    check(tmp_path, "SecBeatRulesPending", "10m", expected, series)
