"""The lines of a state log, format 5.

Snapshot and import: a header, entries, rules, a footer. ::

    {"format":5,"kind":"snapshot",...,"generation":3,"revision":7,"policy":null,...}
    {"boot":"<uuid>"}
    ["b","203.0.113.7",0,3600000,1790000000000,3600]
    ["a","2001:db8::/32"]
    ["r",17,"(?i)union.*select","block",...]
    {"end":true,"count":3,"rules":1,"rules_at":211,"crc32":"f99cf3a3"}

An entry has list (``b`` or ``a``) and network. An entry with an end also has the index of its boot
among the boot lines so far, boot clock and UTC deadline in ms, and the duration in s. A snapshot's
header ends with ``"overlays":[],"drain":false``; an import's header has neither database,
generation, revision, policy, overlays nor drain. A rule is ``r``, its number, and the values of
`dataplane.waf.document`, which this package does not interpret; at most `RULE_BYTES_MAX`. The
footer has the number of entries and rules together, the number of rules, and the position of the
first rule in bytes: a reader of one kind reads no line of the other kind, and holds one chunk in
memory.

Log: a header, with the checksum of the snapshot that it continues, then one line per revision,
strictly increasing. The line of an import has the checksum of the import's file. ::

    {"format":5,"kind":"log","database":"<uuid>","generation":3,"base":7,"snapshot":"f99cf3a3",...}
    {"revision":8,"boots":["<uuid>"],"changes":[["put","b","203.0.113.7",0,36,1790,3600]],...}
    {"revision":9,"boots":[],"changes":[["remove","b","203.0.113.7"],["policy",null]],...}
    {"revision":10,"boots":[],"changes":[["import","import-10.ndjson",9,"0123abcd",[]]],...}
    {"revision":11,"boots":[],"changes":[["rule",17,"(?i)union.*select","block",...]],...}
    {"revision":12,"boots":[],"changes":[["unrule",17]],...}
    {"revision":13,"boots":[],"changes":[["overlays",[[{...},"<uuid>",36,1790,3600]]]],...}
    {"revision":14,"boots":[],"changes":[["drain",true]],...}

Each change of the overlays has all overlays of the policy. Each overlay has its document, the boot
of its deadline, boot clock and UTC deadline in ms, and the duration in s.

**Checksums.** A footer, and every line of a log, ends with ``,"crc32":"89abcdef"}``: the CRC-32
(that of zlib) of every byte of the file before this member, earlier checksums included. Before any
content of the line or file is applied, the checksum detects:

* changed bytes: always within 32 bits of each other, otherwise all but one of 2**32;
* a line of a log that was changed, lost, doubled, moved, or comes from another log: at that line;
  the lines before it are good;
* a snapshot or import that was changed or cut, its header and count included;
* a file with the name of another one: a snapshot or log by its generation, a log by its snapshot,
  an import by the line that refers to it.

The checksum does not detect a log that ends too early at the end of a line. The API detects this,
because it knows the last revision and the size (`StateLogWriter`). A last line without its newline
was never acknowledged. The checksum is not a signature: every user who may write to the directory
is trusted.

Format 1 had no checksums in logs and is not read. Formats 2 (no rules), 3 (no overlays) and 4 (no
drain) are read, so that a data plane has its state before the API has started. No lines are
appended to them: the API starts a new generation when it finds one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from dataplane.base.clock import Deadline
from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network
from dataplane.statelog.changes import (
    Change,
    Import,
    Line,
    ListName,
    Overlay,
    Put,
    PutRule,
    Remove,
    RemoveRule,
    RuleRow,
    SetDrain,
    SetOverlays,
    SetPolicy,
)
from dataplane.statelog.files import FORMATS_READ, LINE_BYTES_MAX, StateLogError, is_import_name
from dataplane.statelog.sums import TAIL_BYTES

_LETTERS: dict[ListName, str] = {"blacklist": "b", "allowlist": "a"}
_LISTS: dict[str, ListName] = {letter: name for name, letter in _LETTERS.items()}
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_NUMBER_MAX = 1 << 53
_REVISION_MAX = 1 << 63
_RULE = "r"
_ENDS = 3
"""Numbers of a deadline: boot clock, UTC, duration."""
RULE_BYTES_MAX = 1 << 16
"""Limit of a rule's line: a pattern of 4 KiB has at most 24 KiB as JSON."""


class Entry(NamedTuple):
    """An entry of a snapshot or import; like a `Put`, but cheaper to create a million times."""

    list: ListName
    network: Network
    deadline: Deadline | None


