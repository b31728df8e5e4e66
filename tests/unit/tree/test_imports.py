"""Imports point one way: dataplane <- api <- appliance <- tests, and HTTP and ctypes stay apart."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FORBIDDEN = {
    "dataplane": {"api", "appliance", "tests", "flask", "apiflask", "sqlalchemy", "gunicorn"},
    "api": {"appliance", "tests", "ctypes"},
    "appliance": {"tests"},
}
DOORS = {
    "dataplane.base",
    "dataplane.client",
    "dataplane.countries",
    "dataplane.pcap",
    "dataplane.policy",
    "dataplane.shared.captures",
    "dataplane.shared.explained",
    "dataplane.shared.incidents",
    "dataplane.shared.labels",
    "dataplane.shared.links",
    "dataplane.shared.stats",
    "dataplane.statelog",
    "dataplane.waf.document",
}
"""What api may import of dataplane: the client, the state log, and plain values."""
_BELOW = {
    *("base", "native", "tables", "shared", "statelog", "policy", "countries", "waf"),
    "detection",
}
ROOMS = {
    "base": set(),
    "native": {"base"},
    "tables": {"base", "native"},
    "shared": {"base", "native", "statelog", "countries", "waf"},
    "statelog": {"base", "waf"},
    "countries": {"base", "native"},
    "policy": {"base", "native", "statelog", "countries", "detection", "waf"},
    "waf": {"base", "native", "tables"},
    "detection": {"base", "native", "tables", "shared"},
    "reasons": {"base", "native", "policy"},
    "pcap": {"base"},
    "dpdk": {"base", "native"},
    "model": {"native"},
    "client": _BELOW,
    "control": _BELOW,
    "reconcile": _BELOW,
    "replay": _BELOW | {"pcap"},
    "run": _BELOW | {"dpdk", "control", "reconcile"},
}
"""What each room of dataplane may import of the others."""
WAF_ROOMS = {
    "exchange": {"document"},
    "compiling": {"document", "exchange"},
    "enforcing": {"document", "exchange"},
}
"""The same for what lies in the WAF: the two processes meet in what they exchange."""

API_ROOMS = {
    "common": set(),
    "storage": {"common"},
    "access": {"common", "storage"},
    "serving": {"common"},
    "lists": {"common", "storage", "access"},
    "rules": {"common"},
    "history": {"common", "storage"},
    "management": {
        *("common", "storage", "access", "serving", "history", "lists", "rules", "webhooks"),
    },
    "orchestrator": {"common", "storage", "access", "serving", "lists", "rules", "webhooks"},
    "agent": {"common", "storage", "history", "lists", "rules", "webhooks"},
    "webhooks": {"common"},
}
"""The same for api."""
DATABASES = {
    "sqlite": ("sqlite3", "api.storage.sqlite"),
    "postgresql": ("psycopg", "api.storage.postgresql"),
}
"""What of one kind of database is named only in the folder of that kind, in `api.storage`."""
DIALECTS = "sqlalchemy.dialects"
"""Of the orchestrator, `api.access` and `api.storage` nobody else names these."""


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
        if module.split(".")[0] == "dataplane"
        and not any(f"{module}.".startswith(f"{door}.") for door in DOORS)
    ]
    assert wrong == []


def test_rooms_of_the_data_plane_are_known_and_import_one_way() -> None:
    wrong = []
    for file, module in imports("dataplane"):
        room, imported = Path(file).parts[1], module.split(".")
        if room == "__init__.py" or imported[0] != "dataplane":
            continue
        if imported[1] != room and imported[1] not in ROOMS[room]:
            wrong.append((file, module))
    assert wrong == []


def test_rooms_of_the_api_are_known_and_import_one_way() -> None:
    wrong = []
    for file, module in imports("api"):
        room, imported = Path(file).parts[1], module.split(".")
        if room == "__init__.py" or imported[0] != "api":
            continue
        if imported[1] != room and imported[1] not in API_ROOMS[room]:
            wrong.append((file, module))
    assert wrong == []


def test_rooms_of_the_waf_import_one_way() -> None:
    wrong = []
    for file, module in imports("dataplane/waf"):
        room, imported = Path(file).parts[2], module.split(".")
        if imported[:2] != ["dataplane", "waf"] or room not in WAF_ROOMS:
            continue
        if imported[2] != room and imported[2] not in WAF_ROOMS[room]:
            wrong.append((file, module))
    assert wrong == []


@pytest.mark.parametrize("kind", DATABASES)
@pytest.mark.parametrize("package", ["api/access", "api/storage", "api/orchestrator"])
def test_what_any_database_may_serve_knows_no_kind_of_database(package: str, kind: str) -> None:
    wrong = [
        (file, module)
        for file, module in imports(package)
        if any(f"{module}.".startswith(f"{name}.") for name in (*DATABASES[kind], DIALECTS))
        and not file.startswith(f"api/storage/{kind}/")
    ]
    assert wrong == []


def test_what_runs_as_a_program_hides_no_module_of_python() -> None:
    """Python looks for modules beside a program first, and some of tests/support are programs."""
    names = {file.stem for file in (ROOT / "tests" / "support").rglob("*.py")}
    assert names & sys.stdlib_module_names == set()


@pytest.mark.parametrize("package", ["dataplane", "api"])
def test_no_module_lies_beside_the_rooms(package: str) -> None:
    beside = sorted(file.name for file in (ROOT / package).glob("*.py"))
    assert beside == ["__init__.py"]
