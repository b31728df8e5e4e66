"""``rollout.yml``: a node is upgraded while it drains, and goes back when that fails."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fleet.conftest import NODES
from tests.fleet.support.playbook import INVENTORY, play, play_well
from tests.fleet.support.run import Run
from tests.fleet.support.tree import TREE
from tests.support.release import release_with

WHEELHOUSE = TREE / "build" / "wheelhouse"
MODULE = "appliance/cli/processes.py"
SECOND = "\nSECOND = True\n"
NO_PACKET_PATH = "\n\ndef dataplane() -> int:\n    return 1\n"
"""The last definition is what counts: API and agent of this release start."""
CONFIGURATION = INVENTORY.parent / "lab" / "node.toml"


def end_of_module(run: Run, name: str) -> str:
    return run.ssh(name, f"tail -n 1 /opt/secbeat/lib/python3*/site-packages/{MODULE}").strip()


def works(run: Run, name: str) -> bool:
    status = json.loads(run.ssh(name, "secbeat status --json"))
    ready = run.get(f"https://{name}:9999/api/v1/health/ready").status_code
    return (status["status"], status["drain"], ready) == ("running", None, 200)


def given(folder: Path, configuration: Path = CONFIGURATION) -> tuple[str, ...]:
    values = {"release_wheelhouse": folder, "node_configuration": configuration}
    return tuple(word for name in values for word in ("-e", f"secbeat_{name}={values[name]}"))


def test_a_release_comes_to_each_node_which_works_again(run: Run) -> None:
    release = release_with(WHEELHOUSE, run.directory / "second", MODULE, SECOND)
    play_well(run, "rollout.yml", *given(release))
    for name in NODES:
        assert end_of_module(run, name) == SECOND.strip()
        assert works(run, name)


def test_a_release_that_does_not_work_goes_back_with_its_configuration(run: Run) -> None:
    release = release_with(WHEELHOUSE, run.directory / "broken", MODULE, NO_PACKET_PATH)
    configuration = run.directory / "other.toml"
    configuration.write_text(CONFIGURATION.read_text() + "\n[node]\nname = 'other'\n")
    before = {name: run.ssh(name, "cat /etc/secbeat/secbeat.toml") for name in NODES}
    outcome = play(run, "rollout.yml", *given(release, configuration))
    assert outcome.code != 0
    assert f"the batch {NODES[0]} has failed and was taken back" in outcome.text, outcome.text
    for name in NODES:
        assert end_of_module(run, name) == SECOND.strip()
        assert run.ssh(name, "cat /etc/secbeat/secbeat.toml") == before[name]
        assert works(run, name)
