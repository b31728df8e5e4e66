"""Writes files of entries and rules: snapshots and imports."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from dataplane.base.clock import Deadline
from dataplane.base.durable import write_all
from dataplane.base.networks import Network, network_text
from dataplane.statelog import format as fmt
from dataplane.statelog import sums
from dataplane.statelog.changes import Import, ListName, Overlay, Policy, Put, RuleRow
from dataplane.statelog.files import FORMAT

_BATCH = 1024
_RULES_BATCH = 16
"""Rules per write; each has at most `format.RULE_BYTES_MAX` bytes."""


@dataclass(frozen=True)
class Identity:
    """The identity of a generation."""

    database_id: UUID
    generation: int
    revision: int

    def header(self, kind: str, **fields: object) -> dict[str, object]:
        """The first line of its snapshot or log."""
        database = str(self.database_id)
        first: dict[str, object] = {"format": FORMAT, "kind": kind, "database": database}
        return {**first, "generation": self.generation, **fields}


class EntriesWriter:
    """Writes header, entries, rules, footer; buffers, counts and sums."""

    def __init__(self, fd: int, header: dict[str, object]) -> None:
        self.count = 0
        self.crc32 = ""
        """The file's checksum, once it is complete."""
        self._fd = fd
        self._crc = self._bytes = self._rules = 0
        self._rules_at: int | None = None
        self._boots: list[UUID] = []
        self._emit(fmt.to_line(header))

    def write(self, entries: Iterable[Put | fmt.Entry]) -> None:
        """Entries in any order, each network at most once per list. Call before `write_rules`."""
        rest = iter(entries)
        while batch := list(itertools.islice(rest, _BATCH)):
            self._emit_entries(fmt.entry_lines(batch, self._boots), len(batch))

    def write_alike(
        self, name: ListName, networks: Iterable[tuple[bytes, int]], deadline: Deadline | None
    ) -> None:
        """The same as `write` for entries of one list with one deadline, in half the time.

        `networks`: key and prefix length of each, some hundred of them.
        """
        texts = [network_text(*each) for each in networks]
        self._emit_entries(fmt.alike_lines(name, texts, deadline, self._boots), len(texts))

    def write_rules(self, rules: Iterable[RuleRow]) -> None:
        """Rules in any order, each number at most once."""
        self._rules_at = self._bytes if self._rules_at is None else self._rules_at
        rest = iter(rules)
        while batch := list(itertools.islice(rest, _RULES_BATCH)):
            self._emit(b"".join(fmt.to_line(fmt.encode_rule(row)) for row in batch))
            self._rules += len(batch)
            self.count += len(batch)

    def finish(self) -> None:
        """Write the footer."""
        end = {"end": True, "count": self.count, "rules": self._rules}
        end["rules_at"] = self._bytes if self._rules_at is None else self._rules_at
        footer, _ = sums.seal(fmt.to_text(end), self._crc)
        self._emit(footer)
        self.crc32 = sums.tail_sum(footer[-sums.TAIL_BYTES :])

    def _emit_entries(self, data: bytes, count: int) -> None:
        if self._rules_at is not None:
            raise ValueError("entries stand before the rules")
        self._emit(data)
        self.count += count

    def _emit(self, data: bytes) -> None:
        self._crc = zlib.crc32(data, self._crc)
        self._bytes += len(data)
        write_all(self._fd, data)


class ImportFileWriter(EntriesWriter):
    """The entries or rules of one import; see `StateLogWriter.import_file`."""

    def __init__(self, fd: int, file: str) -> None:
        super().__init__(fd, {"format": FORMAT, "kind": "import"})
        self.file = file
        """The file's name."""

    def change(self, skip: Sequence[tuple[ListName, Network]] = ()) -> Import:
        """The change of a revision that adds its content; call when the file is complete."""
        return Import(self.file, self.count, self.crc32, tuple(skip))


@dataclass(frozen=True)
class State:
    """The content of a snapshot beside its identity; entries and rules are read once."""

    entries: Iterable[Put]
    policy: Policy | None = None
    rules: Iterable[RuleRow] = ()
    overlays: Sequence[Overlay] = ()
    drain: bool = False


def write_snapshot(fd: int, identity: Identity, state: State) -> str:
    """Write a whole snapshot file; returns its checksum."""
    header = identity.header(
        "snapshot",
        revision=identity.revision,
        policy=state.policy,
        overlays=fmt.encode_overlays(state.overlays),
        drain=state.drain,
    )
    body = EntriesWriter(fd, header)
    body.write(state.entries)
    body.write_rules(state.rules)
    body.finish()
    return body.crc32
