"""Background work: each duty when it is due, and none of them ends the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.common.disk import DiskError
from api.storage.housekeeping import Housekeeper
from api.storage.trouble import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage([tmp_path], lambda: None)
    made.turn()
    return made


def test_a_duty_that_fails_does_not_keep_the_next_from_being_done(storage: Storage) -> None:
    done: list[str] = []

    def fail() -> None:
        done.append("fails")
        raise ValueError("on purpose")

    housekeeper = Housekeeper(storage)
    housekeeper.register("fails", fail, every_s=0)
    housekeeper.register("works", lambda: done.append("works"), every_s=0)
    housekeeper.turn()
    housekeeper.turn()
    assert done == ["fails", "works"] * 2


def test_a_duty_is_done_at_once_and_then_when_it_is_due(storage: Storage) -> None:
    done: list[str] = []
    housekeeper = Housekeeper(storage)
    housekeeper.register("often", lambda: done.append("often"), every_s=0)
    housekeeper.register("seldom", lambda: done.append("seldom"), every_s=3600)
    housekeeper.turn()
    housekeeper.turn()
    assert done == ["often", "seldom", "often"]


def test_while_the_storage_is_in_trouble_nothing_else_is_tried(
    storage: Storage, tmp_path: Path
) -> None:
    done: list[str] = []
    housekeeper = Housekeeper(storage)

    def fail() -> None:
        done.append("fails")
        raise DiskError(tmp_path, 28)

    housekeeper.register("fails", fail, every_s=0)
    housekeeper.register("later", lambda: done.append("later"), every_s=0)
    housekeeper.turn()
    assert done == ["fails"]
    assert storage.trouble is not None
