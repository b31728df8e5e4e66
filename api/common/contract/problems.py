"""Every error becomes ``application/problem+json`` (RFC 9457) here; no stack trace gets out."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from http import HTTPStatus

import structlog
from flask import Flask, Response, g, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException, NotFound

from api.common.contract.errors import ApiError, FieldError, MalformedError, UnprocessableError
from api.common.contract.mistakes import mistake_of
from api.common.contract.roles import KEY_HEADER
from dataplane.base.errors import InvalidInputError, SecBeatError

MEDIA_TYPE = "application/problem+json"
_PHRASES = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}
"""Phrases of RFC 9110: those of `HTTPStatus` before Python 3.13 are older."""
_VALUE_CHARACTERS_MAX = 200
_METHOD_CHARACTERS_MAX = 40
_ERRORS_MAX = 20
_RETRY_AFTER_S = 1
"""Default details by status."""
_WITH_RETRY_AFTER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}

log = structlog.get_logger(__name__)


def register(app: Flask) -> None:
    """Let this module answer for every exception, the framework's included."""
    app.register_error_handler(Exception, to_response)


def to_response(error: Exception) -> Response:
    """The answer to an exception; an unexpected one is logged, and the answer has no details."""
    if isinstance(error, HTTPException):
        return _from_framework(error)
    if isinstance(error, ApiError):
        return _respond(error.http_status, str(error), error.errors, _headers(error))
    if isinstance(error, InvalidInputError):
        several = [FieldError(one.field, one.value, one.limit, str(one)) for one in error.each]
        return _respond(error.http_status, error.summary, several, {})
    if isinstance(error, SecBeatError) and error.http_status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _respond(error.http_status, str(error), (), {})
    if isinstance(error, SecBeatError) and error.http_status == HTTPStatus.SERVICE_UNAVAILABLE:
        return _respond(503, str(error), (), {"Retry-After": str(_RETRY_AFTER_S)})
    log.error("request failed", exc_info=error)
    return _respond(500, "the request failed; the log has the details under its request id", (), {})


def from_validation(error: ValidationError, model: type[BaseModel], where: str = "") -> ApiError:
    """Translate pydantic's findings about a model: not JSON is 400, everything else 422."""
    found = error.errors(include_url=False)
    if found[0]["type"] == "json_invalid":
        return MalformedError(f"the body is not JSON: {found[0]['msg']}")
    errors = []
    for item in found[:_ERRORS_MAX]:
        one = mistake_of(item, model)
        field = one.field or where
        errors.append(FieldError(field, one.value, one.limit, f"{field}: {one.message}"))
    return UnprocessableError("; ".join(each.message for each in errors), errors=errors)


def phrase(status: int) -> str:
    """The phrase of a status: the title of its problem document."""
    return _PHRASES.get(status) or HTTPStatus(status).phrase


def document(
    status: int, detail: str, errors: Sequence[FieldError], request_id: str
) -> dict[str, object]:
    """The problem document itself."""
    title = phrase(status)
    return {
        "type": f"urn:secbeat:problem:{title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id,
        "errors": [
            {
                "field": each.field,
                "value": _shown(each.value),
                "limit": each.limit,
                "message": each.message,
            }
            for each in errors
        ],
    }


def _from_framework(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    kept = {"Allow", "Retry-After", "WWW-Authenticate"}
    headers = {name: value for name, value in error.get_headers() if name in kept}
    detail = error.description or phrase(status)
    if isinstance(error, NotFound):  # of the router; operations raise `NotFoundError`
        sent = request.environ["REQUEST_METHOD"][:_METHOD_CHARACTERS_MAX]
        detail = f"{sent} {_shown(request.path)}: no such path"
    return _respond(status, detail, (), headers)


def _headers(error: ApiError) -> dict[str, str]:
    headers = {}
    if error.http_status == HTTPStatus.UNAUTHORIZED:  # RFC 9110 section 11.6.1 wants a challenge
        headers["WWW-Authenticate"] = f'ApiKey header="{KEY_HEADER}"'
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, error.retry_after_s))
    elif error.http_status in _WITH_RETRY_AFTER:
        headers["Retry-After"] = str(_RETRY_AFTER_S)
    return headers


def _respond(
    status: int, detail: str, errors: Sequence[FieldError], headers: dict[str, str]
) -> Response:
    body = document(status, detail, errors, getattr(g, "request_id", ""))
    text = json.dumps(body, ensure_ascii=False, default=str) + "\n"
    return Response(text.encode("utf-8", "replace"), status, headers, content_type=MEDIA_TYPE)


def _shown(value: object) -> object:
    """A value as sent, shortened for an answer."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no NaN
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _VALUE_CHARACTERS_MAX else text[:_VALUE_CHARACTERS_MAX] + "..."
