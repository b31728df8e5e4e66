"""Files of the host below an injectable root: those of the kernel, and those that
SecBeat writes."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dataplane.base.durable import sync_directory
from dataplane.base.errors import SecBeatError

FILE_BYTES_MAX = 4 << 20


class HostError(SecBeatError):
    """The host can't be configured as required; one line with thing, reason and remedy."""

    exit_code = 1


@dataclass(frozen=True)
class Host:
    """Files of the host below ``root``; absent or unreadable ones are None or empty."""

    root: Path = Path("/")

    def path(self, absolute: str) -> Path:
        """The place of an absolute path below the root."""
        return self.root / absolute.lstrip("/")

    def text(self, absolute: str) -> str | None:
        """A file's text without white space at its ends, at most 4 MiB."""
        content = self.content(absolute)
        return None if content is None else content.strip()

    def content(self, absolute: str) -> str | None:
        """A file's text as it is, at most 4 MiB."""
        try:
            with self.path(absolute).open("rb") as file:
                return file.read(FILE_BYTES_MAX).decode(errors="replace")
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
        """The last part of the target of a symbolic link."""
        try:
            return self.path(absolute).readlink().name
        except OSError:
            return None

    def link_text(self, absolute: str) -> str | None:
        """The target of a symbolic link."""
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

    def tell(self, absolute: str, text: str) -> None:
        """Write to an existing file of the kernel; HostError has its error."""
        try:
            fd = os.open(self.path(absolute), os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)
        except OSError as error:
            raise HostError(f"{absolute} refuses {text!r}: {error.strerror}") from error

    def install(self, absolute: str, content: str | bytes, mode: int = 0o644) -> None:
        """Install a file atomically and durably; its directory is created if necessary.
        HostError."""
        data = content.encode() if isinstance(content, str) else content
        path = self.path(absolute)
        unfinished = path.with_name(f".{path.name}.new")
        try:
            _make_directory(path.parent)
            unfinished.unlink(missing_ok=True)
            fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                os.fchmod(fd, mode)
                file.flush()
                os.fsync(fd)
            unfinished.replace(path)
            sync_directory(path.parent)
        except OSError as error:
            with suppress(OSError):  # a half-written file takes room that others need
                unfinished.unlink(missing_ok=True)
            raise HostError(f"{absolute} can't be written: {error.strerror}") from error

    def give(self, absolute: str, gid: int, mode: int, uid: int = 0) -> None:
        """Set the owner of a file, if it is another; HostError."""
        path = self.path(absolute)
        try:
            found = path.stat()
            if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) != (uid, gid, mode):
                os.chown(path, uid, gid)
                path.chmod(mode)
        except OSError as error:
            raise HostError(f"{absolute} can't be given away: {error.strerror}") from error

    def remove(self, absolute: str) -> None:
        """Remove a file if it is there."""
        self.path(absolute).unlink(missing_ok=True)


def _make_directory(directory: Path) -> None:
    """Create it and its parents, readable by all, independent of the umask."""
    if not directory.is_dir():
        _make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)


@dataclass(frozen=True)
class User:
    """An account's numbers and home."""

    uid: int
    gid: int
    home: str


def find_user(host: Host, name: str) -> User | None:
    """From /etc/passwd (passwd(5)); None: there is no such account."""
    for line in (host.text("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) >= 6:  # noqa: PLR2004
            return User(int(fields[2]), int(fields[3]), fields[5])
    return None


def group_of(host: Host, user: str) -> int:
    """Number of a system user's own group; HostError: no such user."""
    found = find_user(host, user)
    if found is not None:
        return found.gid
    raise HostError(
        f"user {user} does not exist; "
        f"`useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {user}`"
    )
