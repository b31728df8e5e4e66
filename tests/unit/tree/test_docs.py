"""The reference documents say what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client import Metric
from pydantic.fields import FieldInfo
from typer.main import get_command

from api.agent.metrics.fleet import FleetCollector
from api.agent.metrics.internal import InternalCollector
from api.agent.metrics.public import PublicCollector
from api.agent.metrics.surroundings import View
from api.agent.metrics.tally import AgentTally
from appliance.cli.app import COMMANDS
from appliance.cli.client.keyfile import DEFAULT_FILES, VARIABLES
from appliance.cli.commands import audit, countries, host, keys
from appliance.cli.commands.fleet import nodes, scale
from appliance.cli.commands.lists import entries as lists
from appliance.cli.commands.policy import command as policy
from appliance.cli.commands.rules import entries as rules
from appliance.cli.exits import Exit
from appliance.config.model import NodeConfig
from dataplane.native.abi import TrafficKind

TREE = Path(__file__).parents[3]
DOCS = TREE / "docs"
IN_TREE = ("dataplane", "api", "appliance", "tests", "bench", "docs")
DOCUMENTS = sorted(
    [*TREE.glob("*.md"), *(path for top in IN_TREE for path in (TREE / top).rglob("*.md"))]
)
NOT_OF_THE_TREE = ("build/", ".venv/", "api/node.db")
"""What is built, and what lies in a node's state directory."""


def paths_in(text: str) -> set[str]:
    """What looks like a path of the tree: targets of links, and code with a slash or a suffix."""
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", text)
    code = re.findall(r"`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*/?)`", text)
    files = (c for c in code if c.startswith(tuple(f"{top}/" for top in IN_TREE)))
    sources = (c for c in code if re.fullmatch(r"[\w./-]+\.(py|c|h|def|sh|md)", c))
    return {path for path in (*links, *files, *sources) if not path.startswith(NOT_OF_THE_TREE)}


def is_there(path: str, document: Path) -> bool:
    """Beside the document, from the top, or, of a source named in short, the end of a path."""
    if (document.parent / path).exists() or (TREE / path).exists():
        return True
    return any(True for top in IN_TREE for _ in (TREE / top).rglob(path))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TREE)))
def test_paths_in_documents_exist(document: Path) -> None:
    assert {n for n in paths_in(document.read_text()) if not is_there(n, document)} == set()


def test_a_path_that_is_not_there_would_be_found() -> None:
    named = paths_in("`dataplane/statelog.py`, [x](docs/none.md), `parse.c`, [y](https://a.b/c.md)")
    there = {n for n in named if is_there(n, TREE / "README.md")}
    assert (named - there, there) == ({"dataplane/statelog.py", "docs/none.md"}, {"parse.c"})


