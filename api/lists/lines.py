"""Lines of an import: addresses, prefixes and ranges as text, or bodies of POST as JSON.

``text/plain``: one address, prefix or range per line (`dataplane.base.input.list_file`).
``application/x-ndjson``: one body of POST per line, without an origin: the import has one. Lines of
feeds are accepted too: ``cidr`` replaces ``ip``, ``reason`` and ``duration_seconds`` are read, and
fields of other names are ignored, also repeated ones; a line with ``"type": "metadata"`` describes
the feed. Empty lines are skipped.
"""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.common.bad_lines import NAMED_MAX, BadLineError, BadLinesError
from api.common.contract.mistakes import mistake_of
from api.common.contract.schemas import Strict
from api.lists.kinds import ADDRESS, kind
from api.lists.schemas import Duration, Reason
from api.lists.wide import WIDE_BITS, refuse_everything, warnings_about
from dataplane.base.errors import InvalidInputError
from dataplane.base.input.json_text import load_json, refuse_repeated
from dataplane.base.input.list_file import LINE_BYTES_MAX, content_of, networks_of, too_long
from dataplane.base.input.marks import without_marks
from dataplane.base.networks import KEY_BITS, MAPPED_PREFIX, Network

LINES_MAX = 1_000_000
TEXT, NDJSON = "text/plain", "application/x-ndjson"
_SHOWN = 64
_BLOCK_BYTES = 1 << 16
_FIELDS = "the field ip or cidr"
_MARKS_OF_ONE = 4
"""Quotation marks of an object with one name and one text."""


@dataclass(frozen=True)
class Defaults:
    """Default values for lines, and options for all lines."""

    reason: str | None
    duration_s: int | None
    force: bool = False
    """A prefix of all addresses of a family is permitted."""


class Row(NamedTuple):
    """One network of a line; a range has several."""

    line: int
    key: bytes
    prefix_length: int
    kind: int
    reason: str | None
    duration_s: int | None


class Run(NamedTuple):
    """Consecutive lines with a plain address each; the defaults apply to them.

    In most lists most lines are of this kind; they cost a third of a `Row` each.
    """

    line: int
    """Number of the first line."""
    keys: list[bytes]
    """One address per line (`Network.key`)."""


class EntryLine(Strict):
    """A body of POST on one line."""

    ip: str
    reason: Reason | None = None
    duration_seconds: Duration | None = None


