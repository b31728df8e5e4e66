"""The stand-in for an application whose storage can't be opened; it is replaced as soon as it can.

This happens at a first boot on a full disk, before a migration, or while PostgreSQL is away: there
is no database to read. The stand-in answers every request with the reason, and tries in the
background to open the storage.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, Response, jsonify

from api.common.contract import problems
from api.common.disk import StorageError
from api.common.exchange import requests
from api.serving.application import LIVE
from api.serving.bridge import Lanes
from dataplane.base.errors import SecBeatError

RETRY_S = 2.0
HUNG_S = 60.0
"""A longer try counts as hanging."""
LANES = Lanes(instant=frozenset({LIVE}))
"""Lanes of the stand-in."""

log = structlog.get_logger(__name__)


class Waiting:
    """A WSGI application: it delegates to the real one as soon as ``make`` returns it."""

    def __init__(self, make: Callable[[], Flask], error: StorageError) -> None:
        self._make = make
        self._error = error
        self._app: Flask | None = None
        self._stand_in = self._make_stand_in()
        self._end = threading.Event()
        self._turned_at = time.monotonic()
        log.error("the storage can't be opened", why=str(error))

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """See PEP 3333."""
        return (self._app or self._stand_in)(environ, start_response)

    def start(self) -> None:
        """Start a thread that tries."""
        threading.Thread(target=self._run, name="waiting", daemon=True).start()

    def stop(self) -> None:
        """End the thread; idempotent."""
        self._end.set()

    def works(self) -> bool:
        """Whether tries still complete."""
        return self._app is not None or time.monotonic() - self._turned_at < HUNG_S

    def turn(self) -> bool:
        """Try once; returns whether the application is made."""
        try:
            self._app = self._make()
        except StorageError as exc:
            self._waits_for(exc)
        self._turned_at = time.monotonic()
        return self._app is not None

    def _waits_for(self, error: StorageError) -> None:
        """Store the reason; each different reason is logged once."""
        known = self._error
        if (known.place, known.number) != (error.place, error.number):
            log.error("the storage can't be opened", why=str(error))
        self._error = error.anew()

    def _run(self) -> None:
        try:
            while not self._end.wait(RETRY_S):
                if self.turn():
                    log.info("the storage can be opened")
                    return
        except (SecBeatError, SystemExit) as exc:  # as at a start: the service manager handles it
            log.critical("can't start", why=str(exc))
            os.kill(os.getpid(), signal.SIGTERM)

    def _make_stand_in(self) -> Flask:
        app = Flask("secbeat-waiting", static_folder=None)
        requests.register(app)
        problems.register(app)
        app.add_url_rule(LIVE, view_func=_live, methods=["GET"])
        app.register_error_handler(404, self._refuse)
        app.register_error_handler(405, self._refuse)
        return app

    def _refuse(self, _error: Exception) -> Response:
        return problems.to_response(self._error.anew())


def _live() -> Response:
    return jsonify({"status": "live"})
