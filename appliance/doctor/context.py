"""What a check gets (the host, the configuration) and what it gives (findings)."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from appliance.config import NodeConfig
from dataplane import library

FILE_BYTES_MAX = 4 << 20


class Status(StrEnum):
    """How bad a finding is; ``fail`` keeps a node from running as configured."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the report: what is, why it matters, and the command that mends it."""

    check: str
    status: Status
    what: str
    why: str = ""
    command: str | None = None


@dataclass(frozen=True)
class Host:
    """Files of the host below ``root``; what is absent or unreadable is None or empty."""

    root: Path = Path("/")

    def path(self, absolute: str) -> Path:
        """The place of an absolute path below the root."""
        return self.root / absolute.lstrip("/")

    def text(self, absolute: str) -> str | None:
        """A file's text without white space at its ends, at most 4 MiB."""
        try:
            with self.path(absolute).open("rb") as file:
                return file.read(FILE_BYTES_MAX).decode(errors="replace").strip()
        except OSError:
            return None

    def number(self, absolute: str) -> int | None:
        """A file's whole number, decimal or ``0x``."""
        try:
            return int(self.text(absolute) or "", 0)
        except ValueError:
            return None

    def names(self, absolute: str) -> list[str]:
        """Names in a directory, sorted."""
        try:
            return sorted(path.name for path in self.path(absolute).iterdir())
        except OSError:
            return []

    def link_name(self, absolute: str) -> str | None:
        """Last part of what a symbolic link points to."""
        try:
            return self.path(absolute).readlink().name
        except OSError:
            return None

    def link_text(self, absolute: str) -> str | None:
        """What a symbolic link says."""
        try:
            return str(self.path(absolute).readlink())
        except OSError:
            return None

    def exists(self, absolute: str) -> bool:
        """Whether there is such a file or directory."""
        return self.path(absolute).exists()

    def glob(self, pattern: str) -> list[Path]:
        """Files whose absolute path matches, sorted."""
        return sorted(self.root.glob(pattern.lstrip("/")))


def installed_version(package: str) -> str | None:
    """Version of an installed Python package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True)
class Context:
    """Everything a check may look at; the callables are what isn't a file."""

    host: Host = field(default_factory=Host)
    config: NodeConfig | None = None
    kernel_release: Callable[[], str] = platform.release
    load_library: Callable[[], object] = library.load
    installed_version: Callable[[str], str | None] = installed_version
