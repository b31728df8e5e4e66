"""The lines of a state log, format 1.

Snapshot and import: a header, entries, a footer. ::

    {"format":1,"kind":"snapshot","database":"<uuid>","revision":7,"policy":null}
    {"boot":"<uuid>"}
    ["b","203.0.113.7",0,3600000,1790000000000,3600]
    ["a","2001:db8::/32"]
    {"end":true,"count":2,"crc32":"89abcdef"}

An entry is list (``b`` or ``a``) and network; one that ends has the index of its boot among the
boot lines so far, boot clock and UTC deadline in ms, and the duration in s. The footer counts
entries and checks every byte before it, so a cut anywhere is noticed before anything is applied.

Log: a header, then one line per revision, strictly increasing. ::

    {"format":1,"kind":"log","database":"<uuid>","base":7}
    {"revision":8,"boots":["<uuid>"],"changes":[["put","b","203.0.113.7",0,36,1790,3600]]}
    {"revision":9,"boots":[],"changes":[["remove","b","203.0.113.7"],["policy",null]]}
    {"revision":10,"boots":[],"changes":[["import","import-10.ndjson",1000,[["b","192.0.2.1"]]]]}

A last line without its newline was never acknowledged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from dataplane.clock import Deadline
from dataplane.errors import InvalidInputError
from dataplane.networks import Network
from dataplane.statelog.changes import Change, Import, Line, ListName, Put, Remove, SetPolicy
from dataplane.statelog.files import FORMAT, LINE_BYTES_MAX, StateLogError, is_import_name

_LETTERS: dict[ListName, str] = {"blacklist": "b", "allowlist": "a"}
_LISTS: dict[str, ListName] = {letter: name for name, letter in _LETTERS.items()}
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_NUMBER_MAX = 1 << 53
_REVISION_MAX = 1 << 63


class Entry(NamedTuple):
    """An entry of a snapshot or import; a `Put` that is cheap to make by the million."""

    list: ListName
    network: Network
    deadline: Deadline | None


def to_line(value: object) -> bytes:
    """One line of at most `LINE_BYTES_MAX`, newline included."""
    line = _ENCODER.encode(value).encode() + b"\n"
    if len(line) > LINE_BYTES_MAX:
        raise StateLogError(f"a line of {len(line)} bytes; the limit is {LINE_BYTES_MAX}")
    return line


def from_line(line: bytes) -> dict[str, Any]:
    """The object on a line."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise StateLogError("a line is not JSON") from exc
    if not isinstance(value, dict):
        raise StateLogError("a line is not an object")
    return value


def from_lines(lines: Sequence[bytes]) -> list[Any]:
    """The values of many lines at once: one call of the parser costs more than a short line."""
    try:
        values = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError) as exc:
        raise StateLogError("a line is not JSON") from exc
    if not isinstance(values, list) or len(values) != len(lines):
        raise StateLogError("a line is not one JSON value")
    return values


def check_header(header: dict[str, Any], kind: str) -> None:
    """Refuses other kinds and other versions."""
    if header.get("kind") != kind:
        raise StateLogError(f"not a {kind}")
    if header.get("format") != FORMAT:
        raise StateLogError(
            f"{kind} of format {header.get('format')!r}; this version reads format {FORMAT}"
        )


def read_uuid(value: object) -> UUID:
    """A UUID of a line."""
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError as exc:
        raise StateLogError("a line has no UUID where one belongs") from exc


def read_number(value: object, below: int = _REVISION_MAX) -> int:
    """A number from 0 of a line."""
    if type(value) is not int or not 0 <= value < below:
        raise StateLogError("a line has no number where one belongs")
    return value


def encode_entry(entry: Put | Entry, boots: list[UUID]) -> list[object]:
    """The array of an entry; appends its boot to `boots` when that is new."""
    row: list[object] = [_LETTERS[entry.list], str(entry.network)]
    deadline = entry.deadline
    if deadline is not None:
        if deadline.boot_id not in boots:
            boots.append(deadline.boot_id)
        row += (boots.index(deadline.boot_id), *deadline[1:])
    return row


def decode_entries(rows: Iterable[Any], boots: Sequence[UUID]) -> list[Entry]:
    """Entries from their arrays. About 2 us each; it is what a bulk load waits for."""
    parse, lists, entries = Network.parse, _LISTS, []
    try:
        for row in rows:
            name, text, *rest = row  # anything else raises, below
            deadline = _deadline(rest, boots) if rest else None
            entries.append(Entry(lists[name], parse(text), deadline))
    except (KeyError, TypeError, ValueError, IndexError, InvalidInputError) as exc:
        raise StateLogError("an entry is not list, network and deadline") from exc
    return entries


def encode_revision(revision: int, changes: Sequence[Change]) -> bytes:
    """The line of a revision."""
    boots: list[UUID] = []
    rows = [_encode_change(change, boots) for change in changes]
    return to_line({"revision": revision, "boots": [str(boot) for boot in boots], "changes": rows})


def decode_revision(line: bytes) -> Line:
    """A revision from its line; `StateLogError` for anything else."""
    value = from_line(line)
    boots, changes = value.get("boots"), value.get("changes")
    if not isinstance(boots, list) or not isinstance(changes, list):
        raise StateLogError("a line is no revision")
    known = [read_uuid(boot) for boot in boots]
    return Line(
        read_number(value.get("revision")),
        tuple(_decode_change(change, known) for change in changes),
    )


def _deadline(rest: Sequence[Any], boots: Sequence[UUID]) -> Deadline:
    boot, boot_ms, utc_ms, duration_s = rest
    for number in rest:
        if type(number) is not int or not 0 <= number < _NUMBER_MAX:
            raise ValueError(number)
    return Deadline(boots[boot], boot_ms, utc_ms, duration_s)


def _encode_change(change: Change, boots: list[UUID]) -> list[object]:
    match change:
        case Put():
            return ["put", *encode_entry(change, boots)]
        case Remove():
            return ["remove", _LETTERS[change.list], str(change.network)]
        case Import():
            skip = [[_LETTERS[name], str(network)] for name, network in change.skip]
            return ["import", change.file, change.count, skip]
        case SetPolicy():
            return ["policy", change.document]


def _decode_change(value: object, boots: Sequence[UUID]) -> Change:
    match value:
        case ["put", *row]:
            return Put(*decode_entries([row], boots)[0])
        case ["remove", *row]:
            return Remove(*_decode_key(row))
        case ["import", str() as file, int() as count, list() as skip] if is_import_name(file):
            return Import(file, read_number(count), tuple(_decode_key(row) for row in skip))
        case ["policy", dict() | None as document]:
            return SetPolicy(document)
    raise StateLogError("a line has a change that this version does not know")


def _decode_key(row: object) -> tuple[ListName, Network]:
    entry = decode_entries([row], ())[0]
    return entry.list, entry.network
