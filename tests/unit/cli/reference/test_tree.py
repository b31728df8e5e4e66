"""What holds for every command: ``-h``, ``--json`` before and after the noun."""

from __future__ import annotations

import re
from typing import Any

import pytest

from appliance.cli import main
from appliance.cli.app import COMMANDS
from appliance.cli.commands import host
from appliance.cli.reference.tree import Command
from appliance.cli.words import with_json_last


def ends(tree: Command) -> list[Command]:
    """All commands that are no groups."""
    return [one for one in tree.walk() if not one.commands]


def test_the_tree_is_whole(tree: Command) -> None:
    assert {one.path[0] for one in tree.commands} == {*COMMANDS, "completion"}
    paths = {one.path for one in tree.walk()}
    assert {("fleet", "membership", "rotate-key"), ("host", "nics"), ("rules", "starter")} <= paths


def test_every_command_prints_json(tree: Command) -> None:
    has_json = {one.path: any("--json" in each.names for each in one.options) for one in ends(tree)}
    assert [path for path, has in has_json.items() if not has] == []


def test_json_may_stand_before_every_noun(tree: Command) -> None:
    for one in ends(tree):
        assert with_json_last(["--json", *one.path]) == [*one.path, "--json"]
        assert with_json_last([one.path[0], "--json", *one.path[1:]]) == [*one.path, "--json"]


def test_every_command_has_short_help_without_escapes_or_types_of_python(
    tree: Command, secbeat: Any
) -> None:
    for one in tree.walk():
        done = secbeat(*one.path, "-h")
        assert done.code == 0, one.path
        assert f"sage: {' '.join(('secbeat', *one.path))}" in done.out
        assert "-h, --help" in done.out
        for unwanted in ("\x1b", "╭", "[["):
            assert unwanted not in done.out, one.path
        assert re.findall(r"<[^=]*?>", done.out) == [], one.path


def test_a_value_has_the_name_of_what_it_is(tree: Command) -> None:
    shown = {one.path: {each.shown for each in one.parameters} for one in tree.walk()}
    assert {"N", "--node ID", "--wait / --no-wait"} <= shown["scale", "down"]
    assert {"PATTERN", "--group GROUP", "--target TARGET"} <= shown["rules", "add"]
    assert "--action block|log" in shown["rules", "add"]
    assert {"FILE", "--config FILE"} <= shown["fleet", "database", "dump"]
    assert {"SHELL"} <= shown["completion",]
    assert "<" not in str(shown)


def test_every_command_and_option_is_explained(tree: Command) -> None:
    for one in tree.walk():
        assert one.summary, one.path
        assert [each.shown for each in one.parameters if not each.help] == [], one.path


def test_json_before_host_is_json_of_host(monkeypatch: Any, capsys: Any) -> None:
    asked = []
    monkeypatch.setattr(host, "run", lambda words: asked.append(list(words)))
    with pytest.raises(SystemExit):
        main.main(["--json", "host", "console", "--dry-run"])
    assert asked == [["console", "--dry-run", "--json"]]
    assert capsys.readouterr().out == ""
