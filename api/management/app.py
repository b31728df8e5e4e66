"""The Flask application of the management API."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify, request

from api.common import bodies, docs, openapi, operations, problems, requests
from api.management.compose import Node, compose
from api.management.connection import Connection
from api.management.dataplane import Dataplane
from api.management.lists.schemas import NETWORK_SCHEMA
from api.management.settings import ApiSettings
from dataplane.clock import Clock, SystemClock
from dataplane.version import version

PREFIX = "/api/v1"
EXTENSION = "secbeat"
_DRAINED_BYTES_MAX = {413: 256 << 20}
"""A refused body is read to the end, so that the client gets to see why; see `bodies.drain`."""
_DRAINED_BYTES = 2 << 20
_FAILED = 400
_PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "network": {
        "description": "address or prefix; the slash as it is or as %2F",
        "schema": NETWORK_SCHEMA,
    },
    "id": {"description": "a key's id", "schema": {"type": "string", "pattern": "^[^/]+$"}},
    "number": {
        "description": "a revision's number",
        "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    },
}


def create_app(
    settings: ApiSettings, dataplane: Dataplane | None = None, clock: Clock | None = None
) -> Flask:
    """Compose a node and its HTTP surface; ``node_of(app).close()`` when done."""
    node = compose(settings, dataplane or Connection(settings.socket), clock or SystemClock())
    app = Flask("secbeat", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = node
    requests.register(app)
    app.after_request(_drain)
    problems.register(app)
    operations.mount(app, PREFIX, node.operations, node.gate, node.spool)
    document = openapi.build(
        "SecBeat Management API", version(), PREFIX, node.operations, _PATH_PARAMETERS
    )
    docs.register(app, document)
    _route(app, "/openapi.json", lambda: jsonify(document))
    return app


def node_of(app: Flask) -> Node:
    """What an application runs on."""
    node: Node = app.extensions[EXTENSION]
    return node


def _route(app: Flask, rule: str, view: Any) -> None:
    app.add_url_rule(
        rule, endpoint=rule, view_func=view, methods=["GET"], provide_automatic_options=False
    )


def _drain(response: Response) -> Response:
    has_body = request.content_length or request.environ.get("wsgi.input_terminated")
    if response.status_code >= _FAILED and has_body:
        bodies.drain(_DRAINED_BYTES_MAX.get(response.status_code, _DRAINED_BYTES))
    return response
