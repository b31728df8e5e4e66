"""Puts the files of a backup in place: checks them first, replaces all of them or none, keeps the
old ones.

`prepare` checks the archive and stages its files. `Restore.carry_out` then stops the processes,
moves the files and starts the processes.
"""

from __future__ import annotations

import fcntl
import filecmp
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from api.common.disk import written
from api.storage.alone import BusyError, take_lock
from appliance.backup import archive, fleet, units
from appliance.backup.errors import BackupError
from appliance.backup.manifest import Manifest, Member, require_known
from appliance.backup.places import (
    ASIDE,
    CREDENTIALS,
    FLEET_DUMP,
    JOURNAL,
    LOCK,
    NODE_DATABASE,
    ORCHESTRATOR,
    STAGING,
    WHOLE,
    Places,
)
from appliance.backup.stage import (
    group,
    place,
    require_accounts,
    require_room,
    roots_of,
    stage,
    staged,
    user,
)
from appliance.backup.swap import Move, NewDirectory, Swap, interrupted
from appliance.commands import CommandError, Run

Tell = Callable[[str], None]
ASIDE_MAX = 2
"""Former states that are kept below each root."""
_FLEET_DATABASE = f"{ORCHESTRATOR}/fleet.db"
_BESIDE = ("-wal", "-shm")
_DATAPLANE_SECRET = f"{CREDENTIALS}/secbeat.syn-cookie-secret"


@dataclass(frozen=True)
class Change:
    """The effect of a restore on one file."""

    path: Path
    effect: str
    """``new``, ``replaced``, ``same`` or ``moved aside``."""


@dataclass(frozen=True)
class Restore:
    """A checked and staged backup."""

    places: Places
    manifest: Manifest
    roots: Mapping[str, Path]
    moves: tuple[Move, ...]
    directories: tuple[NewDirectory, ...]
    changes: tuple[Change, ...]
    kept_in: tuple[Path, ...]
    """The directory to which the old files are moved."""
    dump: Path | None
    """The staged copy of the fleet's database."""

    @property
    def restarts_dataplane(self) -> bool:
        """Whether the restore changes a configuration or a secret of the packet path."""
        own = {self.places.etc / self.places.node_file}
        if CREDENTIALS in self.roots:
            own.add(place(self.roots, _DATAPLANE_SECRET))
        return any(one.path in own and one.effect != "same" for one in self.changes)

    def carry_out(self, run: Run, tell: Tell = lambda _text: None) -> list[str]:
        """Stop the units, move the files, start the units; returns the names of those started.

        Raises `BackupError`, `BusyError`, `CommandError`, `StorageError`. The old files are then in
        place again and the units started, unless the message, or a line to ``tell``, says that a
        unit does not start.
        """
        names = units.of_roots(self.roots.keys(), with_dataplane=self.restarts_dataplane)
        found = units.Units(names if self.places.has_units else (), run)
        try:
            found.stop()
            self._require_idle()
            with written(self.places.etc):
                self._swap()
        except BaseException:
            self._start_again(found, tell)
            raise
        for directory in self.roots.values():
            _prune(directory)
        try:
            return found.start()
        except CommandError as exc:
            raise CommandError(f"the files are in place, but {exc}") from exc

    def _start_again(self, found: units.Units, tell: Tell) -> None:
        """After a failure, which is the error to report: one of the units is only told."""
        is_undone = not (self.places.etc / JOURNAL).exists()
        state = "the old files are back" if is_undone else "not all old files are back"
        try:
            found.start()
        except CommandError as exc:
            tell(f"{state}, but {exc}" if is_undone else f"{state}, and {exc}")

    def _swap(self) -> None:
        staging = [directory / STAGING for directory in self.roots.values()]
        swap = Swap(self.places.etc / JOURNAL, self.moves, staging)
        try:
            swap.carry_out(self.directories)
            if self.dump is not None:
                fleet.restore(self.places.etc / self.places.fleet_file, self.dump)
        except BaseException:
            swap.undo()
            raise
        swap.finish()

    def _require_idle(self) -> None:
        """Refuse while a process outside of this host's units runs: it would continue with replaced
        files."""
        for member in (NODE_DATABASE, _FLEET_DATABASE):
            if member.partition("/")[0] not in self.roots:
                continue
            database = place(self.roots, member)
            if not database.with_name(f"{database.name}.lock").exists():
                continue
            try:
                os.close(take_lock(database))
            except BusyError as exc:
                raise BusyError(f"{exc}: stop the processes of this node or fleet first") from None


