"""Errors of commands that use an API; a problem document (RFC 9457) becomes a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Self

from appliance.cli.exits import Exit
from appliance.cli.terminal.output import clean
from dataplane.base.errors import SecBeatError

_TYPE = "urn:secbeat:problem:"
_NO_PATH = ": no such path"
"""End of the detail of a 404 that is about the path, not about a resource."""


class RefusedError(SecBeatError):
    """The API has refused the request; the message names the thing, the value and the limit."""

    exit_code: int = Exit.REFUSED

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.retry_after_s = 0

    @classmethod
    def from_problem(cls, status: int, problem: Mapping[str, Any]) -> Self:
        """Make an error of a problem document: a line for each of its errors, else its detail or
        title."""
        return cls("\n".join(problem_lines(status, problem)))


class UnavailableError(RefusedError):
    """The API can't be reached, or its data plane is away."""

    exit_code = Exit.UNAVAILABLE


class TryLaterError(RefusedError):
    """Not possible now: too many requests, or no decision in time."""

    exit_code = Exit.TRY_LATER


class NotTheApiError(SecBeatError):
    """Another service listens at that address."""

    exit_code = Exit.PROTOCOL


def is_of_the_api(status: int, problem: Mapping[str, Any]) -> bool:
    """Whether a problem document is from an API that has the requested path.

    False: it is from another program, or from the other of SecBeat's two APIs.
    """
    has_no_path = status == HTTPStatus.NOT_FOUND and str(problem.get("detail")).endswith(_NO_PATH)
    return str(problem.get("type")).startswith(_TYPE) and not has_no_path


def problem_lines(status: int, problem: Mapping[str, Any]) -> list[str]:
    """A problem document as lines: its errors, after its detail if that has more information."""
    detail = str(problem.get("detail") or problem.get("title") or "refused without a reason")
    errors = [one for one in problem.get("errors") or () if isinstance(one, dict)]
    if not errors:
        return [f"{clean(detail)} (HTTP {status})"]
    lines = [_error_line(one) for one in errors]
    if all(str(one.get("message")) in detail for one in errors):
        return lines
    return [f"{clean(detail)} (HTTP {status})", *lines]


def _error_line(error: Mapping[str, Any]) -> str:
    """``field = value: message (limit: ...)``, without parts that the message repeats."""
    field = str(error.get("field") or "request")
    value, limit = error.get("value"), error.get("limit")
    message = str(error.get("message") or limit or "refused")
    text = message.removeprefix(f"{field}: ")
    if value is not None and str(value) not in text:
        field = f"{field} = {value}"
    if limit is not None and str(limit) not in text:
        text = f"{text} (limit: {limit})"
    return clean(f"{field}: {text}")
