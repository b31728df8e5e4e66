"""Includes of the packet path point one way, and modules of its model import no circle.

abi, packet <- tables <- verdict <- stages <- pipeline <- worker, replay.
"""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

FASTPATH = Path(__file__).resolve().parents[3] / "dataplane" / "fastpath"
MODEL = FASTPATH.parent / "model"
SOURCES = sorted([*FASTPATH.rglob("*.c"), *FASTPATH.rglob("*.h")])
ABOVE_TABLES = {"verdict.h", "stages.h", "pipeline.h"}
ABOVE_STAGES = {"pipeline.h", "worker.h", "replay.h", "handover.h", "ports.h"}


def included(source: Path) -> set[Path]:
    """The headers of ours that a file includes, found as the compiler does."""
    names = re.findall(r'^#include "([^"]+)"', source.read_text(), re.MULTILINE)
    found = set()
    for name in names:
        folders = (source.parent, FASTPATH / "include", FASTPATH)
        places = [folder / name for folder in folders if (folder / name).exists()]
        assert places, f"{source}: {name} is nowhere"
        found.add(places[0].resolve())
    return found


def folder_of(source: Path) -> str:
    return source.relative_to(FASTPATH).parts[0]


def test_headers_include_no_circle() -> None:
    graph = {one: included(one) for one in SOURCES if one.suffix == ".h"}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(
    ("folder", "forbidden"), [("tables", ABOVE_TABLES), ("stages", ABOVE_STAGES)]
)
def test_what_lies_below_knows_nothing_of_what_lies_above(folder: str, forbidden: set[str]) -> None:
    wrong = [
        (str(one.relative_to(FASTPATH)), header.name)
        for one in SOURCES
        if folder_of(one) == folder
        for header in included(one)
        if header.name in forbidden or (folder == "tables" and folder_of(header) == "stages")
    ]
    assert wrong == []


def test_verdicts_are_below_the_stages() -> None:
    seen, left = set(), [FASTPATH / "packet" / "verdict.c"]
    while left:
        headers = included(left.pop()) - seen
        seen |= headers
        left += headers
    assert {one for one in seen if one.name == "stages.h" or folder_of(one) == "stages"} == set()


def model_modules() -> dict[str, Path]:
    """The files of the model by module, rooms themselves left out."""
    files = (file for file in sorted(MODEL.rglob("*.py")) if file.stem != "__init__")
    return {".".join(file.relative_to(MODEL).with_suffix("").parts): file for file in files}


def model_imports() -> dict[str, set[str]]:
    """Those for type checkers alone included."""
    files, prefix = model_modules(), "dataplane.model."
    graph: dict[str, set[str]] = {}
    for module, file in files.items():
        nodes = ast.walk(ast.parse(file.read_text()))
        found = {
            f"{node.module}.{alias.name}.".removeprefix(prefix)
            for node in nodes
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        graph[module] = {one for one in files if any(name.startswith(f"{one}.") for name in found)}
    return graph


def test_the_model_imports_no_circle() -> None:
    TopologicalSorter(model_imports()).prepare()


def test_the_stages_lie_above_all_else_of_the_model() -> None:
    graph = model_imports()
    is_stage = {name: name.startswith("stages.") for name in graph}
    assert {name.rpartition(".")[2] for name in graph if is_stage[name]} >= {"parse", "syn_proxy"}
    below = {name: needs for name, needs in graph.items() if not is_stage[name]}
    assert below.pop("pipeline") >= {"stages.parse.parse", "stages.sanity"}
    assert {name: needs for name, needs in below.items() if any(map(is_stage.get, needs))} == {}
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("state") < order.index("verdict") < order.index("stages.sanity")


def test_a_circle_would_be_found() -> None:
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def test_offsets_and_numbers_of_protocols_stand_in_one_header() -> None:
    names = re.compile(r"\b\w*(?:ETHER|IPV4|IPV6|TCP|UDP|ICMP)\w*(?:BYTES|SOURCE|OFFSET) = \d")
    wrong = {
        str(one.relative_to(FASTPATH)): names.findall(one.read_text())
        for one in SOURCES
        if one.name != "wire.h" and names.search(one.read_text())
    }
    assert wrong == {}
    assert names.search((FASTPATH / "packet" / "wire.h").read_text())
