"""The permanent connection to the data plane: opened on demand, reopened with back-off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import structlog

from api.management.dataplane import Key
from dataplane.base.errors import DataplaneAwayError, LeaseBusyError, SecBeatError
from dataplane.base.networks import Network
from dataplane.client import Control, Evidence, PacketExplanation, PacketQuestion, control
from dataplane.shared.incidents import BaselinePeriod, Incident, Top
from dataplane.shared.stats import Capacities, NodeStats
from dataplane.statelog import ListName

T = TypeVar("T")
_CONNECT_S_MAX = 0.2
_BACK_OFF_S_MIN, _BACK_OFF_S_MAX = 0.05, 2.0
_EXPLAIN_S = 0.25
_EXPLAIN_PACKET_S = 1.0

log = structlog.get_logger(__name__)


class Connection:
    """The control lease of the process that made it (`api.management.dataplane.Dataplane`).

    The first use connects, so that it happens after forking. No call waits longer than a fifth of a
    second for a data plane that is away, and most calls do not wait at all.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._lock = threading.Lock()
        self._control: Control | None = None
        self._next_try = 0.0
        self._back_off_s = _BACK_OFF_S_MIN
        self._why = "not connected yet"

    def stats(self) -> NodeStats:
        """See `Dataplane`."""
        return self._read(Control.stats)

    def capacities(self) -> Capacities:
        """See `Dataplane`."""
        return self._read(Control.capacities)

    def announce(self, revision: int) -> None:
        """See `Dataplane`."""
        with suppress(SecBeatError):
            self._lease().doorbell(revision)

    def wait_in_force(
        self, database_id: UUID, revision: int, timeout_s: float, *, of_rules: bool = False
    ) -> bool:
        """See `Dataplane`."""
        try:
            lease = self._lease()
            return lease.wait_in_force(database_id, revision, timeout_s, of_rules=of_rules)
        except SecBeatError:
            return False

    def hits(self, keys: Sequence[Key]) -> Mapping[Key, int]:
        """See `Dataplane`."""
        try:
            answers = self._lease().explain(keys, _EXPLAIN_S)
        except SecBeatError:
            return {}
        return {key: answer.hits for key, answer in answers.items() if answer.found}

    def most_hit(self, name: ListName) -> Sequence[Network]:
        """See `Dataplane`."""
        return self._read(lambda lease: lease.most_hit(name))

    def rule_hits(self, numbers: Sequence[int]) -> Mapping[int, int] | None:
        """See `Dataplane`."""
        try:
            return self._read(lambda lease: lease.rule_hits(numbers))
        except SecBeatError:
            return None

    def evidence(self, limit: int, rule: int | None) -> Sequence[Evidence]:
        """See `Dataplane`."""
        return self._read(lambda lease: lease.evidence(limit, rule))

    def incidents(self) -> Sequence[Incident]:
        """See `Dataplane`."""
        return self._read(Control.incidents)

    def top(self) -> Top:
        """See `Dataplane`."""
        return self._read(Control.top)

    def profiles(self) -> Mapping[int, str]:
        """See `Dataplane`."""
        return self._read(Control.profiles)

    def explain(self, question: PacketQuestion) -> PacketExplanation:
        """See `Dataplane`."""
        found = self._read(lambda lease: lease.explain_packet(question, _EXPLAIN_PACKET_S))
        if found is None:
            raise DataplaneAwayError(f"the data plane did not answer in {_EXPLAIN_PACKET_S:g} s")
        return found

    def baseline(self) -> BaselinePeriod:
        """See `Dataplane`."""
        return self._read(Control.baseline)

    def close(self) -> None:
        """See `Dataplane`."""
        with self._lock:
            if self._control is not None:
                self._control.close()
            self._control = None

    def _read(self, what: Callable[[Control], T]) -> T:
        lease = self._lease()
        try:
            return what(lease)
        except DataplaneAwayError as exc:
            self._drop(lease, exc)
            raise

    def _lease(self) -> Control:
        current = self._control
        if current is not None and current.alive():
            return current
        if not self._lock.acquire(timeout=_CONNECT_S_MAX):
            raise DataplaneAwayError(self._why)
        try:
            if self._control is not None and self._control.alive():
                return self._control
            if time.monotonic() < self._next_try:
                raise DataplaneAwayError(self._why)
            return self._connect()
        finally:
            self._lock.release()

    def _connect(self) -> Control:
        if self._control is not None:
            self._control.close()
            self._control = None
        try:
            self._control = control(self._socket, _CONNECT_S_MAX)
        except (SecBeatError, OSError) as exc:
            if str(exc) != self._why:
                log.warning("no data plane", why=str(exc))
            self._why = str(exc)
            self._next_try = time.monotonic() + self._back_off_s
            self._back_off_s = min(2 * self._back_off_s, _BACK_OFF_S_MAX)
            busy = isinstance(exc, LeaseBusyError)
            raise DataplaneAwayError(f"lease busy: {exc}" if busy else str(exc)) from exc
        self._back_off_s = _BACK_OFF_S_MIN
        log.info("connected to the data plane", socket=str(self._socket))
        return self._control

    def _drop(self, lease: Control, why: Exception) -> None:
        with self._lock:
            if self._control is lease:
                self._control = None
                self._why = str(why)
        lease.close()
