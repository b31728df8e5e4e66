"""An orchestrator's backup contains the fleet's database, copied by ``secbeat fleet database``."""

from __future__ import annotations

import getpass
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.orchestrator.database.upgrade import HEAD, migrate
from appliance.backup.create import create
from appliance.backup.errors import BackupError
from appliance.backup.places import FLEET_DUMP, Places
from appliance.backup.restore import prepare
from appliance.commands import run


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """Of an orchestrator whose user runs the test."""
    monkeypatch.delenv("ORCHESTRATOR_DATABASE_URL", raising=False)
    state = tmp_path / "state"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "orchestrator.toml").write_text(
        f'state_dir = "{state}"\nuser = "{getpass.getuser()}"\n'
    )
    (state / "keys").mkdir(parents=True)
    (state / "keys" / "admin.key").write_text("admin")
    migrate(f"sqlite:///{state / 'fleet.db'}")
    return Places(
        etc=tmp_path / "etc",
        credentials=tmp_path / "credentials",
        provisioner=tmp_path / "provisioner",
        has_units=False,
    )


def database(places: Places) -> Path:
    return places.etc.parent / "state" / "fleet.db"


def identity(places: Places) -> str:
    with closing(sqlite3.connect(database(places))) as connection:
        query = "SELECT value FROM meta WHERE name = 'database_id'"
        return str(connection.execute(query).fetchone()[0])


def test_a_lost_orchestrator_has_its_keys_and_its_database_in_a_new_epoch(
    places: Places, file: Path
):
    manifest = create(places, file)
    assert manifest.schemas == {FLEET_DUMP: HEAD}
    before = identity(places)
    shutil.rmtree(database(places).parent)
    with prepare(places, file) as prepared:
        prepared.carry_out(run)
    assert (database(places).parent / "keys" / "admin.key").read_text() == "admin"
    assert identity(places) != before
    assert {path.name for path in database(places).parent.iterdir()} == {
        *("fleet.db", "fleet.db.lock", "keys")
    }


def test_without_the_database_it_is_neither_packed_nor_restored(places: Places, file: Path):
    manifest = create(places, file, with_database=False)
    assert FLEET_DUMP not in {one.path for one in manifest.members}
    create(places, file, replace=True)
    before = identity(places)
    with prepare(places, file, with_database=False) as prepared:
        prepared.carry_out(run)
    assert identity(places) == before


def test_a_database_that_cannot_be_restored_leaves_everything_as_it_was(
    places: Places, file: Path, monkeypatch: pytest.MonkeyPatch
):
    create(places, file)
    key = database(places).parent / "keys" / "admin.key"
    key.write_text("of now")
    before = identity(places)
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "postgresql://u@127.0.0.1:1/none")
    with prepare(places, file) as prepared, pytest.raises(BackupError, match="fleet's database"):
        prepared.carry_out(run)
    assert key.read_text() == "of now"
    assert identity(places) == before
