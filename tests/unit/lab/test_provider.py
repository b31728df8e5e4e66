"""Provider ``lab``: what it answers, and that it can be asked again whatever came before."""

from __future__ import annotations

import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from appliance.lab.fleet import provider
from appliance.lab.instance import Instance

NODE = "scale-0011aabb-1"
FLEET = {"url": "http://127.0.0.1:3030", "token": "t" * 43, "labels": {"secbeat-job": "x"}}


class FakeLabs:
    """Lab instances that are nothing but their state."""

    def __init__(self) -> None:
        self.states: dict[str, list[str]] = {}
        """What is said of each, one after the other; the last one stays."""
        self.made: list[str] = []
        self.ended: list[str] = []
        self.memory_mib = 100_000

    def read(self, node: Instance) -> dict[str, Any]:
        states = self.states.get(node.name, ["down"])
        state = states.pop(0) if len(states) > 1 else states[0]
        return {"state": state, "addresses": {"api": "127.0.1.1:9999"}}

    def up(self, wish: Any, _say: Any) -> None:
        assert wish.gives_way
        self.made.append(wish.instance.name)
        self.states[wish.instance.name] = ["up"]

    def down(self, node: Instance, _say: Any) -> bool:
        self.ended.append(node.name)
        self.states[node.name] = ["down"]
        return True


@pytest.fixture
def labs(monkeypatch: pytest.MonkeyPatch) -> FakeLabs:
    fake = FakeLabs()
    monkeypatch.setattr(provider.status, "read", fake.read)
    monkeypatch.setattr(provider, "up_detached", fake.up)
    monkeypatch.setattr(provider.lifecycle, "down", fake.down)
    monkeypatch.setattr(provider.shutil, "chown", lambda *_: None)
    monkeypatch.setattr(provider.preflight, "available_mib", lambda: fake.memory_mib)
    monkeypatch.setattr(provider, "_LOOK_S", 0)
    return fake


@pytest.fixture
def ask(
    labs: FakeLabs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Any:
    """Runs the provider; gives the last line of its answer."""

    def run(verb: str, **more: Any) -> Any:
        question = {"protocol": 1, "verb": verb} | more
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(question) + "\n"))
        code = provider.main(["--directory", str(tmp_path / "kept"), "--max", "2"])
        answer = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (code == 0) == ("result" in answer)
        return answer

    return run


def test_a_node_is_an_instance_of_its_name_that_follows_the_fleet(
    ask: Any, labs: FakeLabs, tmp_path: Path
) -> None:
    answer = ask("create", node=NODE, fleet=FLEET)
    assert answer == {"result": {"node": NODE, "api": "127.0.1.1:9999"}}
    assert labs.made == [NODE]
    table = tomllib.loads((tmp_path / "kept" / NODE / "secbeat.toml").read_text())
    assert table["node"] == {"name": NODE}
    assert table["fleet"]["url"] == FLEET["url"]
    assert table["fleet"]["labels"] == FLEET["labels"]
    token = Path(table["fleet"]["token_file"])
    assert token.read_text().strip() == FLEET["token"]
    assert token.stat().st_mode & 0o077 == 0


def test_a_node_that_is_there_is_not_made_again(ask: Any, labs: FakeLabs) -> None:
    labs.states[NODE] = ["up"]
    assert "result" in ask("create", node=NODE, fleet=FLEET)
    assert labs.made == []


def test_a_node_that_is_half_there_is_waited_for_or_made_anew(ask: Any, labs: FakeLabs) -> None:
    labs.states[NODE] = ["starting", "starting", "up"]
    ask("create", node=NODE, fleet=FLEET)
    assert (labs.made, labs.ended) == ([], [])
    labs.states[NODE] = ["stopping", "crashed"]
    ask("create", node=NODE, fleet=FLEET)
    assert (labs.made, labs.ended) == ([NODE], [NODE])


def test_a_node_is_destroyed_once_and_then_gone(ask: Any, labs: FakeLabs) -> None:
    ask("create", node=NODE, fleet=FLEET)
    assert ask("list") == {"result": {"nodes": [NODE], "local": True}}
    assert ask("destroy", node=NODE)["result"]["there"]
    assert not ask("destroy", node=NODE)["result"]["there"]
    assert labs.ended == [NODE]
    assert ask("list") == {"result": {"nodes": [], "local": True}}


def test_an_instance_that_it_has_not_made_is_left_alone(ask: Any, labs: FakeLabs) -> None:
    labs.states["default"] = ["up"]
    ask("destroy", node="default")
    assert labs.ended == []


def test_room_is_what_number_and_memory_leave(ask: Any, labs: FakeLabs) -> None:
    assert ask("capacity")["result"]["free"] == 2
    ask("create", node=NODE, fleet=FLEET)
    said = ask("capacity")["result"]
    assert said["free"] == 1
    assert said["limit"] == "this lab may have 2 nodes beside its own, and has 1"
    labs.memory_mib = 100
    said = ask("capacity")["result"]
    assert said["free"] == 0
    assert said["limit"].endswith("100 MiB are available")


def test_one_node_too_many_is_refused(ask: Any, labs: FakeLabs) -> None:
    for ordinal in (1, 2):
        ask("create", node=f"scale-0011aabb-{ordinal}", fleet=FLEET)
    assert "error" in ask("create", node="scale-0011aabb-3", fleet=FLEET)
    assert len(labs.made) == 2


def test_what_is_no_question_is_an_error(ask: Any) -> None:
    assert "error" in ask("rename", node=NODE)
    assert "error" in ask("create", node="../default", fleet=FLEET)
    assert "error" in ask("create", node=NODE)
