"""Answers of the APIs: a decoded answer, and the error for a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from appliance.cli.client.problems import RefusedError, TryLaterError, UnavailableError
from appliance.cli.exits import Exit

_TOO_MANY = 429


@dataclass(frozen=True)
class Answer:
    """An answer of the API: the status, the decoded body, and where to query a pending change."""

    status: int
    body: Any
    location: str | None = None

    @property
    def pending(self) -> bool:
        """Committed, but not in force yet."""
        return bool(self.status == requests.codes.accepted)

    @property
    def revision(self) -> int | None:
        """The revision of a change, from the body or the Location."""
        if isinstance(self.body, dict) and isinstance(self.body.get("revision"), int):
            return int(self.body["revision"])
        tail = (self.location or "").rsplit("/", 1)[-1]
        return int(tail) if tail.isdecimal() else None


def refused(response: requests.Response, problem: dict[str, Any]) -> RefusedError:
    """The error for a problem document, with its exit code and the time in Retry-After."""
    kind = {
        _TOO_MANY: TryLaterError,
        requests.codes.service_unavailable: UnavailableError,
    }.get(response.status_code, RefusedError)
    error = kind.from_problem(response.status_code, problem)
    retry_after = response.headers.get("Retry-After", "")
    error.retry_after_s = int(retry_after) if retry_after.isdecimal() else 0
    if response.status_code in {requests.codes.unauthorized, requests.codes.forbidden}:
        error.exit_code = Exit.NO_PERMISSION
    elif response.status_code >= requests.codes.server_error and kind is RefusedError:
        error.exit_code = Exit.SOFTWARE
    return error
