"""A cache outside of the tree for expensive results, under the keys of their inputs.

An entry appears by a rename, as a whole. Only the newest few of each kind are kept.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

KEPT_PER_KIND = 2
_DAY_S = 86400


class Cache:
    """A folder of entries ``<kind>-<key>``; one build at a time works with it."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder = folder
        self._work = work

    def find(self, kind: str, key: str, age_max_days: int | None = None) -> Path | None:
        """The entry, if there is one that is not older than the limit."""
        entry = self._folder / f"{kind}-{key}"
        if not entry.exists() or _too_old(entry, age_max_days):
            return None
        return entry

    def make(self, kind: str, key: str, maker: Callable[[Path], None]) -> Path:
        """Make the entry again: ``maker`` fills an empty folder. Returns the entry."""
        made = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=self._work))
        made.chmod(0o755)
        maker(made)
        entry = self._folder / f"{kind}-{key}"
        if entry.exists():
            shutil.rmtree(entry)
        made.rename(entry)
        entry.touch()
        self._prune(kind)
        return entry

    def _prune(self, kind: str) -> None:
        entries = sorted(self._folder.glob(f"{kind}-*"), key=lambda entry: entry.stat().st_mtime)
        for entry in entries[:-KEPT_PER_KIND]:
            shutil.rmtree(entry)


def _too_old(entry: Path, age_max_days: int | None) -> bool:
    if age_max_days is None:
        return False
    return time.time() - entry.stat().st_mtime > age_max_days * _DAY_S
