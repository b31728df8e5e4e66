"""A Flask application from operations: routes, OpenAPI document, documentation page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flask import Flask, Response

from api.common.contract import docs, methods, openapi, operations, problems
from api.common.contract.operations import JSON, Gate, Operation
from api.common.exchange import bodies, requests
from api.serving.bridge import Lanes
from dataplane.base.version import version

PREFIX = "/api/v1"
LIVE = f"{PREFIX}/health/live"


def make_app(
    title: str,
    found: Sequence[Operation],
    gate: Gate,
    spool: bodies.Spool,
    path_parameters: dict[str, dict[str, Any]],
) -> Flask:
    """Route the operations below `PREFIX`, with the OpenAPI document and the documentation page."""
    app = Flask("secbeat", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    requests.register(app)
    problems.register(app)
    operations.mount(app, PREFIX, found, gate, spool)
    document = openapi.build(title, version(), PREFIX, found, path_parameters)
    docs.register(app, document)
    text = json.dumps(document)  # made once: a request without a key costs no more than a copy
    app.add_url_rule(
        "/openapi.json",
        endpoint="/openapi.json",
        view_func=lambda: Response(text, content_type=JSON),
        methods=["GET"],
        provide_automatic_options=False,
    )
    methods.refuse_others(app)
    return app


def lanes(found: Sequence[Operation]) -> Lanes:
    """The paths that do not wait for a thread of the pool."""
    paths: dict[str, set[str]] = {"instant": set(), "apart": set(), "pool": set()}
    for operation in found:
        paths[operation.lane].add(PREFIX + operation.path)
    return Lanes(frozenset(paths["instant"]), frozenset(paths["apart"]))