def to_text(value: object) -> bytes:
    """JSON for a line of at most `LINE_BYTES_MAX`, with a checksum and the newline."""
    text = _ENCODER.encode(value).encode()
    if len(text) + TAIL_BYTES > LINE_BYTES_MAX:
        raise StateLogError(f"a line of {len(text)} bytes; the limit is {LINE_BYTES_MAX}")
    return text


def to_line(value: object) -> bytes:
    """One line without a checksum."""
    return to_text(value) + b"\n"


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
    """The values of many lines: one call of the parser per line would take longer than short lines
    do."""
    try:
        values = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError) as exc:
        raise StateLogError("a line is not JSON") from exc
    if not isinstance(values, list) or len(values) != len(lines):
        raise StateLogError("a line is not one JSON value")
    return values


def check_header(header: dict[str, Any], kind: str, generation: int | None) -> None:
    """Refuse other versions, other kinds, and another generation than that of the file's name."""
    if header.get("format") not in FORMATS_READ:
        raise StateLogError(
            f"{kind} of format {header.get('format')!r}; this version reads formats "
            f"{', '.join(map(str, FORMATS_READ))}"
        )
    if header.get("kind") != kind or header.get("generation") != generation:
        raise StateLogError(f"not the {kind} that its name says")


def read_uuid(value: object) -> UUID:
    """Read a UUID."""
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError as exc:
        raise StateLogError("a line has no UUID where one belongs") from exc


def read_number(value: object, below: int = _REVISION_MAX) -> int:
    """Read a non-negative number."""
    if type(value) is not int or not 0 <= value < below:
        raise StateLogError("a line has no number where one belongs")
    return value


def encode_entry(entry: Put | Entry, boots: list[UUID]) -> list[object]:
    """The array of an entry; appends its boot to `boots` if it is new."""
    row: list[object] = [_LETTERS[entry.list], str(entry.network)]
    deadline = entry.deadline
    if deadline is not None:
        if deadline.boot_id not in boots:
            boots.append(deadline.boot_id)
        row += (boots.index(deadline.boot_id), *deadline[1:])
    return row


def entry_lines(entries: Iterable[Put | Entry], boots: list[UUID]) -> bytes:
    """Lines of entries as in `encode_entry`, after lines of the new boots.

    About 1 us each, less if neighbouring entries share a deadline; bulk changes depend on this
    speed. The values need no JSON escapes, and no line comes near `LINE_BYTES_MAX`.
    """
    known, lines, before, end = len(boots), list[str](), None, ""
    for entry in entries:
        deadline = entry.deadline
        if deadline is None:
            lines.append(f'["{_LETTERS[entry.list]}","{entry.network}"]\n')
            continue
        if deadline is not before:
            before, end = deadline, _end_text(deadline, boots)
        lines.append(f'["{_LETTERS[entry.list]}","{entry.network}",{end}]\n')
    return _after_boots("".join(lines), boots, known)


def alike_lines(
    name: ListName, networks: Sequence[str], deadline: Deadline | None, boots: list[UUID]
) -> bytes:
    """The same as `entry_lines` for networks of one list with one deadline, given as text."""
    known = len(boots)
    head = f'["{_LETTERS[name]}","'
    tail = '"]\n' if deadline is None else f'",{_end_text(deadline, boots)}]\n'
    return _after_boots(head + (tail + head).join(networks) + tail, boots, known)


def _end_text(deadline: Deadline, boots: list[UUID]) -> str:
    """The numbers of a deadline; appends its boot to `boots` if it is new."""
    boot_id, *ends = deadline
    if boot_id not in boots:
        boots.append(boot_id)
    return ",".join(map(str, [boots.index(boot_id), *ends]))


def _after_boots(lines: str, boots: list[UUID], known: int) -> bytes:
    made = [to_line({"boot": str(boot)}) for boot in boots[known:]]
    return b"".join([*made, lines.encode("ascii")])


def decode_entries(rows: Iterable[Any], boots: Sequence[UUID]) -> list[Entry]:
    """Entries from their arrays. About 2 us each; bulk loads depend on this speed."""
    parse, lists, entries = Network.parse, _LISTS, []
    try:
        for row in rows:
            name, text, *rest = row  # any other value raises below
            deadline = _deadline(rest, boots) if rest else None
            entries.append(Entry(lists[name], parse(text), deadline))
    except (KeyError, TypeError, ValueError, IndexError, InvalidInputError) as exc:
        raise StateLogError("an entry is not list, network and deadline") from exc
    return entries


