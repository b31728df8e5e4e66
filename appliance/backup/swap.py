"""Replaces files: all of them, or none.

Every move is a rename within one file system, and is written to a journal before the first move. A
failure is undone at once, a crash by the next restore.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from api.common.disk import written
from appliance.backup.errors import BackupError
from dataplane.base.durable import sync_directory


@dataclass(frozen=True)
class Move:
    """A file to move aside, a file to take its place, or both."""

    destination: Path
    aside: Path
    had_old: bool
    staged: Path | None = None
    """None: the file is only moved aside; another program may make a new one."""


@dataclass(frozen=True)
class NewDirectory:
    """A directory that the moves need."""

    path: Path
    mode: int
    uid: int
    gid: int


class Swap:
    """All moves of a restore, with the journal that lets them be undone."""

    def __init__(self, journal: Path, moves: Sequence[Move], staging: Sequence[Path]) -> None:
        self._journal = journal
        self._moves = list(moves)
        self._staging = list(staging)

    def carry_out(self, directories: Sequence[NewDirectory]) -> None:
        """Make the moves. After an error, `undo` must be called."""
        self._write_journal()
        for one in directories:
            if not one.path.exists():
                one.path.mkdir(parents=True)
                os.chown(one.path, one.uid, one.gid)
                one.path.chmod(one.mode)
        for move in self._moves:
            with written(move.destination.parent):
                _carry_out(move)
        for directory in self._directories():
            sync_directory(directory)

    def undo(self) -> None:
        """Move every file back that was moved aside, and remove the files that replaced them."""
        for move in reversed(self._moves):
            if os.path.lexists(move.aside):  # a relative link dangles there
                move.aside.replace(move.destination)
            elif _has_replaced(move):
                move.destination.unlink(missing_ok=True)
        for directory in self._directories():
            sync_directory(directory)
        self.finish()

    def finish(self) -> None:
        """Make the moves permanent."""
        self._journal.unlink(missing_ok=True)  # first: afterwards nothing is undone
        sync_directory(self._journal.parent)
        for directory in self._staging:
            shutil.rmtree(directory, ignore_errors=True)

    def _directories(self) -> list[Path]:
        found = {move.destination.parent for move in self._moves}
        found |= {move.aside.parent for move in self._moves}
        return sorted(one for one in found if one.is_dir())

    def _write_journal(self) -> None:
        document = {
            "moves": [asdict(move) for move in self._moves],
            "staging": self._staging,
        }
        unfinished = self._journal.with_name(f"{self._journal.name}.new")
        with open(
            unfinished, "w", opener=lambda path, flags: os.open(path, flags, 0o600)
        ) as stream:
            json.dump(document, stream, default=str)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(self._journal)
        sync_directory(self._journal.parent)


def _carry_out(move: Move) -> None:
    if move.had_old:
        move.aside.parent.mkdir(parents=True, exist_ok=True)
        # A process that was stopped meanwhile has removed the logs of its database.
        with suppress(FileNotFoundError):
            move.destination.replace(move.aside)
    if move.staged is not None:
        move.staged.replace(move.destination)


def _has_replaced(move: Move) -> bool:
    """Whether the file at the destination, if any, is not the old one, which is not aside."""
    if move.staged is None:
        return not move.had_old
    return not os.path.lexists(move.staged)


def interrupted(journal: Path) -> Swap | None:
    """The swap that a crash interrupted. Raises `BackupError` if its journal can't be read."""
    try:
        document = json.loads(journal.read_text())
        moves = [_move(one) for one in document["moves"]]
        staging = [Path(one) for one in document["staging"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BackupError(f"{journal} can't be read: {exc}") from exc
    return Swap(journal, moves, staging)


def _move(document: dict[str, Any]) -> Move:
    staged = document["staged"]
    return Move(
        Path(document["destination"]),
        Path(document["aside"]),
        bool(document["had_old"]),
        None if staged is None else Path(staged),
    )
