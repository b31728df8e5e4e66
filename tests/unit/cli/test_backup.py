"""``secbeat backup``: who may run it, and what it asks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.backup.create import create
from appliance.cli.main import main
from tests.unit.backup.conftest import Host

Secbeat = Callable[..., tuple[int, str, str]]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "host")
    made.make()
    return made


@pytest.fixture
def secbeat(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Secbeat:
    """Runs the command as if root did; returns its exit code, stdout and stderr."""
    before = os.umask(0o022)
    os.umask(before)

    def run(*words: str | Path, uid: int = 0) -> tuple[int, str, str]:
        monkeypatch.setattr(os, "geteuid", lambda: uid)
        with pytest.raises(SystemExit) as ended:
            main(["backup", *map(str, words)])
        os.umask(before)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.mark.parametrize("words", [("create", "x"), ("restore", "x", "--yes")])
def test_only_root_may(secbeat: Secbeat, words: tuple[str, ...]):
    code, _, errors = secbeat(*words, uid=1000)
    assert code == 77
    assert "run it with sudo" in errors


def test_anyone_who_can_read_it_may_check_an_archive(host: Host, tmp_path: Path, secbeat: Secbeat):
    file = tmp_path / "a.tar.gz"
    create(host.places, file)
    code, said, _ = secbeat("restore", "--check", file, "--json", uid=1000)
    assert code == 0
    assert json.loads(said)["files"] == 7
    file.write_bytes(file.read_bytes()[:200])
    code, _, errors = secbeat("restore", "--check", file, uid=1000)
    assert code == 65
    assert "damaged or cut off" in errors


def test_a_restore_asks_or_is_confirmed(host: Host, tmp_path: Path, secbeat: Secbeat):
    file, config = tmp_path / "a.tar.gz", host.etc / "secbeat.toml"
    code, said, _ = secbeat("create", file, "--config", config, "--json")
    assert code == 0
    assert json.loads(said)["file"] == str(file)
    _, _, errors = secbeat("create", file, "--force", "--config", config)
    assert "every secret" in errors
    host.set_bans(2)
    code, _, errors = secbeat("restore", file, "--config", config)
    assert code == 2
    assert "--yes" in errors
    assert host.bans() == 2
    code, said, errors = secbeat("restore", file, "--config", config, "--yes")
    assert code == 0, errors
    assert said.startswith("restored: ")
    assert host.bans() == 1
    aside = next(host.state.glob("before-restore-*"))
    assert aside.stat().st_mode & 0o777 == 0o700
