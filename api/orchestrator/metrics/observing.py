"""Counts every answer of an application in the worker's page."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flask import Flask, Response, request

from api.common.contract.operations import Operation
from api.orchestrator.metrics.pages import Page
from api.serving.bridge import BEGAN_S


def observe(app: Flask, operations: Sequence[Operation], page: Page) -> None:
    """Count an answer; the time includes the wait for a thread and for the body."""
    places = {operation.name: place for place, operation in enumerate(operations)}

    @app.after_request
    def _count(response: Response) -> Response:
        place = places.get(request.endpoint or "")
        began_s = request.environ.get(BEGAN_S)
        if place is not None and began_s is not None:
            page.request(place, time.monotonic() - began_s, response.status_code)
        return response