def sections_of(document: Path) -> set[str]:
    """Anchors of the headings, as a forge makes them."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TREE)))
def test_sections_that_links_name_exist(document: Path) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)#\s]*)#([^)\s]+)\)", document.read_text())
    targets = [(document.parent / path if path else document, name) for path, name in links]
    documents = [(path, name) for path, name in targets if path.suffix == ".md"]
    assert [(path, name) for path, name in documents if name not in sections_of(path)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(TREE)))
def test_make_targets_in_documents_exist(document: Path) -> None:
    rules = (TREE / "Makefile").read_text()
    tiers = {f"test-{path.name}" for path in (TREE / "tests").iterdir()}
    targets = set(re.findall(r"^([a-z-]+):", rules, re.M)) | tiers
    assert set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", document.read_text(), re.M)) <= targets


class Away:
    def read(self) -> None:
        return None


class Nothing:
    def view(self) -> View:
        return View()


def table_rows(document: str, first: str) -> list[list[str]]:
    """Cells of the rows whose first cell is code that starts with ``first``."""
    lines = (DOCS / document).read_text().splitlines()
    rows = [line.replace(r"\|", "/").strip("| ").split(" | ") for line in lines if line[:1] == "|"]
    return [row for row in rows if row[0].startswith(f"`{first}")]


def families() -> dict[str, Metric]:
    collectors = (
        PublicCollector(Away(), Nothing(), None, "v"),
        InternalCollector(Away(), AgentTally()),
        FleetCollector(lambda: None),
    )
    shown: dict[str, Metric] = {}
    for family in (family for collector in collectors for family in collector.collect()):
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        shown[family.name + suffix] = family
    return shown


def of_an_orchestrator() -> set[str]:
    """Names in the modules that make them: what they say depends on a database."""
    files = [*TREE.glob("api/orchestrator/*/metrics.py"), *TREE.glob("api/orchestrator/metrics/*")]
    text = "".join(each.read_text() for each in files if each.suffix == ".py")
    names = set(re.findall(r'"(secbeat_(?:fleet|orchestrator)_\w+)"', text))
    return names | {f"{name}_total" for name in names}


def test_every_metric_is_documented_with_its_type() -> None:
    kinds = {name: family.type for name, family in families().items()}
    documented = {row[0].strip("`"): row[1] for row in table_rows("metrics.md", "secbeat_")}
    # The text format knows no type info.
    assert documented == {name: kind.replace("info", "gauge") for name, kind in kinds.items()}


@pytest.mark.parametrize("name", ["prometheus-rules.yml", "grafana-dashboard.json"])
def test_rules_and_dashboard_use_metrics_that_exist(name: str) -> None:
    used = set(re.findall(r"\bsecbeat_\w+", (DOCS / name).read_text()))
    used = {re.sub(r"_bucket$", "", metric) for metric in used}
    assert used - families().keys() - of_an_orchestrator() == set()
    assert used


def test_dashboard_is_json_whose_panels_do_not_overlap() -> None:
    panels = json.loads((DOCS / "grafana-dashboard.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_short_ranges_of_the_dashboard_follow_the_scrape_interval() -> None:
    """A rate needs two samples: [1m] shows nothing if Prometheus scrapes once a minute."""
    panels = json.loads((DOCS / "grafana-dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    ranges = {found for query in queries for found in re.findall(r"\[(.+?)\]", query)}
    assert {one for one in ranges if one not in {"0-9", "$__rate_interval"}} == {"5m", "1h"}


def config_keys() -> dict[str, FieldInfo]:
    def inside(model: Any, prefix: str) -> dict[str, FieldInfo]:
        found = {}
        for name, field in model.model_fields.items():
            if hasattr(field.annotation, "model_fields"):
                found.update(inside(field.annotation, f"{prefix}{name}."))
            else:
                found[prefix + name] = field
        return found

    return inside(NodeConfig, "")


def test_every_key_is_documented_with_its_default() -> None:
    rows = {
        row[0].strip("`"): row[2]
        for section in NodeConfig.model_fields
        for row in table_rows("configuration.md", f"{section}.")
    }
    fields = config_keys()
    assert rows.keys() == fields.keys()
    for key, field in fields.items():
        default = field.get_default()
        if field.is_required():
            expected = "required"
        elif default is None:
            expected = "none"
        else:
            plain = default if isinstance(default, int | tuple | dict) else str(default)
            expected = f"`{json.dumps(plain)}`"
        assert rows[key] == expected, key


def test_documented_limits_are_the_ones_checked() -> None:
    limits = {
        row[0].strip("`"): row[3].replace(",", "")
        for section in NodeConfig.model_fields
        for row in table_rows("configuration.md", f"{section}.")
    }
    for key, field in config_keys().items():
        for rule in field.metadata:
            for bound in ("ge", "le"):
                if hasattr(rule, bound):
                    assert re.search(rf"\b{getattr(rule, bound)}\b", limits[key]), key


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert table_rows("cli.md", f"secbeat {name}")


@pytest.mark.parametrize(
    ("noun", "app"),
    [
        ("blacklist", lists.blacklist),
        ("policy", policy.app),
        ("rules", rules.app),
        ("countries", countries.app),
        ("keys", keys.app),
        ("audit", audit.app),
        ("scale", scale.app),
        ("nodes", nodes.app),
    ],
)
def test_every_verb_is_documented(noun: str, app: typer.Typer) -> None:
    assert documented_verbs(noun) == set(get_command(app).commands)  # type: ignore[attr-defined]


def test_every_verb_of_the_host_is_documented() -> None:
    assert documented_verbs("host") == set(host.VERBS)


def documented_verbs(noun: str) -> set[str]:
    return {row[0].split()[2].rstrip("`") for row in table_rows("cli.md", f"secbeat {noun} ")}


def test_exit_codes_are_documented() -> None:
    lines = (DOCS / "cli.md").read_text().splitlines()
    documented = {int(m[1]) for line in lines if (m := re.match(r"\| (\d+) \|", line))}
    assert documented == {*Exit}


def test_every_error_has_an_exit_code_that_is_documented() -> None:
    declared = re.compile(r"^    exit_code(?:: int)? = (?:Exit\.)?(\w+)$", re.MULTILINE)
    files = [
        file for part in ("appliance", "api", "dataplane") for file in (TREE / part).rglob("*.py")
    ]
    found = {code for file in files for code in declared.findall(file.read_text())}
    assert "65" in found
    assert "REFUSED" in found
    known = {str(int(one)) for one in Exit} | {one.name for one in Exit}
    assert found <= known


def test_places_of_the_key_are_documented() -> None:
    text = (DOCS / "cli.md").read_text()
    for place in [*VARIABLES, *map(str, DEFAULT_FILES)]:
        assert place in text


def test_every_kind_of_traffic_is_explained_as_its_definition_does() -> None:
    definition = (TREE / "dataplane/fastpath/include/defs/traffic.def").read_text()
    kinds = re.findall(r'^SB_TRAFFIC\((\w+), "([^"]+)"\)$', definition, re.MULTILINE)
    counted = (DOCS / "detection.md").read_text().split("## What is counted")[1]
    table = counted.split("## What is sampled")[0]
    assert re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE) == [
        (name.lower(), text) for name, text in kinds
    ]
    assert [name for name, _ in kinds] == [kind.name for kind in TrafficKind]
