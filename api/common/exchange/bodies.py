"""Reads requests: query strings, JSON bodies into models, uploads into a spool file.

Nothing is read beyond its limit, and nothing before it has arrived: see
`api.common.exchange.arrival`.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import ClientDisconnected

from api.common.contract.errors import (
    FieldError,
    MalformedError,
    UnprocessableError,
    UnsupportedMediaTypeError,
)
from api.common.contract.problems import from_validation
from api.common.disk import written
from api.common.exchange import arrival
from dataplane.base.input.json_text import refuse_repeated
from dataplane.base.input.marks import without_marks

BODY_BYTES_MAX = 1 << 20
UPLOAD_BYTES_MAX = 128 << 20
_CHUNK_BYTES = 1 << 16
_EVENT_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_JSON_TYPES = {"", "application/json", "application/x-www-form-urlencoded"}
"""Without -H, curl -d sends x-www-form-urlencoded: the contract's examples do this and
mean JSON."""


@dataclass(frozen=True)
class Spool:
    """The directory for uploads, on a disk with enough room."""

    directory: Path


@dataclass(frozen=True)
class Upload:
    """A body in a file that exists as long as the request."""

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
        raise from_validation(exc, model) from exc


def read_idempotency_key() -> str | None:
    """The header Idempotency-Key, or None."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise _refused("Idempotency-Key", key, "1 to 255 visible ASCII characters")
    return key


def read_last_event_id() -> int | None:
    """The header Last-Event-ID, or None; empty is none (HTML Living Standard, section 9.2.3)."""
    text = request.headers.get("Last-Event-ID", "")
    if text and not _EVENT_ID.fullmatch(text):
        raise _refused("Last-Event-ID", text, "an event's sequence number: 1 to 18 digits")
    return int(text) if text else None


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


def _parse(model: type[BaseModel], raw: bytes) -> BaseModel:
    text = without_marks(raw)
    refuse_repeated(text)
    try:
        return model.model_validate_json(text)
    except ValidationError as exc:
        raise from_validation(exc, model, "body") from exc


def _read_all() -> bytes:
    _check_not_encoded()
    if request.mimetype not in _JSON_TYPES or _is_nonsense(request.content_type):
        sent = request.mimetype or request.content_type
        raise UnsupportedMediaTypeError(
            f"a body of type {sent!r}: this takes application/json",
            errors=[FieldError("Content-Type", sent, "application/json", "wrong type")],
        )
    _check_length(BODY_BYTES_MAX)
    arrival.want(request.environ, BODY_BYTES_MAX)
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
    arrived = arrival.want(request.environ, UPLOAD_BYTES_MAX, spool.directory)
    if arrived is not None:
        with arrived.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").digest()
        yield Upload(arrived, request.mimetype, arrived.stat().st_size), found
        return
    digest, size = hashlib.sha256(), 0
    with _spool_file(spool) as (fd, path):
        for chunk in _chunks(UPLOAD_BYTES_MAX):
            digest.update(chunk)
            size += len(chunk)
            with written(spool.directory):
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(fd, rest) :]
        yield Upload(path, request.mimetype, size), digest.digest()


@contextmanager
def _spool_file(spool: Spool) -> Iterator[tuple[int, Path]]:
    with written(spool.directory):
        fd, name = tempfile.mkstemp(dir=spool.directory, prefix="upload-")
    try:
        yield fd, Path(name)
    finally:
        os.close(fd)
        Path(name).unlink()


def _check_not_encoded() -> None:
    """The server decompresses nothing, so that a small body stays small (RFC 9110 section 8.4:
    415)."""
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.strip().lower() != "identity":
        raise UnsupportedMediaTypeError(
            f"a body in the coding {coding!r}: this takes plain bodies",
            errors=[FieldError("Content-Encoding", coding, "identity", "wrong coding")],
        )


def _is_nonsense(content_type: str | None) -> bool:
    """Whether a header Content-Type contains no media type."""
    return bool(content_type) and not request.mimetype


def _check_length(bytes_max: int) -> None:
    if request.content_length is not None and request.content_length > bytes_max:
        raise arrival.too_large(request.content_length, bytes_max)


def _chunks(bytes_max: int) -> Iterator[bytes]:
    request.max_content_length = None  # counted here, so that a chunked body is bounded too
    size = 0
    try:
        while chunk := request.stream.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > bytes_max:
                raise arrival.too_large(size, bytes_max)
            yield chunk
    except (ClientDisconnected, OSError) as exc:
        raise MalformedError("the body ended before its length") from exc


def _refused(field: str, value: object, limit: str) -> UnprocessableError:
    message = f"{field}: {limit}"
    return UnprocessableError(message, errors=[FieldError(field, value, limit, message)])
