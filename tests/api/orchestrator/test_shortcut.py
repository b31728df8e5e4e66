"""The event loop says 304 when nothing has changed, and nothing but what the long way says."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import orchestrator_of
from api.serving.bridge import BEGAN_S
from tests.support.waiting import wait_for

PATH = "/api/v1/nodes/node-1/desired"
KEY = "HTTP_X_SECBEAT_API_KEY"


class Asking:
    """A node that asks, by both ways."""

    def __init__(self, app: Flask, node: FlaskClient) -> None:
        self._shortcut = orchestrator_of(app).shortcuts[0]
        self.node = node
        self.key: str = node.environ_base[KEY]

    def long_way(self) -> str:
        answer = self.node.get(PATH)
        assert answer.status_code == 200, answer.json
        return answer.headers["ETag"]

    def short_way(self, tag: str | None, path: str = PATH, **more: str) -> Any:
        environ = {"PATH_INFO": path, "REQUEST_METHOD": "GET", "QUERY_STRING": "", KEY: self.key}
        tags = {} if tag is None else {"HTTP_IF_NONE_MATCH": tag}
        answer = self._shortcut({**environ, **tags, BEGAN_S: time.monotonic(), **more})
        return answer and (answer.status, answer.headers)

    def fresh(self) -> str:
        """The tag, at a moment at which all is at hand."""

        def both() -> str | None:
            tag = self.long_way()
            return tag if self.short_way(tag) else None

        return wait_for(both, "everything is at hand") or ""


@pytest.fixture
def asking(fleet: Flask, enrol: Callable[..., FlaskClient]) -> Asking:
    return Asking(fleet, enrol("node-1"))


def test_a_node_that_has_what_there_is_is_told_so_with_the_same_tag(asking: Asking) -> None:
    tag = asking.fresh()
    counted: list[int] = []
    asking._shortcut.door.count = lambda _seconds, status: counted.append(status)

    def said() -> Any:
        return asking.short_way(asking.long_way())

    status, headers = wait_for(said, "all is at hand")
    assert status == 304
    assert dict(headers)[b"etag"] == tag.encode()
    assert len(dict(headers)[b"x-request-id"]) == 32
    assert counted[-1:] == [304]


def test_whatever_else_is_asked_goes_the_long_way(
    asking: Asking, enrol: Callable[..., FlaskClient]
) -> None:
    other: str = enrol("node-2").environ_base[KEY]
    tag = asking.fresh()
    for wrong in (
        asking.short_way(None),
        asking.short_way('W/"another"'),
        asking.short_way(tag, path="/api/v1/nodes/node-2/desired"),
        asking.short_way(tag, path="/api/v1/nodes/node-1"),
        asking.short_way(tag, REQUEST_METHOD="HEAD"),
        asking.short_way(tag, QUERY_STRING="x=1"),
        asking.short_way(tag, HTTP_X_REQUEST_ID="mine"),
        asking.short_way(tag, **{KEY: "unknown"}),
        asking.short_way(tag, **{KEY: other}),
    ):
        assert wrong is None


def test_a_change_ends_it_within_a_second(asking: Asking, admin: FlaskClient) -> None:
    tag = asking.fresh()
    assert admin.post("/api/v1/blacklist", json={"ip": "192.0.2.1"}).status_code in {201, 202}
    wait_for(lambda: asking.long_way() != tag, "the node is told of the change")
    assert asking.short_way(tag) is None


def test_a_node_that_is_deleted_is_refused_within_a_second(
    asking: Asking, admin: FlaskClient
) -> None:
    tag = asking.fresh()
    assert admin.delete("/api/v1/nodes/node-1").status_code == 204
    wait_for(lambda: asking.node.get(PATH).status_code == 401, "its key opens nothing")
    assert asking.short_way(tag) is None


def test_a_node_that_has_just_enrolled_is_told_what_to_enforce(
    asking: Asking, enrol: Callable[..., FlaskClient]
) -> None:
    asking.fresh()
    for number in range(2, 7):
        answer = enrol(f"node-{number}").get(f"/api/v1/nodes/node-{number}/desired")
        assert answer.status_code == 200, answer.json
