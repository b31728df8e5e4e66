"""What port 9091 says, and that the page about it says the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, generate_latest

from api.common.contract.schemas import rfc3339
from api.orchestrator.app import orchestrator_of
from api.orchestrator.metrics.collecting import FleetCollector
from api.orchestrator.metrics.pages import CLASSES, Pages, errors_of, requests_of
from tests.api.orchestrator.conftest import heartbeat
from tests.support.clock import FakeClock

PAGE = Path(__file__).resolve().parents[3] / "docs" / "fleet-metrics.md"


@pytest.fixture
def pages() -> Pages:
    return Pages(workers=1)


@pytest.fixture
def registry(fleet: Flask, pages: Pages) -> CollectorRegistry:
    made = orchestrator_of(fleet)
    collector = FleetCollector(pages)
    collector.open(made.database, [each.name for each in made.operations], made.metrics)
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def test_nodes_are_counted_by_status_and_age(
    registry: CollectorRegistry, enrol: Callable[..., FlaskClient], clock: FakeClock, fleet: Flask
) -> None:
    enrol("node-1").post(
        "/api/v1/nodes/node-1/heartbeat", json=heartbeat(at=rfc3339(clock.utc_ms()))
    )
    enrol("node-2")
    orchestrator_of(fleet).housekeeper.turn()
    clock.pass_ms(12_000)
    value = registry.get_sample_value
    assert value("secbeat_fleet_nodes", {"status": "healthy"}) == 1
    assert value("secbeat_fleet_nodes", {"status": "registering"}) == 1
    assert value("secbeat_fleet_nodes", {"status": "unreachable"}) == 0
    assert value("secbeat_fleet_heartbeat_age_max_seconds") == 12
    buckets = "secbeat_fleet_heartbeat_age_seconds_bucket"
    assert [value(buckets, {"le": le}) for le in ("10.0", "15.0", "+Inf")] == [0, 1, 1]


def test_every_metric_is_documented_with_its_type(
    registry: CollectorRegistry, pages: Pages
) -> None:
    pages.take().request(0, 0.002, 200)
    text = generate_latest(registry).decode()
    kinds = dict(re.findall(r"^# TYPE (\S+(?<!_gsum)(?<!_gcount)) (\S+)$", text, re.M))
    rows = re.findall(r"^\| `(secbeat_\w+)` \| (\w+) \|", PAGE.read_text(), re.M)
    assert dict(rows) == kinds


def test_an_answer_is_counted_in_its_bucket_and_class(pages: Pages) -> None:
    page = pages.take()
    page.request(3, 0.002, 204)
    page.request(3, 99.0, 503)
    page.error("away")
    counts, total_s, classes = requests_of(pages.sums(), 3)
    assert [place for place, count in enumerate(counts) if count] == [1, len(counts) - 1]
    assert total_s == pytest.approx(99.002)
    assert classes == dict.fromkeys(CLASSES, 0) | {"2xx": 1, "5xx": 1}
    assert errors_of(pages.sums()) == {"disk": 0, "away": 1, "busy": 0}


def test_an_operation_beyond_the_last_place_is_not_counted(pages: Pages) -> None:
    before = pages.sums()
    pages.take().request(10_000, 0.1, 200)
    assert pages.sums() == before
