"""The cache directory: jobs, databases, and which of them are in force; one folder per engine.

The control loop records what is in force; the next start maps it without compiling. An unreadable
file is no error: it is built again.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dataplane.base.logs import Log

MANIFEST = "manifest.json"
_FORMAT = 2
_log = Log()


@dataclass(frozen=True)
class CachedTier:
    """A tier that was in force."""

    job: bytes
    files: tuple[tuple[int, str], ...]
    """Class of target, and file name."""


@dataclass(frozen=True)
class Cached:
    """The state that was in force."""

    tiers: Mapping[str, CachedTier]
    refused: frozenset[int] = frozenset()
    """Slots of jobs whose rules the engine has refused: they were not in force."""


NOTHING = Cached({})


class Cache:
    """One engine's folder. Only for one process."""

    def __init__(self, root: Path, engine: str) -> None:
        """Creates the folder; OSError."""
        self._root = root
        self.directory = root / folder_name(engine)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def load(self) -> Cached:
        """The state that was in force; `NOTHING` if it can't be read."""
        try:
            found = json.loads((self.directory / MANIFEST).read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                return NOTHING
            tiers = {
                str(name): CachedTier(
                    bytes.fromhex(tier["job"]),
                    tuple((int(target), _plain(file)) for target, file in tier["files"]),
                )
                for name, tier in found["tiers"].items()
            }
            return Cached(tiers, frozenset(map(int, found["refused"])))
        except FileNotFoundError:
            return NOTHING
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            _log.warning("rules cache not readable", error=str(exc))
            return NOTHING

    def store(self, cached: Cached) -> None:
        """Record the state in force. OSError is logged: then the next start compiles."""
        rows = {
            name: {"job": tier.job.hex(), "files": [list(file) for file in tier.files]}
            for name, tier in cached.tiers.items()
        }
        what = {"format": _FORMAT, "tiers": rows, "refused": sorted(cached.refused)}
        temporary = self.directory / f".{MANIFEST}.{os.getpid()}"
        try:
            temporary.write_text(json.dumps(what), encoding="utf-8")
            temporary.replace(self.directory / MANIFEST)
        except OSError as exc:
            _log.warning("rules cache not writable", error=str(exc))

    def keep_only(self, jobs: set[bytes]) -> None:
        """Remove the files of all other jobs, and files that are half written.

        Not while a job is being written.
        """
        names = {job.hex() for job in jobs}
        with contextlib.suppress(OSError):
            for file in list(self.directory.iterdir()):
                whose = re.split(r"[-.]", file.name.lstrip("."))[0]
                if file.name != MANIFEST and whose not in names:
                    file.unlink(missing_ok=True)

    def forget_other_engines(self) -> None:
        """Remove the folders of other engines."""
        with contextlib.suppress(OSError):
            for folder in list(self._root.iterdir()):
                if folder.is_dir() and folder != self.directory:
                    shutil.rmtree(folder, ignore_errors=True)


def folder_name(engine: str) -> str:
    """The folder name for an engine's version."""
    return "hs-" + re.sub(r"[^0-9A-Za-z.]+", "_", engine)


def _plain(name: object) -> str:
    if not isinstance(name, str) or "/" in name or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a database")
    return name
