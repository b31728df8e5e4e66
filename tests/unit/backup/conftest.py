"""A host with the files of a node, in a directory of the test's."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance.backup.places import Places

CONFIG = """\
[node]
state_dir = "{state}"
[ports.outside]
device = "0000:01:00.0"
[ports.inside]
device = "0000:01:00.1"
"""


class Host:
    """Its directories, and what is in them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.etc, self.state = directory / "etc", directory / "state"
        self.credentials, self.provisioner = directory / "credentials", directory / "provisioner"
        self.places = Places(
            etc=self.etc,
            credentials=self.credentials,
            provisioner=self.provisioner,
            has_units=False,
        )

    def make(self) -> None:
        """As it is when a backup is made."""
        self.write("etc/secbeat.toml", CONFIG.format(state=self.state))
        self.write("etc/tls/tls.key", "private", 0o600)
        self.write("credentials/secbeat.syn-cookie-secret", "cookies", 0o600)
        self.write("credentials/of-another-service", "not ours")
        self.write("state/node-id", "0d6f9e7a-8f0c-4b7a-9a53-6f6f4b1f2a11")
        self.write("state/keys/admin.key", "admin", 0o600)
        self.write("state/agent/agent.key", "agent", 0o600)
        self.write("state/state/00000001.log", "made again from the database")
        self.write("state/rules/compiled", "compiled again")
        (self.state / "keys").chmod(0o700)
        self.set_bans(1)

    def lose(self) -> None:
        """Everything, as a disk that broke."""
        shutil.rmtree(self.directory)
        self.directory.mkdir()

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def set_bans(self, count: int) -> None:
        """In the database."""
        database = self.state / "api" / "node.db"
        database.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS bans (number INTEGER)")
            connection.execute("DELETE FROM bans")
            connection.executemany("INSERT INTO bans VALUES (?)", [(n,) for n in range(count)])
            connection.commit()

    def bans(self) -> int:
        with closing(sqlite3.connect(self.state / "api" / "node.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM bans").fetchone()[0])

    def content(self) -> dict[str, bytes]:
        """Every file by its path, without those that a restore has put aside."""
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file() and "before-restore-" not in str(path)
        }


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "host")
    made.make()
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the test's archive goes."""
    return tmp_path / "backup.tar.gz"
