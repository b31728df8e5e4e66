"""How a node becomes known to the orchestrator: with a token, once, and then by its own key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog

from api.agent.fleet.orchestrator.key import NodeKey, digest
from api.agent.fleet.orchestrator.session import Session
from api.agent.fleet.settings import FleetSettings
from api.agent.node_api import RequestError

UNKNOWN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND})
"""Answers to the node's own key that mean: this node is not known, so it enrols again."""
REFUSED = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT, HTTPStatus.GONE}
)
"""Answers to an enrolment that another attempt does not change."""

log = structlog.get_logger("agent.fleet")


class DeletedError(RequestError):
    """The orchestrator has deleted this node."""


class Membership:
    """`join` belongs to the thread that follows; the rest is safe for several."""

    def __init__(
        self,
        settings: FleetSettings,
        node_id: str,
        session: Session,
        key: NodeKey,
        about: Callable[[], dict[str, Any]],
    ) -> None:
        """``about``: what a registration tells beside the node's identity."""
        self._settings = settings
        self.node_id = node_id
        """What the fleet knows this node by."""
        self._session = session
        self._key = key
        self._about = about
        self._wants_key = threading.Event()
        if key.is_replacing:  # a crash came in between
            self._wants_key.set()

    def join(self) -> None:
        """Enrol, or learn that this node has.

        Raises:
            DeletedError: it has been deleted, and is not wanted.
            RequestError: it did not work.
        """
        document = {
            **self._about(),
            "id": self.node_id,
            "uuid": self._settings.uuid,
            "key_sha256": self._key.sha256(),
            "labels": dict(self._settings.labels),
            "rule_types": list(self._settings.rule_types),
        }
        try:
            answer = self._session.post("nodes/register", document, key=self._token())
        except RequestError as error:
            if error.status == HTTPStatus.GONE:
                raise DeletedError(error.status, str(error)) from error
            raise
        log.info("registered", node=self.node_id, epoch=answer.get("epoch"))

    def replace_key(self) -> None:
        """Have another key from now on; done by the next `turn`."""
        self._wants_key.set()

    @property
    def is_replacing_key(self) -> bool:
        """Whether another key was asked for, and is not in use yet."""
        return self._wants_key.is_set()

    def turn(self) -> None:
        """Replace the key if that is wanted: the node is registered. Raises RequestError."""
        if not self._wants_key.is_set():
            return
        fresh = self._key.make_next()
        # With the next one, if a crash came after that was used: the old one has ended then.
        if self._told(fresh, None) or self._told(fresh, fresh):
            self._key.use_next()
            log.info("has another key", node=self.node_id)
        else:
            self._key.drop_next()  # the node is not known at all: the next poll finds that out
        self._wants_key.clear()

    def _told(self, fresh: str, key: str | None) -> bool:
        """Whether the orchestrator took the next key; False: it does not know this one."""
        try:
            path = f"nodes/{self.node_id}/key"
            self._session.post(path, {"key_sha256": digest(fresh)}, key=key)
        except RequestError as error:
            if error.status in UNKNOWN:
                return False
            raise
        return True

    def _token(self) -> str:
        file = self._settings.token_file
        if file is None:
            if self._settings.token is None:
                raise RequestError(0, "no enrolment token: neither fleet.token_file nor credential")
            return self._settings.token
        try:
            text = file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError(0, f"{file}: no enrolment token can be read: {error}") from error
        if not text:
            raise RequestError(0, f"{file}: is empty; it must hold an enrolment token")
        return text
