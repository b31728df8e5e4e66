"""A backup contains what can't be made again, as it is at one moment, for root alone."""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from api.storage.sqlite import copying
from appliance.backup import archive
from appliance.backup import create as creating
from appliance.backup.create import create
from appliance.backup.errors import BackupError
from appliance.backup.places import JOURNAL, Places
from tests.support.special_files import KINDS, is_kind, make_special
from tests.unit.backup.conftest import Host


def files(file: Path) -> set[str]:
    with tarfile.open(file) as opened:
        return {one.name for one in opened if one.isfile()}


def test_it_contains_what_cannot_be_made_again(host: Host, file: Path):
    host.write("etc/before-restore-20260101T000000Z/secbeat.toml", "of an earlier restore")
    host.write("state/agent/events.db.lock", "")
    host.write("state/agent/events.db.before-2.0004", "of the release before")
    host.write("state/agent/events.db.rolled-back-wal", "of a release that failed")
    create(host.places, file)
    assert files(file) == {
        "manifest.json",
        "etc/secbeat.toml",
        "etc/tls/tls.key",
        "credentials/secbeat.syn-cookie-secret",
        "node/node-id",
        "node/keys/admin.key",
        "node/agent/agent.key",
        "node/api/node.db",
    }
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_database_is_copied_while_others_write(host: Host, file: Path, tmp_path: Path):
    with closing(sqlite3.connect(host.state / "api" / "node.db")) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO bans VALUES (17)")
        writer.commit()
        writer.execute("INSERT INTO bans VALUES (18)")  # not committed
        create(host.places, file)
    with tarfile.open(file) as opened:
        stream = opened.extractfile("node/api/node.db")
        assert stream is not None
        (tmp_path / "copy.db").write_bytes(stream.read())
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT max(number) FROM bans").fetchone() == (17,)


def test_a_file_that_is_removed_meanwhile_is_left_out(
    host: Host, file: Path, monkeypatch: pytest.MonkeyPatch
):
    path, real = host.write("state/keys/later.key", "x"), creating.require_inside

    def removing(member: str) -> None:
        if member == "node/keys/later.key":
            path.unlink()
        real(member)

    monkeypatch.setattr(creating, "require_inside", removing)
    create(host.places, file)
    assert not path.exists()
    assert "node/keys/admin.key" in files(file)
    assert "node/keys/later.key" not in files(file)
    archive.check(file)


def test_a_database_that_is_removed_meanwhile_is_left_out(
    host: Host, file: Path, monkeypatch: pytest.MonkeyPatch
):
    database, real = host.state / "api" / "node.db", copying.dump

    def removing(path: Path, copy: Path) -> None:
        database.unlink()
        real(path, copy)

    monkeypatch.setattr(copying, "dump", removing)
    create(host.places, file)
    assert not database.exists()
    assert "node/api/node.db" not in files(file)
    archive.check(file)


def test_a_file_that_exists_is_replaced_only_if_asked(host: Host, file: Path):
    file.write_text("an older backup")
    with pytest.raises(BackupError, match=r"exists.*--force"):
        create(host.places, file)
    assert file.read_text() == "an older backup"
    create(host.places, file, replace=True)
    assert "manifest.json" in files(file)


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_or_fifo_is_not_replaced(kind: str, host: Host, file: Path):
    make_special(file, kind)
    with pytest.raises(BackupError, match="no regular file"):
        create(host.places, file, replace=True)
    assert is_kind(file, kind)


def test_a_link_to_an_older_backup_stays_a_link(host: Host, file: Path):
    link = file.with_name("newest.tar.gz")
    file.write_text("an older backup")
    link.symlink_to(file)
    create(host.places, link, replace=True)
    assert link.readlink() == file
    assert "manifest.json" in files(file)


def test_a_name_that_no_restore_takes_ends_it_and_leaves_nothing(host: Host, file: Path):
    host.write("state/keys/name\nwith a line break", "x")
    before = sorted(file.parent.iterdir())
    with pytest.raises(BackupError, match="name"):
        create(host.places, file)
    assert sorted(file.parent.iterdir()) == before


def test_a_certificate_behind_a_link_is_in_it(host: Host, file: Path, tmp_path: Path):
    target = tmp_path / "elsewhere.pem"
    target.write_text("certificate")
    (host.etc / "tls" / "tls.crt").symlink_to(target)
    (host.etc / "tls" / "dangling").symlink_to(tmp_path / "missing")
    create(host.places, file)
    with tarfile.open(file) as opened:
        stream = opened.extractfile("etc/tls/tls.crt")
        assert stream is not None
        assert stream.read() == b"certificate"
    assert "etc/tls/dangling" not in files(file)


def test_of_another_configuration_only_that_node_is_in_it(host: Host, file: Path):
    create(Places.of(host.etc / "secbeat.toml"), file)
    found = files(file)
    assert {"etc/secbeat.toml", "node/api/node.db"} <= found
    assert not any(name.startswith(("credentials/", "etc/tls")) for name in found)


def test_an_empty_host_has_nothing_to_back_up(host: Host, file: Path):
    host.lose()
    with pytest.raises(BackupError, match="nothing to back up"):
        create(host.places, file)
    assert not file.exists()


def test_a_host_whose_restore_was_interrupted_is_restored_first(host: Host, file: Path):
    (host.etc / JOURNAL).write_text("{}")
    with pytest.raises(BackupError, match="interrupted"):
        create(host.places, file)
