"""``secbeat rules starter``: lines that ``secbeat rules import`` and the API take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dataplane.waf.starter import GROUPS, starter_rules


def written(done: Any) -> list[dict[str, Any]]:
    assert done.code == 0
    return [json.loads(line) for line in done.out.splitlines()]


def test_all_rules_are_written_and_only_log(secbeat: Any) -> None:
    rows = written(secbeat("rules", "starter"))
    assert [row["name"] for row in rows] == [rule.id for rule in starter_rules()]
    assert {row["action"] for row in rows} == {"log"}
    assert [row["group"] for row in rows] == [rule.group for rule in starter_rules()]
    assert set(rows[0]) == {"pattern", "action", "severity", "name", "group"}


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_written_for_some_profiles(secbeat: Any, group: str) -> None:
    rows = written(
        secbeat("rules", "starter", "--group", group, "--action", "block", "--profile", "web")
    )
    assert [row["name"] for row in rows] == [
        rule.id for rule in starter_rules() if rule.group == group
    ]
    assert {(row["action"], *row["profiles"]) for row in rows} == {("block", "web")}


def test_a_file_is_written_whole(secbeat: Any, tmp_path: Path) -> None:
    target = tmp_path / "starter.ndjson"
    count = len(list(starter_rules()))
    assert secbeat("rules", "starter", target).out == f"{count} rules are in {target}\n"
    assert len(target.read_text("utf-8").splitlines()) == count


def test_a_group_that_is_not_there_is_refused(secbeat: Any) -> None:
    done = secbeat("rules", "starter", "--group", "csrf")
    assert (done.code, done.out) == (2, "")
    assert "csrf" in done.err


def test_a_file_is_named_as_json(secbeat: Any, tmp_path: Path) -> None:
    target = tmp_path / "starter.ndjson"
    done = secbeat("--json", "rules", "starter", target)
    assert done.json == {"file": str(target), "rules": len(list(starter_rules()))}
    assert secbeat("rules", "starter", "--json").code == 2
