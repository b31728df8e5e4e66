"""The country table that the workers read: loaded from a file, and again when the file changes.

Writer: the control loop. A thread reads the file and builds the table, so that bans need not wait
for it; then a pointer is swapped. If the file is invalid or missing, the present table stays, and
the node is degraded.
"""

from __future__ import annotations

import ctypes
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from dataplane.base.errors import SecBeatError
from dataplane.base.logs import Log
from dataplane.countries import database
from dataplane.native import abi
from dataplane.reconcile.published import StatsPublisher
from dataplane.tables.country_table import CountryTable
from dataplane.tables.retired import Retired

RETIRED_MAX = 2
"""Tables of up to 128 MiB that wait for the workers; beyond that, a new one waits."""
_log = Log()


@dataclass
class _Load:
    """One attempt, in its thread; both fields are None until it has ended."""

    thread: Thread | None = None
    loaded: tuple[database.CountryDatabase, CountryTable] | None = None
    error: Exception | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the loading thread has ended."""
        return self.thread is not None and not self.thread.is_alive()


class Countries:
    """Owns the table in use and those that a worker may still read; outlives the workers."""

    def __init__(
        self,
        library: ctypes.CDLL,
        paths: Sequence[Path],
        node: abi.Node,
        published: StatsPublisher,
    ) -> None:
        self._library = library
        self._paths = paths
        self._node = node
        self._published = published
        self._table: CountryTable | None = None
        self._retired = Retired(library, ctypes.addressof(node.readers), RETIRED_MAX)
        self._mark: tuple[int, ...] = ()
        self._load: _Load | None = None
        self._is_refused = False

    def start(self) -> None:
        """Load the file before the first packet is judged; waits for it."""
        path, self._mark = self._look()
        if path is not None:
            load = _Load()
            self._run(load, path)
            self._take(load)

    def turn(self, is_wanted: bool) -> None:
        """Check for a new file, swap in a loaded table; call about once a second.

        ``is_wanted``: the policy in force uses countries.
        """
        if self._load is None:
            path, mark = self._look()
            if path is not None and mark != self._mark:
                self._mark = mark
                self._begin(path)
        self._retired.reclaim()
        if self._load and self._load.has_ended and self._retired.has_room:
            load, self._load = self._load, None
            self._take(load)
        missing = is_wanted and self._table is None
        self._published.degraded(abi.Degraded.COUNTRIES, on=missing or self._is_refused)

    def find(self, address: bytes) -> int:
        """The number of an address's country (16 bytes, IPv4 mapped); 0: not known."""
        return self._table.find(address) if self._table else 0

    def close(self) -> None:
        """Free everything after the workers have stopped; may be called again."""
        self._node.countries = 0
        if self._load and self._load.thread:
            self._load.thread.join()
            if self._load.loaded:
                self._load.loaded[1].close()
        self._load = None
        self._retired.close()
        if self._table:
            self._table.close()
            self._table = None

    @property
    def retired_count(self) -> int:
        """Tables that a worker may still read."""
        return self._retired.count

    def _look(self) -> tuple[Path | None, tuple[int, ...]]:
        """The file to use, and its identity; None: there is none."""
        for path in self._paths:
            with suppress(OSError):
                found = path.stat()
                return path, (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
        return None, ()

    def _begin(self, path: Path) -> None:
        load = _Load()
        thread = Thread(target=self._run, args=(load, path), daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system can't start another thread
            load.error = error
            self._take(load)
            return
        load.thread, self._load = thread, load

    def _run(self, load: _Load, path: Path) -> None:
        try:
            found = database.read(path)
            table = CountryTable(self._library, found.records, found.ipv4_count)
            load.loaded = found, table
        except Exception as error:  # a file must not end the data plane, least of all at the start
            load.error = error

    def _take(self, load: _Load) -> None:
        self._is_refused = load.loaded is None
        if load.loaded is None:
            _log.error("country database refused", **_told(load.error))
            self._published.notice(abi.NoticeKind.COUNTRIES_REFUSED, 0)
            return
        found, table = load.loaded
        old, self._table = self._table, table
        self._node.countries = table.address
        if old:
            self._retired.add(old)
        counts = found.ipv4_count, found.ipv6_count
        self._published.countries(found.date_s, *counts, table.bytes)
        self._published.notice(abi.NoticeKind.COUNTRIES_LOADED, found.date_s)
        _log.info(
            "country database loaded", name=found.name, date_s=found.date_s, ranges=sum(counts)
        )


def _told(error: Exception | None) -> dict[str, str]:
    """The log fields about a refused file; for an internal error, where it was raised."""
    if isinstance(error, SecBeatError):
        return {"error": str(error)}
    trace = "".join(traceback.format_exception(error)) if error else ""
    return {"error": f"internal error, {error!r}", "traceback": trace}