def encode_rule(row: RuleRow) -> list[object]:
    """The array of a rule in a snapshot or import."""
    return [_RULE, *_checked_rule(row)]


def read_rule(value: object) -> RuleRow:
    """The reverse of `encode_rule`."""
    match value:
        case ["r", *row]:
            return _checked_rule(row)
    raise StateLogError("a line is no rule")


def encode_overlays(overlays: Iterable[Overlay]) -> list[list[object]]:
    """The array of all overlays."""
    return [[each.document, str(each.deadline.boot_id), *each.deadline[1:]] for each in overlays]


def read_overlays(value: object) -> tuple[Overlay, ...]:
    """The reverse of `encode_overlays`."""
    if not isinstance(value, list):
        raise StateLogError("overlays are no array")
    return tuple(map(_read_overlay, value))


def encode_revision(revision: int, changes: Sequence[Change]) -> bytes:
    """The JSON of a revision: the content of a line without the checksum."""
    boots: list[UUID] = []
    rows = [_encode_change(change, boots) for change in changes]
    return to_text({"revision": revision, "boots": [str(boot) for boot in boots], "changes": rows})


def decode_revision(line: bytes) -> Line:
    """A revision from its line or JSON; `StateLogError` if it is invalid."""
    value = from_line(line)
    boots, changes = value.get("boots"), value.get("changes")
    if not isinstance(boots, list) or not isinstance(changes, list):
        raise StateLogError("a line is no revision")
    known = [read_uuid(boot) for boot in boots]
    return Line(
        read_number(value.get("revision")),
        tuple(_decode_change(change, known) for change in changes),
    )


def _read_overlay(value: object) -> Overlay:
    match value:
        case [dict() as document, boot, *ends] if len(ends) == _ENDS:
            numbers = (read_number(end, _NUMBER_MAX) for end in ends)
            return Overlay(document, Deadline(read_uuid(boot), *numbers))
    raise StateLogError("an overlay is not document and deadline")


def _deadline(rest: Sequence[Any], boots: Sequence[UUID]) -> Deadline:
    boot, boot_ms, utc_ms, duration_s = rest
    for number in rest:
        if type(number) is not int or not 0 <= number < _NUMBER_MAX:
            raise ValueError(number)
    return Deadline(boots[boot], boot_ms, utc_ms, duration_s)


def _encode_change(  # noqa: PLR0911 - one for each kind
    change: Change, boots: list[UUID]
) -> list[object]:
    match change:
        case Put():
            return ["put", *encode_entry(change, boots)]
        case Remove():
            return ["remove", _LETTERS[change.list], str(change.network)]
        case PutRule():
            return ["rule", *_checked_rule(change.row)]
        case RemoveRule():
            return ["unrule", change.number]
        case Import():
            skip = [[_LETTERS[name], str(network)] for name, network in change.skip]
            return ["import", change.file, change.count, change.crc32, skip]
        case SetPolicy():
            return ["policy", change.document]
        case SetOverlays():
            return ["overlays", encode_overlays(change.overlays)]
        case SetDrain():
            return ["drain", change.on]


def _decode_change(  # noqa: PLR0911 - one for each kind
    value: object, boots: Sequence[UUID]
) -> Change:
    match value:
        case ["put", *row]:
            return Put(*decode_entries([row], boots)[0])
        case ["remove", *row]:
            return Remove(*_decode_key(row))
        case ["import", str() as file, int() as count, str() as crc32, list() as skip] if (
            is_import_name(file)
        ):
            return Import(file, read_number(count), crc32, tuple(map(_decode_key, skip)))
        case ["rule", *row]:
            return PutRule(_checked_rule(row))
        case ["unrule", int() as number]:
            return RemoveRule(read_number(number))
        case ["policy", dict() | None as document]:
            return SetPolicy(document)
        case ["overlays", value]:
            return SetOverlays(read_overlays(value))
        case ["drain", bool() as on]:
            return SetDrain(on)
    raise StateLogError("a line has a change that this version does not know")


def _decode_key(row: object) -> tuple[ListName, Network]:
    entry = decode_entries([row], ())[0]
    return entry.list, entry.network


def _checked_rule(row: RuleRow) -> RuleRow:
    """Check that it has a number and fits its line: snapshots are read in chunks."""
    if not row or not read_number(row[0], _NUMBER_MAX):
        raise StateLogError("a rule has no number")
    if len(to_text(row)) > RULE_BYTES_MAX:
        raise StateLogError(f"rule {row[0]} takes more than {RULE_BYTES_MAX} bytes")
    return row
