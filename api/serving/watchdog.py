"""Reports to the service manager that the process serves, by a request to the API as a client.

Gunicorn reports READY to systemd and nothing later; its own heartbeat only shows that a loop runs.
"""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Callable

from dataplane.base.process.notify import Notifier

REQUEST_ID = "watchdog"
"""The request id of its requests."""
_ANSWER_S_MIN = 1.0

log = logging.getLogger(__name__)


class Watchdog:
    """Sends WATCHDOG=1 each time that the API has answered and background work makes progress."""

    def __init__(
        self, notifier: Notifier, address: tuple[str, int], path: str, works: Callable[[], bool]
    ) -> None:
        self._notifier = notifier
        self._address = address
        self._path = path
        self._works = works
        self._end = threading.Event()
        self._interval_s = notifier.watchdog_interval_s

    def start(self) -> None:
        """Start, if the service manager has a watchdog for this service."""
        if self._interval_s is not None:
            threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stop; no more notifications."""
        self._end.set()
        self._notifier.stopping()

    def answers(self, within_s: float) -> bool:
        """Whether the API answers on its own socket."""
        connection = http.client.HTTPConnection(*self._address, timeout=within_s)
        try:
            connection.request("GET", self._path, headers={"X-Request-ID": REQUEST_ID})
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException) as exc:
            log.warning("the API does not answer %s within %.1f s: %r", self._path, within_s, exc)
            return False
        finally:
            connection.close()

    def _run(self) -> None:
        """A late answer counts too: an API that is only slow must not be restarted, because a start
        is more work still. The manager ends the process if no answer comes within its limit."""
        interval_s = self._interval_s or 0.0
        while not self._end.wait(interval_s / 2):
            if self._works() and self.answers(max(2 * interval_s, _ANSWER_S_MIN)):
                self._notifier.watchdog()
