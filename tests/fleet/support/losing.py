"""A host is backed up by ``backup.yml``, lost, and restored by ``site.yml`` and ``restore.yml``."""

from __future__ import annotations

from pathlib import Path

from tests.fleet.support.playbook import play_well
from tests.fleet.support.run import Run


def backed_up(run: Run, name: str, folder: Path) -> None:
    """Its archive is in the folder, for its user alone."""
    play_well(run, "backup.yml", "-e", f"secbeat_backup_folder={folder}", "--limit", name)
    assert (folder / f"{name}.tar.gz").stat().st_mode & 0o777 == 0o600


def given_back(run: Run, name: str, folder: Path) -> None:
    """To a host that has taken the place of the one that was lost."""
    run.lose(name)
    play_well(run, "site.yml", "--limit", name)
    restored(run, name, folder)


def restored(run: Run, name: str, folder: Path) -> None:
    """From the archive in the folder."""
    play_well(run, "restore.yml", "-e", f"secbeat_backup_folder={folder}", "--limit", name)
