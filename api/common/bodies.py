"""Reading what a client sends: query strings, JSON bodies into models, uploads into a spool file.

Nothing is read beyond its limit. A body that is refused is still drained, within bounds, because a
server that closes with unread bytes resets the connection and the client never sees the answer.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import request
from gunicorn.http.errors import ParseException
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from api.common.errors import (
    FieldError,
    MalformedError,
    TooLargeError,
    UnprocessableError,
    UnsupportedMediaTypeError,
)
from api.common.problems import from_validation

BODY_BYTES_MAX = 1 << 20
UPLOAD_BYTES_MAX = 128 << 20
_CHUNK_BYTES = 1 << 16
_DRAIN_SECONDS_MAX = 5.0
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_JSON_TYPES = {"", "application/json", "application/x-www-form-urlencoded"}
"""Without -H, curl -d says x-www-form-urlencoded: the contract's examples do that and mean JSON."""


@dataclass(frozen=True)
class Spool:
    """Where uploads go, on the disk that is sized for them."""

    directory: Path


@dataclass(frozen=True)
class Upload:
    """A body in a file that lives as long as the request."""

    path: Path
    media_type: str
    size_bytes: int


def read_query(model: type[BaseModel] | None) -> Any:
    """The query string as a model; unknown and repeated parameters are refused."""
    repeated = [name for name in request.args if len(request.args.getlist(name)) > 1]
    if repeated:
        raise _refused(repeated[0], request.args.getlist(repeated[0]), "at most once")
    if model is None:
        for name, value in request.args.items():
            raise _refused(name, value, "no such parameter")
        return None
    try:
        return model.model_validate(request.args.to_dict())
    except ValidationError as exc:
        raise from_validation(exc) from exc


def read_idempotency_key() -> str | None:
    """The header Idempotency-Key, or None."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise _refused("Idempotency-Key", key, "1 to 255 visible ASCII characters")
    return key


@contextmanager
def read_body(
    model: type[BaseModel] | None, uploads: tuple[str, ...], spool: Spool
) -> Iterator[tuple[Any, bytes]]:
    """The body as a model or an `Upload`, and the SHA-256 of its bytes."""
    if uploads:
        with _spooled(uploads, spool) as both:
            yield both
        return
    raw = _read_all() if model is not None else b""
    digest = hashlib.sha256(raw).digest()
    yield (None if model is None else _parse(model, raw)), digest


def drain(bytes_max: int) -> None:
    """Read and forget what the client still sends, within a bound of bytes and time."""
    request.max_content_length = None
    deadline, left = time.monotonic() + _DRAIN_SECONDS_MAX, bytes_max
    with suppress(OSError, ClientDisconnected, RequestEntityTooLarge, ParseException):
        while left > 0 and time.monotonic() < deadline:
            chunk = request.environ["wsgi.input"].read(min(_CHUNK_BYTES, left))
            if not chunk:
                return
            left -= len(chunk)


def _parse(model: type[BaseModel], raw: bytes) -> BaseModel:
    try:
        return model.model_validate_json(raw)
    except ValidationError as exc:
        raise from_validation(exc, "body") from exc


def _read_all() -> bytes:
    _check_not_encoded()
    if request.mimetype not in _JSON_TYPES:
        raise UnsupportedMediaTypeError(
            f"a body of type {request.mimetype!r}: this takes application/json",
            errors=[FieldError("Content-Type", request.mimetype, "application/json", "wrong type")],
        )
    _check_length(BODY_BYTES_MAX)
    raw = bytearray()
    for chunk in _chunks(BODY_BYTES_MAX):
        raw += chunk
    return bytes(raw)


@contextmanager
def _spooled(uploads: tuple[str, ...], spool: Spool) -> Iterator[tuple[Upload, bytes]]:
    _check_not_encoded()
    if request.mimetype not in uploads:
        raise UnsupportedMediaTypeError(
            f"a body of type {request.mimetype!r}: this takes {' or '.join(uploads)}",
            errors=[FieldError("Content-Type", request.mimetype, ", ".join(uploads), "wrong type")],
        )
    _check_length(UPLOAD_BYTES_MAX)
    digest, size = hashlib.sha256(), 0
    with tempfile.NamedTemporaryFile(dir=spool.directory, prefix="upload-") as file:
        for chunk in _chunks(UPLOAD_BYTES_MAX):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        file.flush()
        yield Upload(Path(file.name), request.mimetype, size), digest.digest()


def _check_not_encoded() -> None:
    """Nothing is decompressed here: a small body stays small (RFC 9110 section 8.4 wants 415)."""
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.strip().lower() != "identity":
        raise UnsupportedMediaTypeError(
            f"a body in the coding {coding!r}: this takes plain bodies",
            errors=[FieldError("Content-Encoding", coding, "identity", "wrong coding")],
        )


def _check_length(bytes_max: int) -> None:
    if request.content_length is not None and request.content_length > bytes_max:
        raise _too_large(bytes_max)


def _chunks(bytes_max: int) -> Iterator[bytes]:
    request.max_content_length = None  # counted here, so that a chunked body is bounded too
    size = 0
    try:
        while chunk := request.stream.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > bytes_max:
                raise _too_large(bytes_max)
            yield chunk
    except (ClientDisconnected, OSError) as exc:
        raise MalformedError("the body ended before its length") from exc
    except ParseException as exc:
        raise MalformedError(f"the body is not in chunks: {exc}") from exc


def _too_large(bytes_max: int) -> TooLargeError:
    size = request.content_length
    what = FieldError("body", size, f"{bytes_max} bytes", f"at most {bytes_max} bytes")
    return TooLargeError(f"the body is larger than {bytes_max} bytes", errors=[what])


def _refused(field: str, value: object, limit: str) -> UnprocessableError:
    message = f"{field}: {limit}"
    return UnprocessableError(message, errors=[FieldError(field, value, limit, message)])
