"""A fleet's database is copied while it is written to, and a copy becomes the database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator import changes
from api.orchestrator.app import create_app, orchestrator_of
from api.orchestrator.database.backup import InUseError, dump, restore
from api.orchestrator.settings import OrchestratorSettings
from api.storage.alone import BusyError, take_lock
from api.storage.copying import CopyError
from api.storage.opening import open_database, revision
from tests.api.orchestrator.conftest import client_of
from tests.support.clock import FakeClock
from tests.support.servers.postgres import Postgres
from tests.support.special_files import make_special

KEPT, LATER = "203.0.113.7", "203.0.113.8"


@pytest.fixture
def copy(admin: FlaskClient, fleet_url: str, tmp_path: Path) -> Path:
    """Of the fleet, which has gone on since."""
    file = tmp_path / "fleet.dump"
    ban(admin, KEPT)
    dump(fleet_url, file)
    ban(admin, LATER)
    return file


@pytest.fixture
def empty_url(fleet_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Another database of the same kind, with nothing in it."""
    if fleet_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'other' / 'fleet.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    server.execute("CREATE DATABASE given_back")
    yield server.url("given_back")
    server.drop_database(server.url("given_back"))


def ban(client: FlaskClient, address: str) -> None:
    answer = client.post("/api/v1/blacklist", json={"ip": address})
    assert answer.status_code in (201, 202), answer.json


def banned(client: FlaskClient) -> set[str]:
    answer = client.get("/api/v1/blacklist").json
    assert answer is not None
    return {each["ip"] for each in answer["blacklist"]}


def epoch(url: str) -> str:
    opened = open_database(url)
    try:
        with opened.read() as connection:
            return changes.epoch(connection)
    finally:
        opened.close()


def opened_by_its_key(url: str, settings: OrchestratorSettings, clock: FakeClock) -> set[str]:
    """What is banned there, for who has the key of the fleet that was copied."""
    key = (settings.keys / "admin.key").read_text().strip()
    app = create_app(OrchestratorSettings(database=url, keys=settings.keys), clock)
    try:
        return banned(client_of(app, key))
    finally:
        orchestrator_of(app).close()


def test_a_copy_replaces_no_device_and_no_fifo_and_follows_a_link(
    fleet_url: str, tmp_path: Path
) -> None:
    fifo, link, target = tmp_path / "fifo", tmp_path / "link", tmp_path / "target"
    make_special(fifo, "FIFO")
    with pytest.raises(CopyError, match="no regular file"):
        dump(fleet_url, fifo)
    assert fifo.is_fifo()
    link.symlink_to(target)
    dump(fleet_url, link)
    assert link.is_symlink()
    assert target.stat().st_size


def test_a_copy_in_an_empty_database_is_the_fleet_as_it_was_in_another_epoch(
    copy: Path,
    fleet_url: str,
    empty_url: str,
    fleet_settings: OrchestratorSettings,
    clock: FakeClock,
) -> None:
    assert copy.stat().st_mode & 0o777 == 0o600
    restore(empty_url, copy)
    assert revision(empty_url) == revision(fleet_url)
    assert epoch(empty_url) != epoch(fleet_url)
    assert opened_by_its_key(empty_url, fleet_settings, clock) == {KEPT}


def test_a_database_that_an_orchestrator_has_only_made_is_replaced(
    copy: Path, empty_url: str, fleet_settings: OrchestratorSettings, clock: FakeClock
) -> None:
    keys = fleet_settings.keys.parent / "other-keys"
    made = create_app(OrchestratorSettings(database=empty_url, keys=keys), clock)
    orchestrator_of(made).close()
    restore(empty_url, copy)
    assert opened_by_its_key(empty_url, fleet_settings, clock) == {KEPT}


def test_nothing_is_written_into_a_database_that_is_in_use(
    copy: Path, fleet: Flask, admin: FlaskClient, fleet_url: str
) -> None:
    if fleet_url.startswith("postgresql"):
        with pytest.raises(InUseError, match="2 changes"):
            restore(fleet_url, copy)
    else:
        lock = take_lock(Path(fleet_url.removeprefix("sqlite:///")))
        with pytest.raises(BusyError, match=r"fleet\.db"):
            restore(fleet_url, copy)
        os.close(lock)
    assert banned(admin) == {KEPT, LATER}


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_copy_that_is_cut_off_changes_nothing(copy: Path, empty_url: str, share: float) -> None:
    content = copy.read_bytes()
    copy.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CopyError, match=r"fleet\.dump"):
        restore(empty_url, copy)
    assert revision(empty_url) is None


def test_what_is_no_copy_is_named(empty_url: str, tmp_path: Path) -> None:
    file = tmp_path / "other.dump"
    with pytest.raises(CopyError, match="No such file"):
        restore(empty_url, file)
    file.write_bytes(b"of something else")
    with pytest.raises(CopyError, match="no copy of a database in"):
        restore(empty_url, file)


def test_a_copy_replaces_the_one_before_or_leaves_it(
    copy: Path, fleet_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = copy.read_bytes()
    dump(fleet_url, copy)
    assert copy.read_bytes() != before
    kept, gone = copy.read_bytes(), f"sqlite:///{tmp_path / 'gone.db'}"
    if fleet_url.startswith("postgresql"):
        gone = fleet_url
        monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CopyError, match=r"pg_dump is missing|gone\.db"):
        dump(gone, copy)
    assert copy.read_bytes() == kept
    assert not list(tmp_path.glob(".*unfinished"))
