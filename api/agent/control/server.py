"""Serves the control socket: one request per connection, for root and the agent's own user only.

A request is a line of JSON, ``{"do": NAME, ...}``, and so is the answer
(`api.common.line_protocol`). The kernel reports the user of the other end (SO_PEERCRED, unix(7)).
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from api.common.contract.errors import ApiError, NotFoundError
from api.common.disk import StorageError
from api.common.line_protocol import LINE_BYTES_MAX, receive_line
from dataplane.base.errors import ConfigurationError

Question = Mapping[str, Any]
Action = Callable[[Question], dict[str, Any]]

CONNECTIONS_MAX = 8
QUESTION_S = 2.0
"""Time limit for a request to arrive, and for its answer to be read."""
_UCRED = struct.Struct("3i")

log = structlog.get_logger("agent.control")


class ControlServer:
    """The server, from `start` to `close`."""

    def __init__(self, path: Path, actions: Mapping[str, Action]) -> None:
        """Listen at once. Raises ConfigurationError if that fails."""
        self._actions = actions
        self._path = path
        self._room = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._socket = _listen(path)
        self._users = {0, os.geteuid()}

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._run, name="control", daemon=True).start()

    def close(self) -> None:
        """Stop listening; idempotent."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while True:
            self._room.acquire()
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._answer(connection)
        except (OSError, ValueError) as error:
            log.warning("question_lost", why=str(error))
        finally:
            self._room.release()

    def _answer(self, connection: socket.socket) -> None:
        user = _peer(connection)
        if user not in self._users:
            log.warning("refused", user=user)
            return
        question = json.loads(receive_line(connection, time.monotonic() + QUESTION_S))
        answer = json.dumps(self._act(question)).encode() + b"\n"
        if len(answer) > LINE_BYTES_MAX:
            raise ValueError(f"an answer of {len(answer)} bytes, at most {LINE_BYTES_MAX}")
        connection.settimeout(QUESTION_S)
        connection.sendall(answer)

    def _act(self, question: Any) -> dict[str, Any]:
        name = question.get("do") if isinstance(question, dict) else None
        action = self._actions.get(str(name))
        if action is None:
            return _failure("not_found", f"{name!r} is none of {', '.join(self._actions)}")
        try:
            return action(question)
        except NotFoundError as error:
            return _failure("not_found", str(error))
        except (StorageError, ApiError, ConfigurationError) as error:
            return _failure("unavailable", str(error))
        except Exception as error:
            log.exception("question_failed", do=name)
            return _failure("unavailable", f"{type(error).__name__}: {error}")


def _failure(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": message}}


def _listen(path: Path) -> socket.socket:
    """Listen on the path, which an earlier process may have left behind."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(CONNECTIONS_MAX)
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"control socket {path}: {error.strerror}") from error
    return listener


def _peer(connection: socket.socket) -> int:
    """The user id of the peer process."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(credentials)[1])
