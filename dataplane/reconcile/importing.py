"""One import, put into the tables in chunks: completely, or undone after an error.

The reconciler steps it. Later log lines are applied meanwhile; keys and rules that they touch are
left to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress

from dataplane.reconcile.applying import Tables
from dataplane.reconcile.records import EntryKey
from dataplane.statelog import Import, RuleRow, StateLogReader
from dataplane.statelog.format import Entry
from dataplane.statelog.opened import EntriesFile


class Importing:
    """See the module. ``touched``: what later lines have put or removed; it grows meanwhile."""

    def __init__(
        self, tables: Tables, change: Import, revision: int, touched: AbstractSet[EntryKey | int]
    ) -> None:
        self._tables = tables
        self._change = change
        self._revision = revision
        self._skip = set(change.skip)
        self._touched = touched
        self._added: list[bytes | None] = []
        """For each chunk, which of its entries were new, one byte each; None: all of them."""
        self._rules: list[int] = []
        """Numbers of the rules that it has put."""

    def load(self, reader: StateLogReader) -> Iterator[None]:
        """Put the file's content except skipped and touched entries; about a millisecond a step.

        If it raises, the entries that it has added are removed again.
        """
        with reader.import_entries(self._change) as file:
            yield from file.check()
            try:
                for chunk in file.chunks():
                    self._put(chunk)
                    yield None
                for rows in file.rule_chunks():
                    self._put_rules(rows)
                    yield None
            except Exception:
                yield from self._take_back(file)
                raise

    def _put(self, chunk: list[Entry]) -> None:
        wanted = chunk
        if self._skip or self._touched:
            wanted = [entry for entry in chunk if not self._is_left_out(entry[:2])]
        added = self._tables.put_bulk(wanted, self._revision)
        if len(added) == len(chunk):
            self._added.append(None)
        else:
            new = {entry[:2] for entry in added}
            self._added.append(bytes(entry[:2] in new for entry in chunk))

    def _is_left_out(self, key: EntryKey) -> bool:
        return key in self._skip or key in self._touched

    def _put_rules(self, rows: list[RuleRow]) -> None:
        wanted = [row for row in rows if row[0] not in self._touched]
        self._rules += [int(row[0]) for row in wanted]
        self._tables.rules.put(wanted, self._revision)

    def _take_back(self, file: EntriesFile) -> Iterator[None]:
        """Undo; a replaced entry stays, because its former value is not known."""
        with suppress(Exception):  # the first error is the one to be reported
            numbers = [number for number in self._rules if number not in self._touched]
            self._tables.rules.remove(numbers, self._revision)
            for added, chunk in zip(self._added, file.chunks(), strict=False):
                self._tables.remove_bulk(
                    [
                        entry[:2]
                        for index, entry in enumerate(chunk)
                        if (added is None or added[index]) and entry[:2] not in self._touched
                    ]
                )
                yield None
