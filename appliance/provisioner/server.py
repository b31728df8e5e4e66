"""The provisioner's Unix socket: one request per connection, answered with lines as they come.

The socket belongs to its group, and a client must be root or the one permitted user: the kernel
reports it (SO_PEERCRED, unix(7)).
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from api.common.line_protocol import receive_line
from api.orchestrator.scaling.protocol import OF_A_NODE, encode
from appliance.provisioner import question as questions
from appliance.provisioner.command import GoneError, Provider, ProviderError, run
from appliance.provisioner.question import Question, QuestionError
from dataplane.base.errors import ConfigurationError

CONNECTIONS_MAX = 8
QUESTION_S = 5.0
"""Time limit for a request to arrive, and for each line of the answer to be read."""
TURN_S = 15.0
"""Time that a create or destroy waits for the end of the previous one."""
TEXT_CHARS_MAX = 1000
_UCRED = struct.Struct("3i")

log = logging.getLogger("provisioner")


class Server:
    """Listens until `close`."""

    def __init__(
        self, path: Path, providers: Mapping[str, Provider], users: Collection[int]
    ) -> None:
        """``users``: ids of permitted users. Raises ConfigurationError if it can't listen."""
        self._path = path
        self._providers = dict(providers)
        self._users = frozenset(users)
        self._room = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._alone = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._socket = _listen(path)

    def serve(self) -> None:
        """Answer until `close`."""
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # closed
            if not self._room.acquire(blocking=False):
                self._refuse(connection, f"{CONNECTIONS_MAX} questions are being answered")
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._connections.add(connection)
            self._threads.add(thread)
            thread.start()

    def close(self) -> None:
        """Stop listening, and end the running command; idempotent."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in tuple(self._threads):
            thread.join(QUESTION_S)
        self._path.unlink(missing_ok=True)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._answer(connection)
        except (OSError, ValueError, GoneError) as error:
            log.warning("a question is given up: %s", error)
        finally:
            self._connections.discard(connection)
            self._threads.discard(threading.current_thread())
            self._room.release()

    def _answer(self, connection: socket.socket) -> None:
        user = _peer(connection)
        if user not in self._users:
            log.warning("user %d is refused", user)
            self._refuse(connection, f"user {user} may not ask")
            return
        line = receive_line(connection, time.monotonic() + QUESTION_S)
        connection.settimeout(QUESTION_S)
        answer: dict[str, Any]
        try:
            answer = {"result": self._run(questions.read(line), connection)}
        except (QuestionError, ProviderError) as error:
            answer = {"error": _short(str(error))}
        connection.sendall(encode(answer))

    def _run(self, question: Question, connection: socket.socket) -> dict[str, Any]:
        provider = self._providers.get(question.provider)
        if provider is None:
            known = ", ".join(sorted(self._providers)) or "none"
            raise QuestionError(f"there is no provider {question.provider!r}; known: {known}")
        log.info("%s %s by %s", question.verb, question.node or "", provider.name)
        changes = question.verb in OF_A_NODE
        if changes and not self._alone.acquire(timeout=TURN_S):
            raise QuestionError("another node is being made or destroyed")
        try:
            text, say = questions.text(question), _sayer(connection)
            return run(provider, question.verb, text, connection, say)
        finally:
            if changes:
                self._alone.release()

    def _refuse(self, connection: socket.socket, why: str) -> None:
        with suppress(OSError), connection:
            connection.settimeout(QUESTION_S)
            connection.sendall(encode({"error": why}))


def _sayer(connection: socket.socket) -> Any:
    def say(progress: str) -> None:
        connection.sendall(encode({"progress": _short(progress)}))

    return say


def _short(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else f"{text[:TEXT_CHARS_MAX]}..."


def _listen(path: Path) -> socket.socket:
    """Listen on the path, which an earlier process may have left behind."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen(CONNECTIONS_MAX)
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"socket {path}: {error.strerror}") from error
    finally:
        os.umask(before)
    return listener


def _peer(connection: socket.socket) -> int:
    """The user id of the peer process."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(credentials)[1])
