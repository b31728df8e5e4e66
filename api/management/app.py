"""The Flask application of the management API."""

from __future__ import annotations

from typing import Any

from flask import Flask

from api.lists.schemas import NETWORK_SCHEMA
from api.management.attacks import schemas as attack_schemas
from api.management.compose import Node, compose
from api.management.connection import Connection
from api.management.dataplane import Dataplane
from api.management.rules.admission import Compiler
from api.management.settings import ApiSettings
from api.serving.application import make_app
from dataplane.base.clock import Clock, SystemClock
from dataplane.client.compiler import SOCKET_NAME
from dataplane.client.compiler import Compiler as RealCompiler

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
    app = make_app(
        "SecBeat Management API", node.operations, node.gate, node.spool, _PATH_PARAMETERS
    )
    app.extensions[EXTENSION] = node
    return app


def node_of(app: Flask) -> Node:
    """The node that an application runs on."""
    node: Node = app.extensions[EXTENSION]
    return node
