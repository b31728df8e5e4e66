"""One worker exports for all; when it dies, another one takes over within a second."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import structlog
from prometheus_client import CollectorRegistry

from api.common.binds import present
from api.common.exporter import Exporter
from api.orchestrator.metrics.collecting import FleetCollector
from api.orchestrator.metrics.pages import Pages
from dataplane.base.errors import ConfigurationError

TRY_S = 0.5
_SAY_AGAIN = 120
"""Attempts until the cause of a failure is logged again."""

log = structlog.get_logger(__name__)


class Exporting:
    """The exporters of one worker; only the exporting worker has any."""

    def __init__(self, pages: Pages, binds: Sequence[str], collector: FleetCollector) -> None:
        self._pages = pages
        self._binds = present(binds)
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        self._running: dict[str, Exporter] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._tries = 0

    def start(self) -> None:
        """Start the thread that tries to export."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, so that another worker can take over; idempotent."""
        self._end.set()
        self._thread.join(timeout=5)
        while self._running:
            self._running.popitem()[1].close()

    def turn(self) -> bool:
        """Listen on all addresses that are available; returns whether all are."""
        if not self._pages.lead():
            return False
        for bind in self._binds:
            if bind not in self._running:
                self._listen(bind)
        self._tries += 1
        return len(self._running) == len(self._binds)

    def _run(self) -> None:
        while not self.turn():
            if self._end.wait(TRY_S):
                return

    def _listen(self, bind: str) -> None:
        try:
            made = Exporter(bind, self._registry)
        except ConfigurationError as exc:
            if self._tries % _SAY_AGAIN == 1:  # at first the former exporter may still be ending
                log.warning("no metrics", why=str(exc))
            return
        made.start()
        self._running[bind] = made
