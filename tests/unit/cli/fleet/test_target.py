"""``--fleet`` alone chooses between node and orchestrator; an option of the other one is
refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.cli.reference.tree import Command, read_tree

ORCHESTRATOR, URL = ("--orchestrator", "http://127.0.0.1:1"), ("--url", "http://127.0.0.1:1")
FLEET = [one for one in read_tree().walk() if any("--fleet" in each.names for each in one.options)]


@pytest.fixture
def words(tmp_path: Path) -> Any:
    """A command line with the required arguments and options of a command."""
    policy = tmp_path / "watch.toml"
    policy.write_text('name = "watch"\n')

    def of(command: Command) -> list[str]:
        arguments = [str(policy)] if command.path[0] == "policy" else ["x"]
        required = sum(each.is_required for each in command.arguments)
        options = [
            word
            for each in command.options
            if each.is_required
            for word in (each.names[0], each.choices[0])
        ]
        return [*command.path, *arguments[:required], *options]

    return of


@pytest.mark.parametrize("command", FLEET, ids=lambda one: " ".join(one.path))
@pytest.mark.parametrize(
    ("given", "named"),
    [(ORCHESTRATOR, "--orchestrator"), (("--fleet", *URL), "--url"), ((*URL, "--fleet"), "--url")],
)
def test_an_address_of_the_other_one_is_refused(
    command: Command, given: tuple[str, ...], named: str, words: Any, secbeat: Any, api: Any
) -> None:
    done = secbeat(*words(command), *given)
    assert (done.code, named in done.err) == (2, True)
    assert api.requests == []


@pytest.mark.parametrize("verb", ["apply", "rollback"])
def test_an_override_is_of_one_node(verb: str, words: Any, secbeat: Any, api: Any) -> None:
    command = next(one for one in FLEET if one.path == ("policy", verb))
    done = secbeat(*words(command), "--fleet", "--override")
    assert (done.code, "--override" in done.err) == (2, True)
    assert api.requests == []


def test_variables_may_name_both(secbeat: Any, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECBEAT_ORCHESTRATOR", "http://127.0.0.1:1")
    api.answers_with(200, {"rules": [], "total": 0, "next_cursor": None})
    assert secbeat("rules", "list").code == 0
    monkeypatch.setenv("SECBEAT_ORCHESTRATOR", api.url)
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", "k" * 32)
    assert secbeat("rules", "list", "--fleet").code == 0
