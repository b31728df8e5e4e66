"""Stored answers for ``Idempotency-Key``: a repeated request gets the same answer for 24 hours.

A receipt is written in the transaction of its change, so a crash cannot separate them. The final
answer replaces it as soon as it is known.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import structlog
from flask import Response
from pydantic import BaseModel
from sqlalchemy import Connection, and_, delete, select

from api.access.tables import idempotency
from api.common.contract.errors import ConflictError, FieldError, UnprocessableError
from api.common.contract.operations import JSON, Answer, Call, to_text
from api.common.disk import StorageError
from api.storage.database import AnyRow, Database
from api.storage.statements.upsert import upsert
from dataplane.base.clock import Clock

KEPT_MS = 86_400_000
_WAIT_S = 30
_PURGE_CHUNK = 500

Identity = tuple[str, str, str]

log = structlog.get_logger(__name__)


class Receipts:
    """All receipts of a node."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[Identity, tuple[threading.Lock, int]] = {}

    def once(self, call: Call) -> Answer | Response:
        """Run the call's handler, or repeat the stored answer to the same request."""
        if call.idempotency_key is None:
            return call.operation.handler(call)
        identity = (call.principal.id, call.operation.name, call.idempotency_key)
        with self._alone(identity):
            found = self._find(identity)
            if found is not None:
                return _repeat(call, found)
            answer = call.operation.handler(replace(call, remember=self._in_change(call, identity)))
            if not call.operation.secret:
                self._keep(call, identity, answer)
            return answer

    def purge(self) -> None:
        """Remove receipts that are older than a day, in small transactions."""
        old = idempotency.c.created_ms < self._clock.utc_ms() - KEPT_MS
        columns = (idempotency.c.key_id, idempotency.c.operation, idempotency.c.idempotency_key)
        while True:
            with self._database.read() as connection:
                rows = list(connection.execute(select(*columns).where(old).limit(_PURGE_CHUNK)))
            if not rows:
                return
            with self._database.write(bulk=True) as connection:
                for row in rows:
                    connection.execute(delete(idempotency).where(_is(tuple(row))))

    def _in_change(
        self, call: Call, identity: Identity
    ) -> Callable[[Callable[[Any, int], Answer]], Callable[[Any, Any, int], None]]:
        written: list[bool] = []
        """Receipts written by this request itself, which may use several transactions for its
        change."""

        def remember(answer: Callable[[Any, int], Answer]) -> Callable[[Any, Any, int], None]:
            def on_commit(connection: Connection, result: Any, revision: int) -> None:
                if not written:
                    self._refuse_twin(connection, identity)
                written.append(True)
                self._store(connection, call, identity, answer(result, revision))

            return on_commit

        return remember

    def _refuse_twin(self, connection: Connection, identity: Identity) -> None:
        """Another worker has made the same change meanwhile: raise, which rolls this one back."""
        row = connection.execute(select(idempotency.c.created_ms).where(_is(identity))).first()
        if row is not None and row.created_ms >= self._clock.utc_ms() - KEPT_MS:
            raise ConflictError(
                "the first request with this key has just been answered", retry_after_s=1
            )

    def _keep(self, call: Call, identity: Identity, answer: Answer) -> None:
        """Replace the provisional answer, which was stored with the change, by the final one."""
        try:
            with self._database.write() as connection:
                self._store(connection, call, identity, answer)
        except StorageError as exc:  # the change is committed: 503 would be wrong now
            log.warning("a receipt can't be completed", why=str(exc))

    def _find(self, identity: Identity) -> AnyRow | None:
        with self._database.read() as connection:
            row = connection.execute(select(idempotency).where(_is(identity))).first()
        fresh = row is not None and row.created_ms >= self._clock.utc_ms() - KEPT_MS
        return row if fresh else None

    def _store(
        self, connection: Connection, call: Call, identity: Identity, answer: Answer
    ) -> None:
        body = answer.body
        if body is not None and not isinstance(body, BaseModel):
            raise TypeError(
                f"{call.operation.name} keeps answers, so it answers with JSON or nothing"
            )
        names = ("key_id", "operation", "idempotency_key")
        key = dict(zip(names, identity, strict=True))
        values = {
            "fingerprint": call.fingerprint,
            "created_ms": self._clock.utc_ms(),
            "status": answer.status,
            "headers": dict(answer.headers),
            "body": "" if body is None else to_text(body),
        }
        upsert(connection, idempotency, key, values)

    @contextmanager
    def _alone(self, identity: Identity) -> Iterator[None]:
        """Let identical requests wait for the first one, so that they find its receipt."""
        with self._lock:
            lock, users = self._running.get(identity, (threading.Lock(), 0))
            self._running[identity] = (lock, users + 1)
        try:
            if not lock.acquire(timeout=_WAIT_S):
                raise ConflictError(
                    "the first request with this key is still running", retry_after_s=5
                )
            try:
                yield
            finally:
                lock.release()
        finally:
            with self._lock:
                lock, users = self._running.pop(identity)
                if users > 1:
                    self._running[identity] = (lock, users - 1)


def _repeat(call: Call, row: AnyRow) -> Response:
    if row.fingerprint != call.fingerprint:
        message = "this Idempotency-Key stood for another request"
        what = FieldError("Idempotency-Key", call.idempotency_key, "one request per key", message)
        raise UnprocessableError(message, errors=[what])
    if call.operation.secret:
        made = json.loads(row.body)
        raise ConflictError(
            f"the first request made key {made['id']}; its text was in that answer and nowhere else"
        )
    response = Response(row.body, row.status, content_type=JSON if row.body else None)
    response.headers.extend(row.headers)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _is(identity: tuple[Any, ...]) -> Any:
    key_id, operation, key = identity
    return and_(
        idempotency.c.key_id == key_id,
        idempotency.c.operation == operation,
        idempotency.c.idempotency_key == key,
    )
