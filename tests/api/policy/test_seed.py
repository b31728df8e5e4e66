"""A policy file seeds a database that is empty, and no other."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from api.management.settings import ApiSettings
from dataplane.base.errors import InvalidInputError
from dataplane.statelog import SetPolicy, StateLogReader
from tests.support.clock import FakeClock

from ..conftest import Api, FakeDataplane


def test_a_policy_file_seeds_an_empty_database_only(
    settings: ApiSettings, plane: FakeDataplane, clock: FakeClock
) -> None:
    file = settings.database.parent / "policy.toml"
    file.write_text('name = "strict"\n[[rules]]\ntype = "blacklist"\naction = "monitor"\n')
    api = Api(dataclasses.replace(settings, policy_file=file), plane, clock)
    reader = StateLogReader(settings.state_log)
    with reader.log(reader.generations()[0]) as log:
        (line,) = log.lines()
    (change,) = line.changes
    assert isinstance(change, SetPolicy)
    assert change.document is not None
    assert change.document["name"] == "strict"
    file.write_text('name = "lax"\n')
    again = api.restart()
    assert again.get("/status").json["revision"]["committed"] == 1
    shutil.rmtree(settings.state_log)
    again.close()
    third = again.restart()
    with reader.snapshot(reader.generations()[0]) as snapshot:
        assert snapshot.policy == change.document
    third.close()


def test_a_policy_file_that_is_none_stops_the_start(
    settings: ApiSettings, plane: FakeDataplane, clock: FakeClock
) -> None:
    file = settings.database.parent / "policy.toml"
    file.write_text('name = "x"\n[[rules]]\ntype = "magic"\naction = "monitor"\n')
    with pytest.raises(InvalidInputError):
        Api(dataclasses.replace(settings, policy_file=file), plane, clock)
