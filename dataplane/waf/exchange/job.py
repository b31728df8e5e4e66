"""The input for compiling a tier: a file of rules, named by its own SHA-256.

The control loop writes it, the compile helper reads it, and it is kept beside the databases: at the
next start it has the rule of each slot, and after an upgrade of the engine the new databases are
built from it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataplane.base.errors import SecBeatError
from dataplane.native import abi

SUFFIX = ".job"
_FORMAT = 1
_BATCH = 256
_HEADER_BYTES_MAX = 200
_CLASSES = {
    "any": abi.WafClass.ANY,
    "method": abi.WafClass.METHOD,
    "path": abi.WafClass.PATH,
    "query": abi.WafClass.QUERY,
    "cookie": abi.WafClass.COOKIE,
    "body": abi.WafClass.BODY,
}


class JobError(SecBeatError):
    """The file is not a job, or not the one that its name says."""


@dataclass(frozen=True, slots=True)
class Member:
    """A rule as it is compiled: with the id ``slot``."""

    slot: int
    number: int
    pattern: str
    targets: tuple[str, ...]

    @property
    def classes(self) -> frozenset[abi.WafClass]:
        """The classes of its targets."""
        return frozenset(_CLASSES.get(target, abi.WafClass.HEADER) for target in self.targets)


class JobWriter:
    """Writes a job in steps, for a loop that must not be blocked."""

    def __init__(self, directory: Path) -> None:
        self.name = b""
        """SHA-256 of the content, once it is complete."""
        self._directory = directory
        self._temporary = directory / f".job.{os.getpid()}.{id(self)}"

    def write(self, members: Iterable[Member], count: int) -> Iterator[None]:
        """Write so many members; a step takes about a millisecond. OSError.

        The file appears at the end, as a whole.
        """
        digest = hashlib.sha256()
        try:
            with self._temporary.open("wb") as file:
                for text in _lines(members, count):
                    digest.update(text)
                    file.write(text)
                    yield
            self.name = digest.digest()
            self._temporary.replace(path_of(self._directory, self.name))
        finally:
            self._temporary.unlink(missing_ok=True)


def path_of(directory: Path, name: bytes) -> Path:
    """The path of the job with that SHA-256."""
    return directory / (name.hex() + SUFFIX)


def read(directory: Path, name: bytes) -> list[Member]:
    """The rules of a job; JobError, OSError."""
    text = path_of(directory, name).read_bytes()
    if hashlib.sha256(text).digest() != name:
        raise JobError(f"{name.hex()}{SUFFIX} does not have the content that its name says")
    return list(_parse(text.splitlines()))


def count_of(directory: Path, name: bytes) -> int:
    """The number of rules by the job's header; JobError, OSError."""
    with path_of(directory, name).open("rb") as file:
        try:
            return int(json.loads(file.readline(_HEADER_BYTES_MAX))["count"])
        except (ValueError, KeyError, TypeError) as exc:
            raise JobError(f"{name.hex()}{SUFFIX} has no header") from exc


def _lines(members: Iterable[Member], count: int) -> Iterator[bytes]:
    yield _line({"format": _FORMAT, "count": count})
    rest = iter(members)
    while part := list(itertools.islice(rest, _BATCH)):
        yield b"".join(_line([one.slot, one.number, one.pattern, one.targets]) for one in part)


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _parse(lines: Sequence[bytes]) -> Iterator[Member]:
    # One call of the parser for all: 50,000 calls take longer than the parsing itself.
    rows = json.loads(b"[" + b",".join(lines) + b"]")
    if not rows or rows[0].get("format") != _FORMAT:
        raise JobError(f"a job of another format; this version reads {_FORMAT}")
    for slot, number, pattern, targets in rows[1:]:
        yield Member(slot, number, pattern, tuple(targets))
