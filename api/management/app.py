"""The Flask application of the management API."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response

from api.common import docs, openapi, operations, problems, requests
from api.common.operations import JSON
from api.management.attacks import schemas as attack_schemas
from api.management.compose import Node, compose
from api.management.connection import Connection
from api.management.dataplane import Dataplane
from api.management.lists.schemas import NETWORK_SCHEMA
from api.management.rules.admission import Compiler
from api.management.settings import ApiSettings
from api.serving.bridge import Lanes
from dataplane.base.clock import Clock, SystemClock
from dataplane.base.version import version
from dataplane.client.compiler import SOCKET_NAME
from dataplane.client.compiler import Compiler as RealCompiler

PREFIX = "/api/v1"
LIVE = f"{PREFIX}/health/live"
EXTENSION = "secbeat"
_PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "network": {
        "description": "address or prefix; the slash as it is or as %2F",
        "schema": NETWORK_SCHEMA,
    },
    "id": {"description": "a key's id", "schema": {"type": "string", "pattern": "^[^/]+$"}},
    "rule": {
        "description": "a rule's id",
        "schema": {"type": "string", "pattern": "^rule_[1-9][0-9]{0,18}$"},
    },
    "overlay": {
        "description": "an overlay's id",
        "schema": {"type": "string", "pattern": "^overlay_[0-9a-f]{16}$"},
    },
    "attack": {
        "description": "an attack's id",
        "schema": {"type": "string", "pattern": attack_schemas.ID},
    },
    "job": {
        "description": "an import's id",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    },
    "number": {
        "description": "a revision's number",
        "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    },
}


def create_app(
    settings: ApiSettings,
    dataplane: Dataplane | None = None,
    clock: Clock | None = None,
    compiler: Compiler | None = None,
) -> Flask:
    """Compose a node and its HTTP surface; ``node_of(app).close()`` when done."""
    node = compose(
        settings,
        dataplane or Connection(settings.socket),
        clock or SystemClock(),
        compiler or RealCompiler(settings.socket.with_name(SOCKET_NAME)),
    )
    app = Flask("secbeat", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = node
    requests.register(app)
    problems.register(app)
    operations.mount(app, PREFIX, node.operations, node.gate, node.spool)
    document = openapi.build(
        "SecBeat Management API", version(), PREFIX, node.operations, _PATH_PARAMETERS
    )
    docs.register(app, document)
    text = json.dumps(document)  # once: whoever asks without a key costs no more than a copy
    _route(app, "/openapi.json", lambda: Response(text, content_type=JSON))
    return app


def node_of(app: Flask) -> Node:
    """What an application runs on."""
    node: Node = app.extensions[EXTENSION]
    return node


def lanes_of(app: Flask) -> Lanes:
    """Which of its paths do not wait for a thread of the pool."""
    paths: dict[str, set[str]] = {"instant": set(), "apart": set(), "pool": set()}
    for operation in node_of(app).operations:
        paths[operation.lane].add(PREFIX + operation.path)
    return Lanes(frozenset(paths["instant"]), frozenset(paths["apart"]))


def _route(app: Flask, rule: str, view: Any) -> None:
    app.add_url_rule(
        rule, endpoint=rule, view_func=view, methods=["GET"], provide_automatic_options=False
    )