class FeedLine(BaseModel):
    """A line of a feed; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)

    ip: str = Field(validation_alias="cidr")
    reason: Reason | None = None
    duration_seconds: Duration | None = None


@dataclass(frozen=True)
class Found:
    """The content of a body."""

    lines: int
    """Number of lines with content."""
    networks: int
    """Number of networks of all valid lines."""
    refused: int
    """Number of invalid lines."""
    refused_lines: Sequence[tuple[int, str, str]]
    """The first invalid lines: line, value and reason."""
    warnings: Sequence[str]
    """The first suspiciously short prefixes."""


class Lines:
    """The lines of one body, read once. Invalid lines are counted and left out."""

    def __init__(self, file: BinaryIO, media_type: str, defaults: Defaults) -> None:
        self._file = file
        self._read: _Read = _read_json if media_type == NDJSON else _read_text
        self._defaults = defaults
        self._lines = self._networks = self._refused = 0
        self._named: list[BadLineError] = []
        self._warnings: list[str] = []

    def __iter__(self) -> Iterator[Row]:
        """The networks in the order of the lines. Raises `BadLineError`: there are too
        many lines."""
        reason, duration_s = self._defaults.reason, self._defaults.duration_s
        for block in self.blocks():
            for each in block:
                if isinstance(each, Row):
                    yield each
                    continue
                for line, key in enumerate(each.keys, each.line):
                    yield Row(line, key, KEY_BITS, ADDRESS, reason, duration_s)

    def blocks(self) -> Iterator[list[Run | Row]]:
        """The same, in blocks of some thousand lines."""
        line, is_text = 1, self._read is _read_text
        while block := self._file.read(_BLOCK_BYTES):
            if not block.endswith(b"\n"):
                block += self._file.readline(LINE_BYTES_MAX + 1)
            raw = io.BytesIO(block).readlines()
            yield list(self._runs(line, block, raw) if is_text else self._rows(line, raw))
            line += len(raw)
            while block and not block.endswith(b"\n"):  # skip the rest of a line that is too long
                block = self._file.readline(LINE_BYTES_MAX)

    def _runs(self, line: int, block: bytes, raw: list[bytes]) -> Iterator[Run | Row]:
        """Plain addresses among lines of text; ``line``: the number of the first line."""
        ipv4, ipv6, parse = socket.AF_INET, socket.AF_INET6, socket.inet_pton
        texts = block.decode("utf-8", "replace").split("\n")
        if b"\r" in block:
            texts = [text.removesuffix("\r") for text in texts]
        keys: list[bytes] = []
        for index, whole in enumerate(raw):
            text = texts[index]
            try:  # a plain address needs none of the other checks
                key = parse(ipv6, text) if ":" in text else MAPPED_PREFIX + parse(ipv4, text)
            except (OSError, ValueError):
                if keys:
                    yield self._counted(Run(line + index - len(keys), keys))
                    keys = []
                yield from self._row(line + index, whole)
            else:
                keys.append(key)
        if keys:
            yield self._counted(Run(line + len(raw) - len(keys), keys))

    def _counted(self, run: Run) -> Run:
        room = LINES_MAX - max(self._lines, self._networks)
        count = min(len(run.keys), room + 1)
        self._lines += count
        self._networks += count
        if count > room:
            raise self._too_many(run.line + room)
        return run

    def _rows(self, line: int, raw: list[bytes]) -> Iterator[Row]:
        for number, each in enumerate(raw, line):
            yield from self._row(number, each)

    def _row(self, line: int, raw: bytes) -> Iterator[Row]:
        """Parse one line by all rules."""
        try:
            said = self._read(raw, self._defaults)
            if said is None:
                return
            text, reason, duration_s = said
            networks = self._networks_of(line, text)
        except InvalidInputError as error:
            self._refuse(line, error)
            networks = ()
        self._lines += 1
        self._networks += len(networks)
        if self._networks > LINES_MAX or self._lines > LINES_MAX:
            raise self._too_many(line)
        for network in networks:
            key, length = network
            of_kind = ADDRESS if length == KEY_BITS else kind(network)
            yield Row(line, key, length, of_kind, reason, duration_s)

    @property
    def found(self) -> Found:
        """The content that has been read so far."""
        named = [(each.line, _shown(each.value), each.why) for each in self._named]
        return Found(self._lines, self._networks, self._refused, named, self._warnings)

    def refuse(self) -> None:
        """Raise `BadLinesError` if an invalid line has been read so far."""
        if self._refused:
            raise BadLinesError(self._named, self._refused)

    def _networks_of(self, line: int, text: str) -> Sequence[Network]:
        networks = networks_of(text)
        for network in networks:
            if network.prefix_length < WIDE_BITS:
                self._warn(line, network)
        return networks

    def _warn(self, line: int, network: Network) -> None:
        if not self._defaults.force:
            refuse_everything(network)
        if len(self._warnings) < NAMED_MAX:
            self._warnings += [f"line {line}: {each}" for each in warnings_about(network)]

    def _refuse(self, line: int, error: InvalidInputError) -> None:
        self._refused += 1
        if len(self._named) < NAMED_MAX:
            bad = BadLineError(str(error), line=line, value=error.value, limit=error.limit)
            self._named.append(bad)

    def _too_many(self, line: int) -> BadLineError:
        limit = f"{LINES_MAX} lines; a range counts once for each of its prefixes"
        count = max(self._networks, self._lines)
        return BadLineError("one line too many", line=line, value=count, limit=limit)


_Said = tuple[str, str | None, int | None]
"""Networks as text, reason and duration of a line."""
_Read = Callable[[bytes, Defaults], _Said | None]
"""Parses a line; None: it has no content. Raises InvalidInputError."""


def _read_text(raw: bytes, defaults: Defaults) -> _Said | None:
    text = content_of(raw)
    return (text, defaults.reason, defaults.duration_s) if text else None


def _read_json(raw: bytes, defaults: Defaults) -> _Said | None:
    if len(raw) > LINE_BYTES_MAX:
        raise too_long(raw)
    raw = without_marks(raw).strip()
    if not raw:
        return None
    try:
        entry = _entry_of(raw)
    except ValidationError as exc:
        raise _refusal(raw, exc) from exc
    if entry is None:
        return None
    reason = defaults.reason if entry.reason is None else entry.reason
    duration = entry.duration_seconds
    if "duration_seconds" not in entry.model_fields_set:  # null means no end
        duration = defaults.duration_s
    return entry.ip, reason, duration


def _entry_of(raw: bytes) -> EntryLine | FeedLine | None:
    """The entry on a line of JSON; None: the line describes the feed."""
    try:
        entry = (EntryLine if b'"ip"' in raw else FeedLine).model_validate_json(raw)
    except ValidationError as exc:
        fields = _fields_of(raw)
        if "ip" in fields:
            return EntryLine.model_validate_json(raw)
        if "cidr" in fields:
            return FeedLine.model_validate_json(raw)
        if fields.get("type") == "metadata":
            return None
        if not fields:
            raise
        named = ", ".join(sorted(fields))[:_SHOWN]
        message = f"has neither ip nor cidr; its fields are {named}"
        raise InvalidInputError(message, field="ip", limit=_FIELDS) from exc
    marks = raw.count(b'"')
    if marks > _MARKS_OF_ONE and _may_repeat(raw, marks, entry):
        refuse_repeated(raw)
    return entry


def _may_repeat(raw: bytes, marks: int, entry: EntryLine | FeedLine) -> bool:
    """Whether a name of the entry may occur twice: quotation marks are counted, because a JSON
    parser in Python would make each line cost twice as much."""
    if isinstance(entry, FeedLine):
        names = raw.count(b'"cidr"'), raw.count(b'"reason"'), raw.count(b'"duration_seconds"')
        return max(names) > 1
    texts = len(entry.model_fields_set) + 1 + (entry.reason is not None)  # names, ip, reason
    return marks != 2 * texts


def _fields_of(raw: bytes) -> dict[str, object]:
    """The fields of a JSON object; empty: not an object, or an object without fields."""
    try:
        said = load_json(raw)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _refusal(raw: bytes, error: ValidationError) -> InvalidInputError:
    one = mistake_of(error.errors(include_url=False)[0], EntryLine)
    field = one.field or "line"
    value = one.value if one.field else raw[:_SHOWN].decode("utf-8", "replace")
    return InvalidInputError(f"{field}: {one.message}", field=field, value=value, limit=one.limit)


def _shown(value: object) -> str:
    """A value of a line, shortened for an answer."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
