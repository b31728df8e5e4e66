"""The last member of an archive: the program that made it, and every file with size and SHA-256."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.history.upgrade import HEAD as EVENTS_HEAD
from api.management.database.upgrade import HEAD as NODE_HEAD
from api.orchestrator.database.upgrade import HEAD as FLEET_HEAD
from appliance.backup.errors import ArchiveError, BackupError
from appliance.backup.places import (
    EVENTS_DATABASE,
    FILES_MAX,
    FLEET_DUMP,
    NODE_DATABASE,
    ROOTS,
)
from dataplane.base.version import version

NAME = "manifest.json"
FORMAT = 1
BYTES_MAX = 16 << 20
PATH_LENGTH_MAX = 1024
SCHEMAS = {NODE_DATABASE: NODE_HEAD, EVENTS_DATABASE: EVENTS_HEAD, FLEET_DUMP: FLEET_HEAD}
"""The newest schema of each database that this program supports."""

Account = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,31}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Member(_Model):
    """A directory or a file; for a file, size in bytes and SHA-256 in hexadecimal digits."""

    path: Annotated[str, Field(max_length=PATH_LENGTH_MAX)]
    kind: Literal["file", "directory"]
    mode: Annotated[int, Field(ge=0, le=0o7777)]
    owner: Account
    group: Account
    size: Annotated[int, Field(ge=0)] = 0
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""


class Manifest(_Model):
    """The content of an archive, and the program that made it."""

    format: int
    version: str
    created: str
    """UTC, as 2026-11-30T10:15:00Z."""
    host: str
    schemas: Mapping[str, str]
    """Revision of the schema of each database, by member."""
    members: Annotated[list[Member], Field(max_length=FILES_MAX)]

    @property
    def files(self) -> list[Member]:
        """The files, without the directories."""
        return [one for one in self.members if one.kind == "file"]


def parse(content: bytes) -> Manifest:
    """Raises `ArchiveError`."""
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or NAME
        raise ArchiveError(f"{NAME} is not valid: {where}: {first['msg']}") from None
    for member in manifest.members:
        require_inside(member.path)
    return manifest


def require_inside(path: str) -> None:
    """Raise `ArchiveError` unless the path is below a root of `places`."""
    pure = PurePosixPath(path)
    parts = pure.parts
    sound = (
        parts[:1] and parts[0] in ROOTS and ".." not in parts and str(pure) == path
    ) and path.isprintable()
    if not sound or len(path) > PATH_LENGTH_MAX:
        raise ArchiveError(
            f"{path[:PATH_LENGTH_MAX]!r} is no path of a backup: it must be printable, without "
            f"'..', at most {PATH_LENGTH_MAX} characters, and below one of {', '.join(ROOTS)}"
        )


def require_known(manifest: Manifest) -> None:
    """Raise `BackupError` if a newer program made the archive, or has migrated its databases."""
    own = version()
    if manifest.format > FORMAT or _order(manifest.version) > _order(own):
        raise BackupError(
            f"the backup is of SecBeat {manifest.version} (format {manifest.format}), this is "
            f"{own} (format {FORMAT}): install {manifest.version} or newer, then restore"
        )
    for path, revision in manifest.schemas.items():
        head = SCHEMAS.get(path)
        if head is None or revision > head:
            raise BackupError(
                f"{path} in the backup has schema {revision}, this program knows schemas up to "
                f"{head}: install SecBeat {manifest.version} or newer, then restore"
            )


def _order(text: str) -> tuple[int, ...]:
    """The leading numbers of a version; empty for an unknown version."""
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
