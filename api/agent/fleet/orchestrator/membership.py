"""Registration of a node with the orchestrator: once with a token, then with the node's own key."""

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
    """`join` is called by the follower's thread only; the rest is safe for several threads."""

    def __init__(
        self,
        settings: FleetSettings,
        node_id: str,
        session: Session,
        key: NodeKey,
        about: Callable[[], dict[str, Any]],
    ) -> None:
        """``about``: returns the fields that a registration sends with the node's identity."""
        self._settings = settings
        self.node_id = node_id
        """The node's id in the fleet."""
        self._session = session
        self._key = key
        self._about = about
        self._wants_key = threading.Event()
        if key.is_replacing:  # after a crash in between
            self._wants_key.set()

    def join(self) -> None:
        """Enrol, or find that the node is registered already.

        Raises:
            DeletedError: the node was deleted from the fleet.
            RequestError: the enrolment failed.
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
        """Request a new key; the next `turn` replaces the key."""
        self._wants_key.set()

    @property
    def is_replacing_key(self) -> bool:
        """Whether a new key was requested and is not in use yet."""
        return self._wants_key.is_set()

    def turn(self) -> None:
        """Replace the key if that was requested; the node must be registered. Raises
        RequestError."""
        if not self._wants_key.is_set():
            return
        fresh = self._key.make_next()
        # Try the next key first: after a crash the orchestrator may accept only that one.
        if self._told(fresh, None) or self._told(fresh, fresh):
            self._key.use_next()
            log.info("has another key", node=self.node_id)
        else:
            self._key.drop_next()  # the node is not known at all: the next poll finds that out
        self._wants_key.clear()

    def _told(self, fresh: str, key: str | None) -> bool:
        """Send the next key to the orchestrator; False: the orchestrator does not know this key."""
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
