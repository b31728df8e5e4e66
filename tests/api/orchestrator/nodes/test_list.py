"""Nodes are found by status, mode, labels and text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from api.orchestrator.app import orchestrator_of
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.nodes.status import judge, sql_status
from tests.api.orchestrator.conftest import heartbeat
from tests.support.clock import FakeClock

Enrol = Callable[..., FlaskClient]
FILTERED: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["ams-1", "ams-2", "fra-1", "fra-2", "lon-1", "new", "silent"]),
    ({"status": "healthy"}, ["fra-1"]),
    ({"status": "degraded"}, ["ams-1", "fra-2"]),
    ({"status": "unreachable"}, ["silent"]),
    ({"status": "registering"}, ["new"]),
    ({"status": "draining"}, ["ams-2", "lon-1"]),
    ({"mode": "syn"}, ["fra-1"]),
    ({"labels": "site=fra"}, ["fra-1", "fra-2"]),
    ({"labels": "site in (ams,fra),rack/unit=r.1", "mode": "syn"}, ["fra-1"]),
    ({"labels": "nothing=x"}, []),
    ({"text": "FRA"}, ["fra-1", "fra-2"]),
    ({"text": "100.7"}, ["ams-2"]),
    ({"text": "%"}, []),
]
"""Queries, and the nodes that they find."""


@pytest.fixture
def some_nodes(enrol: Enrol, admin: FlaskClient, clock: FakeClock) -> None:
    """One of each status; more than one label."""
    off = "2020-01-01T00:00:00Z"
    said = {
        "silent": heartbeat(clock),
        "fra-1": heartbeat(clock, mode="syn"),
        "fra-2": heartbeat(clock, health="degraded", reasons=["dataplane_away"]),
        "ams-1": heartbeat(clock, at=off),
        "ams-2": heartbeat(clock, address="198.51.100.7:9090"),
        "lon-1": heartbeat(clock, reasons=["draining"]),  # its operator has asked the node
    }
    for name, sent in said.items():
        site = name.partition("-")[0]
        node = enrol(name, labels={"site": site, "rack/unit": "r.1"})
        if name == "silent":
            node.post(f"/api/v1/nodes/{name}/heartbeat", json=sent)
            clock.pass_ms(31_000)
        else:
            later = sent if sent["at"] == off else sent | {"at": heartbeat(clock)["at"]}
            assert node.post(f"/api/v1/nodes/{name}/heartbeat", json=later).status_code == 200
    enrol("new")
    admin.post("/api/v1/nodes/ams-2/drain")


@pytest.mark.usefixtures("some_nodes")
def test_nodes_are_filtered(admin: FlaskClient) -> None:
    for query, wanted in FILTERED:
        found = admin.get("/api/v1/nodes", query_string=query).json
        assert [each["id"] for each in found["nodes"]] == wanted, query
        assert found["total"] == len(wanted)


@pytest.mark.usefixtures("some_nodes")
def test_a_query_judges_as_an_answer_does(fleet: Flask, clock: FakeClock) -> None:
    now_ms = clock.utc_ms()
    with orchestrator_of(fleet).database.read() as connection:
        rows = list(connection.execute(select(nodes, sql_status(now_ms).label("judged"))))
    assert len(rows) == 7
    assert [row.judged for row in rows] == [judge(row, now_ms)[0] for row in rows]


@pytest.mark.usefixtures("some_nodes")
def test_pages_of_a_filter_lack_nobody(admin: FlaskClient) -> None:
    seen: list[str] = []
    query: dict[str, Any] = {"labels": "rack/unit=r.1", "limit": 2}
    while True:
        page = admin.get("/api/v1/nodes", query_string=query).json
        seen += [each["id"] for each in page["nodes"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == ["ams-1", "ams-2", "fra-1", "fra-2", "lon-1", "silent"]


def test_a_node_that_drains_by_itself_is_draining_and_says_what_is_wrong(
    enrol: Enrol, admin: FlaskClient, clock: FakeClock
) -> None:
    node = enrol("lon-1")
    for health, reasons in (("healthy", []), ("degraded", ["link"])):
        sent = heartbeat(clock, health=health, reasons=["draining", *reasons])
        assert node.post("/api/v1/nodes/lon-1/heartbeat", json=sent).status_code == 200
        found = admin.get("/api/v1/nodes/lon-1").json
        assert (found["status"], found["reasons"], found["desired"]) == (
            "draining",
            reasons,
            "active",
        )
    assert node.post("/api/v1/nodes/lon-1/heartbeat", json=heartbeat(clock)).status_code == 200
    assert admin.get("/api/v1/nodes/lon-1").json["status"] == "healthy"


def test_a_filter_that_is_none_is_refused(admin: FlaskClient) -> None:
    for name, value in {"labels": "site=", "status": "gone", "text": "", "mode": "off"}.items():
        answer = admin.get("/api/v1/nodes", query_string={name: value})
        assert answer.status_code == 422
        assert answer.json["errors"][0]["field"] == name
