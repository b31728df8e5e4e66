"""The thread that responds to attacks, and ends the responses when the attacks end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import structlog

from api.agent.node_api import RequestError
from api.agent.response.measures import ORIGIN, Api, Done, carry_out, undo
from api.common.contract.schemas import rfc3339
from dataplane.base.clock import Clock
from dataplane.shared.incidents import Incident

TURN_S = 0.5
STRAYS_S = 60.0
"""Interval of the search for responses that an earlier process has left."""
AGAIN_S = 5.0
"""The same after a failure."""
KEPT_MAX = 256
"""Ended attacks whose response is kept for queries."""
FAILING = "response_failing"
"""Reason of a degraded node: a response that a policy wants can't be carried out."""
_PAGES_MAX = 100

log = structlog.get_logger("agent.response")


class Responder:
    """The thread, from `start` to `close`; the recording thread calls `see`."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._lock = threading.Lock()
        self._live: dict[str, Incident] | None = None
        """Active attacks by id; None: not read yet."""
        self._done: dict[str, Done] = {}
        self._strays_due_ms = 0
        self._said = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="responder", daemon=True)
        self.is_failing = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; responses expire by themselves. Idempotent."""
        self._stop.set()

    def see(self, active: Mapping[str, Incident]) -> None:
        """Take over the active attacks, by id."""
        with self._lock:
            self._live = dict(active)

    def response(self, incident_id: str) -> dict[str, Any] | None:
        """The executed response to an attack, in the form of its document; None: there is none."""
        done = self._done.get(incident_id)
        if done is None:
            return None
        entries = len(done.banned) + (done.overlay is not None)
        until = None if done.until_ms is None else rfc3339(done.until_ms)
        return {"state": done.state, "until": until, "entries": entries}

    def turn(self) -> None:
        """Run all steps once; a failed step is tried again at the next turn."""
        with self._lock:
            live = None if self._live is None else dict(self._live)
        if live is None:
            return
        failed = ""
        for key in sorted({*live, *self._done}):
            try:
                self._respond(key, live.get(key))
            except RequestError as error:
                failed = str(error)
                if key in self._done and key in live:
                    self._done[key].state = "failed"
        try:
            self._undo_strays(live)
        except RequestError as error:
            failed = failed or (str(error) if self._done else "")
        self._say(failed)
        self._forget(live)

    def _respond(self, key: str, incident: Incident | None) -> None:
        if incident is None:
            if self._done[key].state != "ended":
                undo(self._api, key, self._done[key])
                log.info("response_ended", attack=key)
            return
        wanted = incident.response
        if wanted.kind == "none":
            return
        done = self._done.setdefault(key, Done())
        if wanted.mode != "enforce":
            done.state = "monitored"
            return
        before = done.state, len(done.banned), done.overlay
        carry_out(self._api, incident, done, self._clock.utc_ms())
        if before != (done.state, len(done.banned), done.overlay):
            said = self.response(key)
            log.info(
                "responded", attack=key, kind=wanted.kind, target=incident.target, **said or {}
            )

    def _undo_strays(self, live: dict[str, Incident]) -> None:
        """Undo responses of an earlier process to attacks that have ended."""
        now_ms = self._clock.boot_ms()
        if now_ms < self._strays_due_ms:
            return
        self._strays_due_ms = now_ms + round(AGAIN_S * 1000)
        known = live.keys() | self._done.keys()
        for key in sorted(self._banned_for() - known):
            undo(self._api, key, Done())
            log.info("response_of_an_earlier_process_ended", attack=key)
        for each in self._overlays():
            if each["incident"] not in known:
                undo(self._api, str(each["incident"]), Done(overlay=str(each["id"])))
        self._strays_due_ms = now_ms + round(STRAYS_S * 1000)

    def _banned_for(self) -> set[str]:
        found: set[str] = set()
        cursor = ""
        for _ in range(_PAGES_MAX):
            page = self._api.request("GET", f"blacklist?origin={ORIGIN}&limit=1000{cursor}")
            reasons = {str(each["reason"]) for each in page["blacklist"]}
            found |= {each for each in reasons if each.startswith("attack_")}
            if not page.get("next_cursor"):
                break
            cursor = f"&cursor={page['next_cursor']}"
        return found

    def _overlays(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.request("GET", "overlays")["overlays"]
        return [each for each in found if each["origin"] == ORIGIN]

    def _forget(self, live: dict[str, Incident]) -> None:
        over = [key for key, done in self._done.items() if key not in live]
        for key in over[: max(0, len(over) - KEPT_MAX)]:
            del self._done[key]

    def _say(self, failed: str) -> None:
        self.is_failing = bool(failed)
        if failed != self._said:
            self._said = failed
            if failed:
                log.error("response_failed", why=failed)
            else:
                log.info("response_works_again")

    def _run(self) -> None:
        while not self._stop.wait(TURN_S):
            try:
                self.turn()
            except Exception:
                log.exception("responding failed")
                self.is_failing = True
