"""The Flask application of the orchestrator API."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Flask

from api.lists.schemas import NETWORK_SCHEMA
from api.orchestrator.compose import Orchestrator, compose
from api.orchestrator.metrics.observing import observe
from api.orchestrator.metrics.pages import Page
from api.orchestrator.nodes.schemas import NODE_ID
from api.orchestrator.scaling.schemas import JOB_ID
from api.orchestrator.settings import OrchestratorSettings
from api.serving.application import make_app
from dataplane.base.clock import Clock

EXTENSION = "secbeat"
_PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "id": {
        "description": "a key's or token's id",
        "schema": {"type": "string", "pattern": "^[^/]+$"},
    },
    "network": {"description": "an address or a prefix", "schema": NETWORK_SCHEMA},
    "number": {"description": "a number", "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"}},
    "rule": {
        "description": "a rule's id",
        "schema": {"type": "string", "pattern": "^rule_[1-9][0-9]{0,17}$"},
    },
    "job": {"description": "a job's id", "schema": {"type": "string", "pattern": JOB_ID}},
    "node": {"description": "a node's id", "schema": {"type": "string", "pattern": NODE_ID}},
}


def create_app(
    settings: OrchestratorSettings, clock: Clock | None = None, page: Page | None = None
) -> Flask:
    """Compose an orchestrator and its HTTP surface; ``orchestrator_of(app).close()`` when done.

    `page`: where answers and the database's errors are counted.
    """
    made = compose(settings, clock)
    app = make_app(
        "SecBeat Orchestrator API", made.operations, made.gate, made.spool, _PATH_PARAMETERS
    )
    app.extensions[EXTENSION] = made
    if page is not None:
        observe(app, made.operations, page)
        for each in made.shortcuts:
            place = made.operations.index(each.door.operation)
            each.door.count = partial(page.request, place)
        made.database.on_error = lambda error: page.error(error.kind)
    return app


def orchestrator_of(app: Flask) -> Orchestrator:
    """The orchestrator that an application runs on."""
    made: Orchestrator = app.extensions[EXTENSION]
    return made
