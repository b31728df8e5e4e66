"""The thread that sends heartbeats: every ten seconds, and at once when there is news."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from api.agent.fleet.orchestrator.contact import Contact
from api.agent.fleet.orchestrator.session import Session
from api.agent.fleet.reporting.report import Reporter
from api.agent.node_api import RequestError
from api.common.contract.schemas import utc_ms
from dataplane.base.errors import InvalidInputError

BEAT_S = 10.0
LOOK_S = 0.5
"""Interval of the check for news."""
SPACING_S = 1.0
"""Minimum time between two heartbeats."""
BACKOFF_MAX_S = 30.0
_UNWANTED = frozenset({400, 413, 422})

log = structlog.get_logger("agent.fleet")


class Incidents(Protocol):
    """The source of incidents that are not acknowledged: see `spool.Spool`."""

    @property
    def has_more(self) -> bool:
        """Whether more incidents wait than were sent last."""

    def pending(self) -> Sequence[dict[str, Any]]:
        """The next incidents to send."""

    def taken(self, acknowledged: Sequence[Any]) -> None:
        """Record which of them the orchestrator has acknowledged."""

    def refused(self) -> None:
        """Record that the orchestrator refused a heartbeat with them."""


class Heart:
    """The thread, from `start` to `close`."""

    def __init__(
        self,
        node_id: str,
        session: Session,
        reporter: Reporter,
        incidents: Incidents,
        contact: Contact,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = f"nodes/{node_id}/heartbeat"
        self._session = session
        self._reporter = reporter
        self._incidents = incidents
        self._contact = contact
        self._monotonic = monotonic
        self._due_s = 0.0
        self._not_before_s = 0.0
        self._backoff_s = SPACING_S
        self._told: Any = None
        self._said = ""
        self._is_news = False
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; idempotent."""
        self._stop.set()
        self._wake.set()

    def news(self) -> None:
        """Request an early heartbeat: something has changed."""
        self._is_news = True
        self._wake.set()

    def turn(self) -> None:
        """Send a heartbeat if it is due."""
        now_s = self._monotonic()
        if now_s < self._not_before_s or not self._contact.view().is_known:
            return
        is_news, self._is_news = self._is_news, False
        document = self._reporter.heartbeat()
        what = document["mode"], document["health"], document["reasons"], document["applied"]
        if not (is_news or what != self._told or now_s >= self._due_s):
            return
        try:
            self._beat(document)
        except RequestError as error:
            self._is_news = True
            self._not_before_s = now_s + self._backoff_s
            self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)
            self._say(str(error))
        else:
            self._say("")
            self._told, self._backoff_s = what, SPACING_S
            self._due_s, self._not_before_s = now_s + BEAT_S, now_s + SPACING_S

    def _beat(self, document: dict[str, Any]) -> None:
        sent = self._incidents.pending()
        began_s = self._monotonic()
        try:
            answer = self._session.post(self._path, {**document, "incidents": list(sent)})
        except RequestError as error:
            if sent and error.status in _UNWANTED:
                self._incidents.refused()
            raise
        took_ms = round((self._monotonic() - began_s) * 1000)
        self._contact.answered()
        self._tell_time(str(answer.get("at")), took_ms)
        self._incidents.taken(answer.get("acknowledged") or ())
        self._is_news = self._is_news or self._incidents.has_more

    def _say(self, why: str) -> None:
        if why and why != self._said:
            log.warning("heartbeat failed", why=why)
        elif self._said and not why:
            log.info("heartbeats are taken again")
        self._said = why

    def _tell_time(self, at: str, took_ms: int) -> None:
        try:
            theirs_ms = utc_ms(at)
        except InvalidInputError:
            return
        self._contact.told_time(theirs_ms, self._reporter.utc_ms(), took_ms)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.turn()
            except Exception:
                log.exception("reporting failed")
            self._wake.wait(LOOK_S)
            self._wake.clear()
