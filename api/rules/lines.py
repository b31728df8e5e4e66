"""Reads an import's body, NDJSON: a body of POST on each line. The first bad line refuses all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from api.rules.schemas import RuleRequest
from api.rules.wanted import Wanted, check_end, wanted_of
from dataplane.base.errors import InvalidInputError
from dataplane.base.input.marks import UTF8_SIGNATURE
from dataplane.waf.document import RULES_MAX

NDJSON = "application/x-ndjson"
LINE_BYTES_MAX = 1 << 16
"""A pattern of 4 KiB has at most 24 KiB as JSON."""
_SHOWN = 64


@dataclass(frozen=True, slots=True)
class Line:
    """A rule of an import, and its line number, from 1."""

    number: int
    wanted: Wanted


def read_lines(source: Path, now_ms: int) -> Iterator[Line]:
    """The rules of a body; empty lines are skipped. About 30 us each.

    Raises `InvalidInputError` for the first line that is invalid or exceeds the limit,
    ``UnprocessableError`` for an end that has passed.
    """
    with source.open("rb") as file:
        for count, line in enumerate(_lines(file, now_ms), 1):
            if count > RULES_MAX:
                raise _bad(line.number, count, f"{RULES_MAX} rules", "one rule too many")
            yield line


def _lines(file: BinaryIO, now_ms: int) -> Iterator[Line]:
    for number in itertools.count(1):
        raw = file.readline(LINE_BYTES_MAX + 1)
        if not raw:
            return
        if len(raw) > LINE_BYTES_MAX:
            shown = raw[:_SHOWN].decode("ascii", "replace")
            raise _bad(number, shown, f"{LINE_BYTES_MAX} bytes", "is too long")
        raw = raw.removeprefix(UTF8_SIGNATURE)
        if raw.strip():
            wanted = _read(number, raw)
            check_end(wanted, now_ms, f"line {number}")
            yield Line(number, wanted)


def _read(number: int, raw: bytes) -> Wanted:
    try:
        return wanted_of(RuleRequest.model_validate_json(raw))
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        value = first["input"] if field else raw[:_SHOWN].decode("utf-8", "replace")
        limit = str(first.get("ctx", {}).get("limit", first["msg"]))
        what = f"{field}: {first['msg']}" if field else first["msg"]
        raise _bad(number, value, limit, what) from exc


def _bad(number: int, value: object, limit: str, what: str) -> InvalidInputError:
    field = f"line {number}"
    return InvalidInputError(f"{field}: {what}", field=field, value=value, limit=limit)
