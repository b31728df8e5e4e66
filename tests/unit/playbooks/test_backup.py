"""``backup.yml``: databases are packed while others write to them, and all of it comes back."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path

FILES = Path(__file__).parents[3] / "playbooks" / "roles" / "backup" / "files"


def shell(script: str, archive: Path, *paths: Path) -> str:
    return subprocess.run(
        ["sh", FILES / script, archive],
        input="\n".join(map(str, paths)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.strip()


def values(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT value FROM kept ORDER BY value")]


def test_what_was_packed_comes_back_and_nothing_of_the_time_after(tmp_path: Path) -> None:
    host, archive = tmp_path / "host", tmp_path / "archive"
    keys, database = host / "keys", host / "api" / "node.db"
    keys.mkdir(parents=True, mode=0o700)
    database.parent.mkdir()
    (keys / "admin.key").write_text("secret")
    (keys / "admin.key").chmod(0o600)
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE kept (value INTEGER)")
        writer.execute("INSERT INTO kept VALUES (1)")
        writer.commit()
        assert database.with_name("node.db-wal").stat().st_size > 0
        digest = shell("pack.sh", archive, keys, database, host / "missing")
        writer.execute("INSERT INTO kept VALUES (2)")
        writer.commit()

    assert digest == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as packed:
        names = {f"/{each.name}" for each in packed if each.isfile()}
    assert names == {str(keys / "admin.key"), str(database)}

    database.with_name("node.db-wal").write_text("of another database")
    shutil.rmtree(keys)
    shell("unpack.sh", archive)
    with closing(sqlite3.connect(database)) as reader:
        assert values(reader) == [1]
    assert (keys / "admin.key").read_text() == "secret"
    assert keys.stat().st_mode & 0o777 == 0o700
    assert (keys / "admin.key").stat().st_mode & 0o777 == 0o600
