"""The thread of one receiver: delivers its messages one after the other."""

from __future__ import annotations

import threading
from collections import Counter

import structlog

from api.agent.recording.journal.journal import Journal
from api.agent.webhooks import queue
from api.common.disk import StorageError
from api.webhooks.carrier import Rules, Sender
from api.webhooks.message import message
from api.webhooks.sending import Outcome
from api.webhooks.targets import Target
from dataplane.base.clock import Clock

IDLE_S = 30.0
"""The longest wait before the queue is read again."""
TROUBLE_S = 1.0

log = structlog.get_logger("agent.webhooks")


class Courier:
    """The thread, from `start` to `close`."""

    def __init__(
        self,
        target: Target,
        journal: Journal,
        sender: Sender,
        rules: Rules,
        *,
        node_id: str,
        clock: Clock,
    ) -> None:
        self.target = target
        self.outcomes: Counter[str] = Counter()
        """Attempts since the start, by `Outcome.label`."""
        self.states: Counter[str] = Counter()
        """Finished deliveries since the start: delivered, dead."""
        self._journal = journal
        self._sender = sender
        self._rules = rules
        self._node_id = node_id
        self._clock = clock
        self._wake = threading.Event()
        self._stop = False
        self._unrecorded: tuple[queue.Due, Outcome] | None = None
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._log = log.bind(endpoint=target.shown)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Read the queue now: there may be a new message."""
        self._wake.set()

    def close(self) -> None:
        """End. A running attempt is not waited for; the next start repeats it."""
        self._stop = True
        self._wake.set()

    def turn(self) -> float:
        """Make one attempt, if one is due; returns the seconds until the next may be due.

        Raises `StorageError`.
        """
        if self._unrecorded is not None:
            self._record(*self._unrecorded)
        due = self._next()
        if not isinstance(due, queue.Due):
            return due
        sent = message(
            event_id=due.id,
            kind=due.kind,
            at_ms=due.at_ms,
            node_id=self._node_id,
            sequence=due.sequence,
            data=due.data,
        )
        self._record(due, self._sender(self.target, sent, self._rules.timeout_s))
        return 0.0

    def _next(self) -> queue.Due | float:
        now_ms, longest_ms = self._clock.utc_ms(), self._rules.back_off.longest_ms
        with self._journal.read() as connection:
            known = queue.receiver(connection, self.target.url)
            wait_ms = known.next_ms - now_ms
            if not 0 < wait_ms <= max(longest_ms, queue.PAUSE_MS_MAX):
                due = queue.next_due(connection, self.target.url, now_ms, longest_ms)
                if isinstance(due, queue.Due):
                    return due
                wait_ms = round(IDLE_S * 1000) if due is None else due - now_ms
        return min(max(wait_ms / 1000, 0.0), IDLE_S)

    def _record(self, due: queue.Due, outcome: Outcome) -> None:
        """Record the result. Until that succeeds nothing else is sent: else the message would be
        sent again and again."""
        self._unrecorded = due, outcome
        with self._journal.write() as connection:
            state = queue.record_attempt(
                connection,
                self.target.url,
                due,
                outcome,
                now_ms=self._clock.utc_ms(),
                max_retries=self._rules.max_retries,
                back_off=self._rules.back_off,
            )
        self._unrecorded = None
        self.outcomes[outcome.label] += 1
        self.states[state] += state != queue.PENDING
        self._say(due, outcome, state)

    def _say(self, due: queue.Due, outcome: Outcome, state: str) -> None:
        fields = {"webhook": due.id, "kind": due.kind, "attempt": due.attempts + 1}
        if outcome.is_delivered:
            self._log.info("delivered", **fields)
        else:
            self._log.warning("not_delivered", state=state, why=outcome.error, **fields)

    def _run(self) -> None:
        while not self._stop:
            try:
                wait_s = self.turn() if self._journal.is_open else TROUBLE_S
            except StorageError:
                wait_s = TROUBLE_S
            except Exception:
                self._log.exception("delivering failed")
                wait_s = IDLE_S
            if wait_s and self._wake.wait(wait_s):
                self._wake.clear()
