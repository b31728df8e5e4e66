"""Lines of an import: addresses and prefixes as text, or bodies of POST as JSON.

``text/plain``: one address or prefix a line, ``#`` begins a comment. ``application/x-ndjson``: one
body of POST a line, without its origin, which is that of the import. Empty lines don't count.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from pydantic import ValidationError

from api.lists.kinds import kind
from api.lists.schemas import LineRequest
from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network

LINES_MAX = 1_000_000
LINE_BYTES_MAX = 4096
TEXT, NDJSON = "text/plain", "application/x-ndjson"


@dataclass(frozen=True)
class Defaults:
    """What holds for lines that say nothing themselves."""

    reason: str | None
    duration_s: int | None


class BadLineError(InvalidInputError):
    """A line that breaks a rule; ``line`` counts from 1."""

    def __init__(self, message: str, *, line: int, value: object, limit: str) -> None:
        super().__init__(f"line {line}: {message}", field="ip", value=value, limit=limit)
        self.field = f"line {line}"
        self.line = line


class Row(NamedTuple):
    """One line's entry."""

    line: int
    key: bytes
    prefix_length: int
    kind: int
    reason: str | None
    duration_s: int | None


Reader = Callable[[int, bytes, Defaults], Row | None]


def entries(file: BinaryIO, media_type: str, defaults: Defaults) -> Iterator[Row]:
    """The entries of a body, checked; `BadLineError` for the first line that breaks a rule."""
    read: Reader = _read_json if media_type == NDJSON else _read_text
    count = 0
    for line in itertools.count(1):
        text = file.readline(LINE_BYTES_MAX + 1)
        if not text:
            return
        if len(text) > LINE_BYTES_MAX:
            value = text[:64].decode("ascii", "replace")
            limit = f"{LINE_BYTES_MAX} bytes"
            raise BadLineError("is too long", line=line, value=value, limit=limit)
        row = read(line, text, defaults)
        if row is None:
            continue
        count += 1
        if count > LINES_MAX:
            limit = f"{LINES_MAX} lines"
            raise BadLineError("one line too many", line=line, value=count, limit=limit)
        yield row


def _read_text(line: int, raw: bytes, defaults: Defaults) -> Row | None:
    text = raw.partition(b"#")[0].strip().decode("utf-8", "replace")
    if not text:
        return None
    network = _network(line, text)
    of_kind = kind(network)
    return Row(line, *network, of_kind, defaults.reason, defaults.duration_s)


def _read_json(line: int, raw: bytes, defaults: Defaults) -> Row | None:
    if not raw.strip():
        return None
    try:
        entry = LineRequest.model_validate_json(raw)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "line"
        value = raw[:64].decode("utf-8", "replace") if field == "line" else first["input"]
        message = f"{field}: {first['msg']}"
        raise BadLineError(message, line=line, value=value, limit=first["msg"]) from exc
    network = _network(line, entry.ip)
    reason = defaults.reason if entry.reason is None else entry.reason
    duration = entry.duration_seconds
    if "duration_seconds" not in entry.model_fields_set:  # null says: no end
        duration = defaults.duration_s
    return Row(line, *network, kind(network), reason, duration)


def _network(line: int, text: str) -> Network:
    try:
        return Network.parse(text)
    except InvalidInputError as exc:
        raise BadLineError(str(exc), line=line, value=exc.value, limit=exc.limit) from exc
