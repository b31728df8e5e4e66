"""The options and folders of a build."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SECURITY_MIRROR = "http://deb.debian.org/debian-security"
TREE = Path(__file__).resolve().parents[2]


def default_cache() -> Path:
    """``$XDG_CACHE_HOME/secbeat``, else ``/var/cache/secbeat``: the build runs as root."""
    home = os.environ.get("XDG_CACHE_HOME")
    return Path(home) / "secbeat" if home else Path("/var/cache/secbeat")


@dataclass(frozen=True)
class Options:
    """The options of a build; all except ``cache`` and ``refresh`` go into the manifest."""

    cache: Path
    accelerator: str
    """``auto``, ``kvm`` or ``tcg``."""
    metal: bool
    refresh: bool
    mirror: str
    security_mirror: str
    memory_mib: int
    cpus: int


@dataclass(frozen=True)
class Layout:
    """Folders: the source tree, the cache, the work folder, the output."""

    tree: Path
    cache: Path

    @property
    def work(self) -> Path:
        """The folder that is emptied before and after each build."""
        return self.cache / "work"

    @property
    def output(self) -> Path:
        """The folder of the results."""
        return self.tree / "build" / "image"

    @property
    def logs(self) -> Path:
        """The commands' log and the serial console of the last build."""
        return self.output / "log"
