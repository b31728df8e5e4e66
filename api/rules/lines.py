"""Reads an import's body, NDJSON: a body of POST on each line. A bad line refuses all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from api.common.bad_lines import NAMED_MAX, BadLineError, BadLinesError
from api.common.contract.errors import ApiError
from api.common.contract.problems import from_validation
from api.rules.schemas import RuleRequest
from api.rules.wanted import Wanted, check_end, wanted_of
from dataplane.base.errors import InvalidInputError
from dataplane.base.input.json_text import refuse_repeated
from dataplane.base.input.marks import without_marks
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
    """The rules of a body, up to its first bad line; empty lines are skipped. About 15 us each.

    Raises `BadLinesError` at the end of the body, or beyond `RULES_MAX` lines: lines are not valid
    rules.
    """
    named, refused = list[BadLineError](), 0
    with source.open("rb") as file:
        for count, (number, raw) in enumerate(_lines(file), 1):
            try:
                if count > RULES_MAX:
                    raise _bad(number, count, f"{RULES_MAX} rules", "one rule too many")
                line = Line(number, _read(number, raw, now_ms))
            except BadLineError as error:
                named += [error] if len(named) < NAMED_MAX else []
                refused += 1
                if count > RULES_MAX:
                    break
            else:
                if not refused:
                    yield line
    if refused:
        raise BadLinesError(named, refused)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Number and content of the lines with content; of one that is too long, only the beginning."""
    number = 0
    while raw := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        text = without_marks(raw)
        if text.strip():
            yield number, text
        while len(raw) > LINE_BYTES_MAX and not raw.endswith(b"\n"):
            raw = file.readline(LINE_BYTES_MAX + 1)


def _read(number: int, raw: bytes, now_ms: int) -> Wanted:
    """The rule of a line. Raises `BadLineError`."""
    shown = raw[:_SHOWN].decode("utf-8", "replace")
    if len(raw) > LINE_BYTES_MAX:
        raise _bad(number, shown, f"{LINE_BYTES_MAX} bytes", "is too long")
    try:
        refuse_repeated(raw)
        wanted = wanted_of(RuleRequest.model_validate_json(raw))
        check_end(wanted, now_ms, "expires_at")
    except ValidationError as exc:
        raise _from_api(number, shown, from_validation(exc, RuleRequest)) from exc
    except ApiError as exc:
        raise _from_api(number, shown, exc) from exc
    except InvalidInputError as exc:
        raise _bad(number, shown, exc.limit, exc.summary) from exc
    return wanted


def _from_api(number: int, shown: str, error: ApiError) -> BadLineError:
    """The mistakes of a line, on one line; value and limit are those of the first."""
    first = next(iter(error.errors), None)
    if first is None:
        return _bad(number, shown, "a JSON object", str(error).replace("the body", "the line"))
    value = shown if first.value is None else first.value
    return _bad(number, value, first.limit, str(error).removeprefix(": "))


def _bad(number: int, value: object, limit: str, what: str) -> BadLineError:
    return BadLineError(what, line=number, value=value, limit=limit)
