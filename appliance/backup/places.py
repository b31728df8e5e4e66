"""The files that belong to the backup of a host, and their places: an archive names files by their
root.

A member of an archive is ``ROOT/PATH``. The roots are `ETC` and so on; their directories follow
from the configuration files, so an archive can write only below the directories of SecBeat.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from appliance.backup import machines
from appliance.config.load import load_config
from appliance.config.orchestrator import load_orchestrator
from appliance.defaults import CONFIG_FILE, ORCHESTRATOR_FILE

ETC, CREDENTIALS, NODE = "etc", "credentials", "node"
ORCHESTRATOR, PROVISIONER = "orchestrator", "provisioner"
ROOTS = (ETC, CREDENTIALS, NODE, ORCHESTRATOR, PROVISIONER)
NODE_DATABASE, EVENTS_DATABASE = f"{NODE}/api/node.db", f"{NODE}/agent/events.db"
FLEET_DUMP = f"{ORCHESTRATOR}/fleet.dump"
STAGING, ASIDE = ".secbeat-restore", "before-restore-"
JOURNAL, LOCK = f"{STAGING}.json", f"{STAGING}.lock"
"""Names of the files that a restore keeps beside the replaced files; left out of a backup."""
FILES_MAX = 20_000

_NODE = ("node-id", "keys", "agent", "api/node.db", "countries/countries.db")
_FLEET = ("keys", "webhooks.secret")
WHOLE = (f"{NODE}/keys", f"{NODE}/agent", f"{ORCHESTRATOR}/keys", PROVISIONER)
"""Directories in which a restore removes all files that the archive does not have. It leaves
virtual machines (`Places.machines`) alone."""
_COPIES = (".db.corrupt-", ".db.before-", ".db.rolled-back")
"""Of databases: a damaged one, the one before a migration, and the one that a rollback replaced."""
_BESIDE_A_DATABASE = ("-wal", "-shm", ".lock")


@dataclass(frozen=True)
class Places:
    """The places of the files of a host that are backed up."""

    etc: Path = CONFIG_FILE.parent
    node_file: str = CONFIG_FILE.name
    only_node_file: bool = False
    """Another node's configuration (``--config``) is backed up: other files of its directory and of
    this host do not belong to that node."""
    credentials: Path = Path("/etc/credstore")
    provisioner: Path = Path("/var/lib/secbeat-provisioner")
    has_units: bool = True
    """The processes are this host's systemd units."""

    @classmethod
    def of(cls, config: Path) -> Places:
        """The host's own for the default file; else those of the node with this configuration."""
        if config == CONFIG_FILE:
            return cls()
        config = config.absolute()
        return cls(config.parent, config.name, only_node_file=True, has_units=False)

    @property
    def fleet_file(self) -> str:
        """Name of the orchestrator's configuration file."""
        return ORCHESTRATOR_FILE.name

    def roots(self, etc: Mapping[str, Path] | None = None) -> dict[str, Path]:
        """The directory of each root that this host has.

        Args:
            etc: configuration files by name, used instead of those in ``etc``.

        Raises `ConfigurationError`: a configuration file can't be read.
        """
        files = etc if etc is not None else self._config_files()
        found = {ETC: self.etc}
        if self.node_file in files:
            found[NODE] = load_config(files[self.node_file]).node.state_dir
        if self.only_node_file:
            return found
        found |= {CREDENTIALS: self.credentials, PROVISIONER: self.provisioner}
        if self.fleet_file in files:
            found[ORCHESTRATOR] = load_orchestrator(files[self.fleet_file]).state_dir
        return found

    def machines(self) -> frozenset[Path]:
        """The directories of virtual machines, which no backup contains and no restore changes."""
        return machines.directories(self.etc, self.provisioner)

    def _config_files(self) -> dict[str, Path]:
        names = [self.node_file] if self.only_node_file else [self.node_file, self.fleet_file]
        return {name: self.etc / name for name in names if (self.etc / name).is_file()}


def members(places: Places, roots: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """The files of a host that a backup contains, as ``(member, path)``.

    Each directory comes before its content. The fleet's database is not among them: it is copied in
    another way.
    """
    left_out = places.machines()
    for root, parts in _parts(places, roots).items():
        directory = roots[root]
        if not directory.is_dir():
            continue
        yield root, directory
        if directory in left_out:
            continue
        for part in parts:
            path = directory / part
            if path.exists():
                for above in reversed(Path(part).parents[:-1]):
                    yield f"{root}/{above}", directory / above
                yield from _walk(f"{root}/{part}", path, left_out)


def _parts(places: Places, roots: Mapping[str, Path]) -> dict[str, list[str]]:
    """The files and directories of each root that are backed up."""
    found = {
        ETC: [places.node_file] if places.only_node_file else _names(places.etc),
        CREDENTIALS: [name for name in _names(places.credentials) if name.startswith("secbeat.")],
        NODE: list(_NODE),
        ORCHESTRATOR: list(_FLEET),
        PROVISIONER: _names(places.provisioner),
    }
    return {root: parts for root, parts in found.items() if root in roots}


def _names(directory: Path) -> list[str]:
    try:
        return sorted(one.name for one in directory.iterdir() if not _is_left_out(one.name))
    except FileNotFoundError:
        return []


def _walk(member: str, path: Path, left_out: Set[Path]) -> Iterator[tuple[str, Path]]:
    """Regular files and directories; of a link, the file that it names."""
    if path in left_out or (path.is_symlink() and path.is_dir()):
        return
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:  # removed meanwhile, or a dangling link
        return
    if stat.S_ISREG(mode):
        yield member, path
    elif stat.S_ISDIR(mode):
        yield member, path
        for name in _names(path):
            yield from _walk(f"{member}/{name}", path / name, left_out)


def _is_left_out(name: str) -> bool:
    return (
        name.startswith((STAGING, ASIDE))
        or any(name.endswith(f".db{end}") for end in _BESIDE_A_DATABASE)
        or any(kind in name for kind in _COPIES)
    )
