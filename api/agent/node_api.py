"""The agent's requests to the management API of its node."""

from __future__ import annotations

import http.client
import json
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

from api.common.contract.roles import KEY_HEADER
from dataplane.base.errors import SecBeatError

TIMEOUT_S = 30.0
"""As long as the watchdog lets an API hang. An API that is only slow continues to work on a request
that its client has given up, so requests that are repeated earlier pile up and make it slower."""
_BODY_BYTES_MAX = 1 << 22
_OK = range(200, 300)


class RequestError(SecBeatError):
    """A request failed: the API can't be reached (status 0), or answers with an error."""

    def __init__(self, status: int, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail or message
        """The API's message, without the request."""


class NodeApi:
    """One connection per request; the key file is read each time, because it may be
    created later."""

    def __init__(self, bind: str, key_file: Path, timeout_s: float = TIMEOUT_S) -> None:
        host, _, port = bind.rpartition(":")
        self._address = host.strip("[]"), int(port)
        self._key_file = key_file
        self._timeout_s = timeout_s

    def request(
        self, method: str, path: str, body: object = None, *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """The decoded answer, ``{}`` if it has none; ``path`` is below ``/api/v1/``.

        Raises RequestError.
        """
        content = None if body is None else json.dumps(body).encode()
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        return self._exchange(method, path, content, "application/json", limit_s)

    def upload(self, path: str, content: BinaryIO, media_type: str, timeout_s: float) -> Any:
        """POST a file from its present position to its end; otherwise as `request`."""
        start = content.tell()
        size = content.seek(0, SEEK_END) - start
        content.seek(start)
        return self._exchange("POST", path, content, media_type, timeout_s, size)

    def _exchange(
        self,
        method: str,
        path: str,
        content: bytes | BinaryIO | None,
        media_type: str,
        timeout_s: float,
        size: int | None = None,
    ) -> dict[str, Any]:
        connection = http.client.HTTPConnection(*self._address, timeout=timeout_s)
        try:
            headers = {KEY_HEADER: self._key_file.read_text(encoding="ascii").strip()}
            if content is not None:
                headers["Content-Type"] = media_type
            if size is not None:
                headers["Content-Length"] = str(size)
            connection.request(method, f"/api/v1/{path}", content, headers)
            answer = connection.getresponse()
            text = answer.read(_BODY_BYTES_MAX)
            found = json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RequestError(0, f"{method} {path}: {error}") from error
        finally:
            connection.close()
        if answer.status not in _OK:
            detail = found.get("detail") if isinstance(found, dict) else None
            message = f"{method} {path}: HTTP {answer.status}: {detail}"
            raise RequestError(answer.status, message, detail)
        return found if isinstance(found, dict) else {}
