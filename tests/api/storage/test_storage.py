"""Storage that fails at one place of the API; a disk that is really full: `test_full_disk`."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from api.access.keys import service as keys
from api.access.receipts import Receipts
from api.common.disk import DiskError
from api.management.duties import COMPACT_AGAIN_S
from api.management.lists.importing.stage import Stage
from api.management.revisions.publisher import Publisher
from api.management.settings import ApiSettings
from api.storage.sqlite import Database
from api.storage.sqlite.upgrade import back_up
from dataplane.base.networks import Network
from dataplane.shared.stats import RejectedEntry
from tests.support.clock import FakeClock

from ..conftest import Api, FakeDataplane


def failing(api: Api) -> Any:
    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise DiskError(api.settings.database.parent, errno.ENOSPC)

    return fail


def test_a_write_that_fails_closes_the_gate_until_the_next_turn(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Database, "transaction", failing(api))
        assert api.ban("192.0.2.1").status_code == 503
    answer = api.ban("192.0.2.1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.content_type == "application/problem+json"
    assert api.post("/blacklist", {"ip": "no address"}).status_code == 503, "before the body"
    unknown = api.post("/blacklist", {"ip": "192.0.2.1"}, key="x" * 32)
    assert unknown.status_code == 401, "after the key"
    api.node.housekeeper.turn()
    assert api.ban("192.0.2.1").status_code == 201


def test_rejections_that_cannot_be_stored_hinder_no_look_at_a_list(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ban("192.0.2.1")
    api.plane.rejected = [
        RejectedEntry(1, "the table is full", "blacklist", Network.parse("192.0.2.1"))
    ]
    with monkeypatch.context() as patch:
        patch.setattr(Database, "transaction", failing(api))
        assert api.get("/blacklist").status_code == 200
    assert api.get("/blacklist/192.0.2.1").json["state"] == "rejected"


def test_a_receipt_that_cannot_be_completed_takes_nothing_back(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Idempotency-Key": "one"}
    store, calls = Receipts._store, []

    def once(self: Receipts, *arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) > 1:
            failing(api)()
        store(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Receipts, "_store", once)
        made = api.post("/blacklist", {"ip": "192.0.2.1"}, headers=headers)
        assert (made.status_code, len(calls)) == (201, 2)
    again = api.post("/blacklist", {"ip": "192.0.2.1"}, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert api.get("/status").json["revision"]["committed"] == 1


def test_rows_that_an_import_had_to_leave_do_not_hinder_the_next(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "commit", failing(api))
        patch.setattr(Stage, "remove", failing(api))
        assert api.bring("192.0.2.1\n192.0.2.2\n").status_code == 503
    api.node.housekeeper.turn()
    assert api.get("/blacklist").json["total"] == 0
    answer = api.bring("192.0.2.1\n192.0.2.2\n")
    assert (answer.status_code, answer.json["added"]) == (201, 2)


def test_scratch_that_cannot_be_written_refuses_imports_and_nothing_else(api: Api) -> None:
    scratch = api.settings.database.parent / "scratch"
    shutil.rmtree(scratch)
    answer = api.bring("192.0.2.1\n")
    assert answer.status_code == 503
    assert answer.json["errors"][0]["value"] == str(scratch)
    assert api.ban("192.0.2.1").status_code == 201
    assert api.get("/health/ready").status_code == 200


def test_after_a_reboot_onto_such_a_disk_only_the_lists_wait(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ban("192.0.2.1", duration_seconds=60)
    api.close()
    api.clock.reboot()
    with monkeypatch.context() as patch:
        patch.setattr(Database, "transaction", failing(api))
        again = api.restart()
    try:
        for path in ("/blacklist", "/allowlist", "/blacklist/192.0.2.1"):
            assert again.get(path).status_code == 503
        for path in ("/status", "/policy", "/audit", "/keys", "/revisions/1"):
            assert again.get(path).status_code == 200
        assert again.get("/status").json["reasons"] == ["storage"]
        again.node.storage._due_s = 0.0
        again.node.housekeeper.turn()
        assert again.get("/blacklist").json["total"] == 1
    finally:
        again.close()


def test_a_compaction_that_finds_no_room_is_not_tried_at_every_turn(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def compact(_publisher: Publisher) -> None:
        tries.append(True)
        raise DiskError(api.settings.state_log, errno.ENOSPC)

    monkeypatch.setattr(Publisher, "compact", compact)
    for _ in range(5):
        api.node.housekeeper.turn()
        assert api.get("/health/ready").status_code == 200, "there is room for a change"
    assert len(tries) == 1
    assert COMPACT_AGAIN_S > 60


def full_disk(_fd: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_key_file_that_does_not_fit_leaves_nothing_half_written(
    settings: ApiSettings, plane: FakeDataplane, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys are made as soon as there is room."""

    def refuse(path: Path) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full_disk)
            return write(path)

    write = keys.write_key_file
    with monkeypatch.context() as patch:
        patch.setattr(keys, "write_key_file", refuse)
        api = Api(settings, plane, clock)
    try:
        assert list(settings.keys.iterdir()) == []
        refused = api.get("/health/ready")
        assert refused.json["errors"][0]["value"] == str(settings.keys)
        api.node.storage._due_s = 0.0
        api.node.housekeeper.turn()
        assert [path.name for path in settings.keys.iterdir()] == ["admin.key"]
        assert settings.agent_key.exists()
        assert api.get("/health/ready").status_code == 200
    finally:
        api.close()


def test_a_backup_that_does_not_fit_leaves_nothing(
    settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path, _mode: int) -> None:
        full_disk(0)

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(OSError, match="No space left"):
        back_up(settings.database, "0001")
    assert list(settings.database.parent.glob("*.before-*")) == []
