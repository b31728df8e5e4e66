"""Files that are put into place whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from appliance.host.files import Host, HostError


def test_a_file_that_does_not_fit_leaves_the_old_one_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path)
    host.install("/etc/secbeat/file", "old")

    def refuse(_fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(HostError, match="/etc/secbeat/file can't be written: No space left"):
        host.install("/etc/secbeat/file", "new")
    assert [path.name for path in (tmp_path / "etc/secbeat").iterdir()] == ["file"]
    assert host.content("/etc/secbeat/file") == "old"
