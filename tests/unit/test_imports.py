"""Imports point one way: dataplane <- api <- appliance <- tests, and HTTP and ctypes stay apart."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "dataplane": {"api", "appliance", "tests", "flask", "apiflask", "sqlalchemy", "gunicorn"},
    "api": {"appliance", "tests", "ctypes"},
    "appliance": {"tests"},
}
DOORS = {
    "dataplane.client",
    "dataplane.clock",
    "dataplane.countries",
    "dataplane.errors",
    "dataplane.labels",
    "dataplane.logs",
    "dataplane.networks",
    "dataplane.notify",
    "dataplane.policy",
    "dataplane.settings",
    "dataplane.statelog",
    "dataplane.stats",
    "dataplane.version",
}
"""What api may import of dataplane: the client, the state log, and plain values."""


def imports(package: str) -> Iterator[tuple[str, str]]:
    """File and imported module, names imported from a package included."""
    for file in sorted((ROOT / package).rglob("*.py")):
        name = str(file.relative_to(ROOT))
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}: relative import"
                if node.module in FORBIDDEN:
                    yield from ((name, f"{node.module}.{alias.name}") for alias in node.names)
                else:
                    yield name, str(node.module)


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_one_way(package: str) -> None:
    wrong = [
        (file, module)
        for file, module in imports(package)
        if module.split(".")[0] in FORBIDDEN[package]
    ]
    assert wrong == []


def test_api_enters_the_data_plane_through_its_doors() -> None:
    wrong = [
        (file, module)
        for file, module in imports("api")
        if module.split(".")[0] == "dataplane" and ".".join(module.split(".")[:2]) not in DOORS
    ]
    assert wrong == []
