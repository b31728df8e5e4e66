"""Errors of the HTTP services: each has its status and information for the client.

`api.common.contract.problems` converts them to RFC 9457 documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataplane.base.errors import SecBeatError


@dataclass(frozen=True)
class FieldError:
    """One mistake: the field, the value sent, the rule that it breaks."""

    field: str
    value: object
    limit: str
    message: str


class ApiError(SecBeatError):
    """An answer other than success; ``retry_after_s`` becomes the header Retry-After."""

    http_status = 500

    def __init__(
        self,
        message: str,
        *,
        errors: Sequence[FieldError] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s


class MalformedError(ApiError):
    """The body does not have the form of its media type: not JSON, not UTF-8, cut."""

    http_status = 400


class UnauthenticatedError(ApiError):
    """No key, an unknown key or one that has expired."""

    http_status = 401


class ForbiddenError(ApiError):
    """The key's role may not do this."""

    http_status = 403


class NotFoundError(ApiError):
    """The requested object does not exist."""

    http_status = 404


class RequestTimeoutError(ApiError):
    """The body did not arrive in time."""

    http_status = 408


class ConflictError(ApiError):
    """The request is valid, but the node's state does not permit it; ``errors`` has the reasons."""

    http_status = 409


class GoneError(ApiError):
    """The requested object existed, and was deleted for good."""

    http_status = 410


class TooLargeError(ApiError):
    """The body exceeds its limit."""

    http_status = 413


class UnsupportedMediaTypeError(ApiError):
    """The media type of the body is not supported here."""

    http_status = 415


class UnprocessableError(ApiError):
    """The body is well-formed, but breaks a rule; ``errors`` names field, value and limit."""

    http_status = 422


class TooManyRequestsError(ApiError):
    """The rate limit is exceeded; ``retry_after_s`` is the time until the next try."""

    http_status = 429


class UnavailableError(ApiError):
    """A required part is away; ``retry_after_s`` is the time until the next try."""

    http_status = 503
    exit_code = 69
