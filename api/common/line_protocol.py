"""One request and one answer over a Unix socket, each a line of JSON: the agent's control protocol.

The API and the command line ask; the agent answers (`api.agent.control`). The answer to a failed
request is ``{"error": {...}}``, which is raised as the same error here.
"""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

from api.common.contract.errors import ApiError, NotFoundError, UnavailableError
from dataplane.base.process.connecting import connect_waiting

LINE_BYTES_MAX = 1 << 20
_RECEIVE_BYTES = 1 << 16
_ERRORS: dict[str, type[ApiError]] = {"not_found": NotFoundError, "unavailable": UnavailableError}
_RETRY_AFTER_S = 5


def ask(path: Path, question: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """The answer of the process that listens at ``path``.

    Raises:
        UnavailableError: no answer, not in time, or not possible now.
        NotFoundError: the requested thing does not exist.
    """
    end = time.monotonic() + timeout_s
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connect_waiting(connection, path, end)
            connection.sendall(json.dumps(question).encode() + b"\n")
            line = receive_line(connection, end)
        answer = json.loads(line)
    except (OSError, ValueError) as error:
        raise _away(f"the agent does not answer on {path}: {error}") from error
    if not isinstance(answer, dict):
        raise _away(f"an answer of another form on {path}")
    if "error" in answer:
        raise _error(answer["error"])
    return answer


def receive_line(connection: socket.socket, end: float) -> bytes:
    """One line, without its end; ``end`` is of `time.monotonic`.

    Raises OSError (TimeoutError among them); ValueError for a line that is cut or too long.
    """
    received = bytearray()
    while b"\n" not in received:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        connection.settimeout(left)
        data = connection.recv(_RECEIVE_BYTES)
        if not data:
            raise ValueError("the line is cut")
        received += data
        if len(received) > LINE_BYTES_MAX:
            raise ValueError(f"more than {LINE_BYTES_MAX} bytes")
    return bytes(received.partition(b"\n")[0])


def _error(said: Any) -> ApiError:
    kind = _ERRORS.get(said.get("kind"), UnavailableError)
    return kind(str(said.get("message")))


def _away(message: str) -> UnavailableError:
    return UnavailableError(message, retry_after_s=_RETRY_AFTER_S)
