"""Errors of a backup or a restore."""

from __future__ import annotations

from dataplane.base.errors import SecBeatError


class BackupError(SecBeatError):
    """A backup can't be made, or can't be restored on this host."""

    exit_code = 1


class ArchiveError(BackupError):
    """A file is no whole, unaltered archive of this program (EX_DATAERR)."""

    exit_code = 65


class NotRootError(BackupError):
    """Only root may read and replace what a backup contains (EX_NOPERM)."""

    exit_code = 77
