"""The thread that asks once a second what the orchestrator wants of this node, and applies it.

While the orchestrator is away, the interval grows up to 30 s. The first few failures in a row do
not change the interval.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from api.agent.fleet.following.part import Desired
from api.agent.fleet.following.pursuit import Pursuit
from api.agent.fleet.following.state import StateFile
from api.agent.fleet.orchestrator.contact import Contact
from api.agent.fleet.orchestrator.membership import REFUSED, UNKNOWN, DeletedError, Membership
from api.agent.fleet.orchestrator.session import Session
from api.agent.node_api import RequestError

POLL_S = 1.0
BACKOFF_MAX_S = 30.0
QUICK_RETRIES = 5
"""Failed turns in a row before the interval grows."""
JOINED_S = 0.3
"""Pause after the registration: by then every worker of the orchestrator knows the node."""
LEAVE_S = 3600.0
"""After so long a time of refusals, the node has left the fleet."""
JITTER = 0.1
"""Relative jitter of the interval, so that the nodes of a fleet do not ask at the same time."""
SOONER = 0.5
"""After a failure, up to this share of the wait is skipped at random: not all nodes ask an
orchestrator at the moment of its return."""
_DOUBLINGS_MAX = 10

log = structlog.get_logger("agent.fleet")


class Follower:
    """The follower, from `start` to `close`."""

    def __init__(
        self,
        node_id: str,
        session: Session,
        membership: Membership,
        pursuit: Pursuit,
        contact: Contact,
        state: StateFile,
        *,
        is_registered: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = f"nodes/{node_id}/desired"
        self._session = session
        self._membership = membership
        self._pursuit = pursuit
        self._contact = contact
        self._state = state
        self._is_registered = is_registered
        self._clock = clock
        self._has_left = False
        self._refused_s: float | None = None
        """Begin of the refusals, on the monotonic clock; None: the node is not refused."""
        self._etag: str | None = None
        self._desired: Desired | None = None
        self._failures = 0
        """Failed turns in a row."""
        self._said = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; applied state stays in force. Idempotent."""
        self._stop.set()

    def turn(self) -> float:
        """Ask once; returns the seconds until the next turn, without jitter."""
        try:
            return self._turn()
        except RequestError as error:
            self._contact.failed()
            self._say(str(error))
        except Exception:
            log.exception("following failed")
        self._failures += 1
        return _late(self._failures)

    def _turn(self) -> float:
        if not self._is_registered:
            self._join()
            return JOINED_S
        self._membership.turn()
        desired = self._ask()
        self._reached()
        self._pursuit.turn(desired, self._clock())
        self._state.save(self._is_registered, self._pursuit.progress())
        self._failures = 0
        return POLL_S

    def _join(self) -> None:
        try:
            self._membership.join()
        except RequestError as error:
            is_deleted = isinstance(error, DeletedError)
            if is_deleted or not self._is_known():
                if error.status in REFUSED:
                    self._refused(is_deleted=is_deleted)
                raise
        self._is_registered, self._has_left, self._refused_s = True, False, None
        self._etag = None

    def _is_known(self) -> bool:
        """Whether the orchestrator knows the node's key: its database was away for a time, and is
        restored. The token may be used up, or removed since the node has enrolled."""
        try:
            self._session.request("GET", self._path)
        except RequestError:
            return False
        log.info("the orchestrator knows this node again")
        return True

    def _refused(self, *, is_deleted: bool) -> None:
        """Leave the fleet: at once if the node was deleted, else after refusals for `LEAVE_S`."""
        self._contact.refused()
        now_s = self._clock()
        if self._refused_s is None:
            self._refused_s = now_s
        if self._has_left or not (is_deleted or now_s - self._refused_s >= LEAVE_S):
            return
        self._pursuit.leave()
        self._has_left = True
        self._state.save(False, self._pursuit.progress())
        log.warning("what was the fleet's has been given up; a policy stays")

    def _ask(self) -> Desired:
        etag = self._etag if self._desired is not None else None
        try:
            reply = self._session.request("GET", self._path, etag=etag)
        except RequestError as error:
            if error.status in UNKNOWN:  # the database was restored, or the node deleted
                self._is_registered = False
                self._contact.forgotten()
            raise
        if not reply.is_unchanged or self._desired is None:
            self._desired = _desired(reply.document)
            self._etag = reply.etag
        return self._desired

    def _reached(self) -> None:
        self._contact.answered()
        if self._said:
            log.info("the orchestrator is back")
            self._said = ""

    def _say(self, why: str) -> None:
        if why != self._said:
            self._said = why
            log.warning("the orchestrator can't be followed", why=why)

    def _run(self) -> None:
        while not self._stop.is_set():
            wait_s = self.turn()
            between = (1 - SOONER, 1.0) if self._failures else (1 - JITTER, 1 + JITTER)
            self._stop.wait(wait_s * random.uniform(*between))  # noqa: S311 - not a secret


def _late(failures: int) -> float:
    """Seconds until the next turn after so many failures in a row."""
    doublings = min(max(0, failures - QUICK_RETRIES), _DOUBLINGS_MAX)
    return min(POLL_S * 2.0**doublings, BACKOFF_MAX_S)


def _desired(document: Mapping[str, Any]) -> Desired:
    try:
        numbers = {name: each for name, each in document.items() if name not in {"epoch", "state"}}
        return Desired(str(document["epoch"]), str(document["state"]), numbers)
    except KeyError as error:
        raise RequestError(0, f"what is wanted has no field {error}") from error
