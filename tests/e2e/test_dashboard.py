"""The dashboard's queries and the alert rules, on Prometheus over a scrape of the lab."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.instances.lab import TREE, Lab
from tests.support.network.ports import free_port
from tests.support.waiting import wait_for

DASHBOARD = json.loads((TREE / "docs" / "grafana-dashboard.json").read_text())
RULES = TREE / "docs" / "prometheus-rules.yml"
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
ON_BOTH_PORTS = ("secbeat_up", "secbeat_hugepages")
SCRAPES_MIN = 3
"""A rate needs two samples."""


class Prometheus:
    """A server of Debian's package, over both metrics ports of a lab."""

    def __init__(self, address: str, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        targets = [f"{address}:9090", f"{address}:9191"]
        job = {"job_name": "secbeat", "static_configs": [{"targets": targets}]}
        every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config = {"global": every, "rule_files": [str(RULES)], "scrape_configs": [job]}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, path: str, **query: str) -> Any:
        """The answer's data; what is wrong with the query fails the test."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=query, timeout=30)
        assert answer.ok, f"{query}: {answer.text}"
        return answer.json()["data"]

    def query(self, text: str) -> list[Any]:
        found: list[Any] = self.ask("query", query=text)["result"]
        return found

    def has_scraped(self) -> bool:
        try:
            if not requests.get(f"{self.url}/-/ready", timeout=30).ok:
                return False
        except requests.ConnectionError:
            return False
        scraped = (f"count_over_time({one}[10m]) >= {SCRAPES_MIN}" for one in ON_BOTH_PORTS)
        return all(self.query(one) for one in scraped)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


@pytest.fixture(scope="module")
def prometheus(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    server = Prometheus(lab.instance.address, tmp_path_factory.mktemp("prometheus"))
    try:
        wait_for(server.has_scraped, "Prometheus has scraped both ports", bound_s=120)
        yield server
    finally:
        server.stop()


def asked(query: str, host: str) -> str:
    """As Grafana would ask it of one node."""
    return query.replace("$instance", host).replace("$__rate_interval", "1m")


def test_every_query_runs_and_names_the_instance(lab: Lab, prometheus: Prometheus) -> None:
    host, empty = lab.instance.address.replace(".", "\\\\."), []
    for query in QUERIES:
        assert query.count("$instance") == query.count("secbeat_"), query
        if not prometheus.query(asked(query, host)):
            empty.append(query)
        assert prometheus.query(asked(query, "192\\\\.0\\\\.2\\\\.1")) == [], query
    unexpected = [query for query in empty if "> 0" not in query and "== 1" not in query]
    assert unexpected == []


def test_the_rules_are_loaded_and_none_fails(prometheus: Prometheus) -> None:
    def evaluated() -> list[Any] | None:
        groups = prometheus.ask("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None

    rules = wait_for(evaluated, "all rules are evaluated", bound_s=120)
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
    assert "SecBeatDown" not in {rule["name"] for rule in rules if rule["state"] == "firing"}