@contextmanager
def prepare(
    places: Places,
    file: Path,
    *,
    with_database: bool = True,
    tell: Tell = lambda _text: None,
) -> Iterator[Restore]:
    """Check a backup against this host, and stage it for as long as the block lasts.

    An earlier restore that a crash interrupted is undone first; ``tell`` gets a line about it.

    Raises `BackupError`, `StorageError`, `ConfigurationError`: nothing was replaced.
    """
    manifest = archive.check(file)
    require_known(manifest)
    require_accounts(manifest)
    with written(places.etc):
        places.etc.mkdir(parents=True, exist_ok=True)
    with _alone(places.etc):
        unfinished = interrupted(places.etc / JOURNAL)
        if unfinished is not None:
            unfinished.undo()
            tell("an earlier restore was interrupted: the files that it had moved are back")
        roots: dict[str, Path] = {}
        try:
            with written(places.etc):
                roots = roots_of(places, file, manifest)
                machines = places.machines()
                wanted = [
                    one
                    for one in manifest.members
                    if _is_wanted(one, roots, with_database)
                    and not _is_below(place(roots, one.path), machines)
                ]
                require_room(roots, wanted)
                stage(file, roots, wanted)
            yield _planned(places, manifest, roots, wanted)
        finally:
            if not (places.etc / JOURNAL).exists():
                for directory in [places.etc, *roots.values()]:
                    shutil.rmtree(directory / STAGING, ignore_errors=True)


def _is_wanted(member: Member, roots: Mapping[str, Path], with_database: bool) -> bool:
    return member.path.partition("/")[0] in roots and (with_database or member.path != FLEET_DUMP)


def _planned(
    places: Places, manifest: Manifest, roots: Mapping[str, Path], wanted: Sequence[Member]
) -> Restore:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    moves: list[Move] = []
    changes: list[Change] = []
    kept = {one.path for one in wanted if one.kind == "file"}
    for path in sorted(kept - {FLEET_DUMP}):
        source = staged(roots, path)
        moves.append(_move(roots, path, stamp, source))
        changes.append(Change(place(roots, path), _effect(place(roots, path), source)))
    for path in _in_the_way(roots, kept, places.machines()):
        move = _move(roots, path, stamp, None)
        if move.had_old:
            changes.append(Change(move.destination, "moved aside"))
        if move.had_old or path == _FLEET_DATABASE:
            moves.append(move)
    used = {root for root in roots for one in moves if one.had_old and _is_of(one, roots[root])}
    return Restore(
        places=places,
        manifest=manifest,
        roots=roots,
        moves=tuple(moves),
        directories=tuple(_directories(roots, wanted)),
        changes=tuple(changes),
        kept_in=tuple(_aside(roots, root, stamp) for root in roots if root in used),
        dump=staged(roots, FLEET_DUMP) if FLEET_DUMP in kept else None,
    )


def _directories(roots: Mapping[str, Path], wanted: Sequence[Member]) -> Iterator[NewDirectory]:
    for one in wanted:
        if one.kind == "directory":
            owner = user(one.owner) or 0, group(one.group) or 0
            yield NewDirectory(place(roots, one.path), one.mode, *owner)


def _in_the_way(
    roots: Mapping[str, Path], kept: Collection[str], left_out: Set[Path]
) -> Iterator[str]:
    """Members to remove although the archive does not have them: other files of a directory that is
    restored as a whole, the logs of databases, and the database that a dump replaces."""
    for whole in WHOLE:
        root, _, rest = whole.partition("/")
        if not any(path.startswith(f"{whole}/") for path in kept):
            continue
        for path in sorted((roots[root] / rest).rglob("*")):
            inner = path.relative_to(roots[root])
            own = inner.parts[0] == STAGING or inner.parts[0].startswith(ASIDE)
            if own or path.is_dir() or _is_below(path, left_out):
                continue
            if f"{root}/{inner}" not in kept:
                yield f"{root}/{inner}"
    if NODE_DATABASE in kept:
        yield from (NODE_DATABASE + suffix for suffix in _BESIDE)
    if FLEET_DUMP in kept:
        yield from (_FLEET_DATABASE + suffix for suffix in ("", *_BESIDE))


def _is_below(path: Path, directories: Set[Path]) -> bool:
    return not directories.isdisjoint([path, *path.parents])


def _move(roots: Mapping[str, Path], member: str, stamp: str, source: Path | None) -> Move:
    root, _, rest = member.partition("/")
    destination = place(roots, member)
    return Move(
        destination, _aside(roots, root, stamp) / rest, os.path.lexists(destination), source
    )


def _aside(roots: Mapping[str, Path], root: str, stamp: str) -> Path:
    return roots[root] / f"{ASIDE}{stamp}"


def _is_of(move: Move, directory: Path) -> bool:
    return move.aside.parent.is_relative_to(directory)


def _effect(path: Path, source: Path) -> str:
    """The effect on the file itself: a link is replaced also if it leads to the same content."""
    if not os.path.lexists(path):
        return "new"
    is_same = not path.is_symlink() and path.is_file()
    return "same" if is_same and filecmp.cmp(path, source, shallow=False) else "replaced"


def _prune(directory: Path) -> None:
    for old in sorted(directory.glob(f"{ASIDE}*"))[:-ASIDE_MAX]:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One restore of a host at a time. Raises `BackupError`."""
    path = directory / LOCK
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _is_taken(fd, path):
            raise BackupError(f"another restore has {path}: wait for its end")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(fd)


def _is_taken(fd: int, path: Path) -> bool:
    """Whether this process has the lock, and not a lock file that its last holder has just
    removed."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return path.exists() and os.path.samestat(path.stat(), os.fstat(fd))
