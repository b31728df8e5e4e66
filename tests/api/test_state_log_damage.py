"""A state log that was damaged is left behind, and a new generation is written from the database.

Nothing is appended behind the damage, and a disk that damages everything does not make it a loop.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from api.management.revisions import publisher
from api.management.revisions.renewal import BACK_OFF_MS_MAX, READ_MS_MAX
from api.management.revisions.state import state_entries
from dataplane.base.clock import Clock
from dataplane.statelog import Put, StateLogError, StateLogReader, StateLogWriter
from tests.support.clock import FakeClock
from tests.support.documents.old_state_log import make_format_1

from .conftest import Api, FakeDataplane

DEGRADED = ("state_log",)


def generation_of(api: Api) -> int:
    return StateLogReader(api.settings.state_log).generations()[0]


def loaded(api: Api) -> set[str]:
    """What a data plane would have after a start; raises if a byte of the log is damaged."""
    reader = StateLogReader(api.settings.state_log)
    generation = reader.generations()[0]
    with reader.snapshot(generation) as snapshot:
        for _ in snapshot.check():
            pass
        found = {str(entry.network) for chunk in snapshot.chunks() for entry in chunk}
        with reader.log_after(generation, snapshot) as log:
            while lines := log.lines():
                found.update(str(each.network) for line in lines for each in line.changes)  # type: ignore[union-attr]
    return found


def renewals(api: Api) -> list[str]:
    """What the audit trail says, newest first."""
    rows = api.get("/audit").json["audit"]
    return [row["target"] for row in rows if row["action"] == "state_log.renew"]


def change(path: Path, old: bytes, new: bytes) -> None:
    """Other bytes in their place, as a bad disk leaves them: the file stays the same one."""
    whole = path.read_bytes()
    assert old in whole
    path.write_bytes(whole.replace(old, new))


def newest(directory: Path, kind: str) -> Path:
    return max(directory.glob(f"*.{kind}.ndjson"))


def another_address(log: Path) -> None:
    change(newest(log, "log"), b"192.0.2.1", b"192.0.2.7")


def garbage(log: Path) -> None:
    with newest(log, "log").open("ab") as file:
        file.write(b"garbage\n")


def cut(log: Path) -> None:
    lines = newest(log, "log").read_bytes().splitlines(keepends=True)
    newest(log, "log").write_bytes(b"".join(lines[:-1]))


def another_snapshot(log: Path) -> None:
    change(newest(log, "snapshot"), b'"revision":0', b'"revision":1')


def another_import(log: Path) -> None:
    change(next(log.glob("import-*")), b"198.51.100.1", b"198.51.100.2")


def no_import(log: Path) -> None:
    next(log.glob("import-*")).unlink()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (another_address, "not those that were written"),
        (garbage, "not those that were written"),
        (cut, "ends before the last revision"),
        (another_snapshot, "not those that were written"),
        (another_import, "not those that were written"),
        (no_import, "No such file"),
        (make_format_1, "format 1"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_damage_found_at_the_start_is_left_behind_and_reported(
    api: Api, damage: Callable[[Path], None], why: str
) -> None:
    api.bring("198.51.100.1\n")
    api.ban("192.0.2.1")
    api.ban("192.0.2.2")
    api.node.housekeeper.turn()  # what is in the log is no longer in the outbox
    before = generation_of(api)
    api.close()
    damage(api.settings.state_log)
    again = api.restart()
    try:
        assert generation_of(again) == before + 1
        assert again.ban("192.0.2.3").status_code == 201
        assert loaded(again) == {"198.51.100.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"}
        (reported,) = renewals(again)
        assert why in reported
    finally:
        again.close()


def test_a_sound_log_is_continued_and_nothing_is_reported(api: Api) -> None:
    api.bring("198.51.100.1\n")
    api.ban("192.0.2.1")
    before = generation_of(api)
    again = api.restart()
    try:
        again.node.housekeeper.turn()
        assert (generation_of(again), renewals(again)) == (before, [])
    finally:
        again.close()


def replaced(log: Path) -> None:
    """As a file system restored from a backup has it."""
    path = newest(log, "log")
    copy = path.with_suffix(".copy")
    copy.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    copy.replace(path)


def gone(log: Path) -> None:
    for path in log.iterdir():
        path.unlink()


@pytest.mark.parametrize("damage", [garbage, cut, replaced, gone], ids=lambda each: each.__name__)
@pytest.mark.parametrize("noticed_by", ["the next change", "housekeeping"])
def test_a_log_that_is_not_as_it_was_left_is_not_appended_to(
    api: Api, damage: Callable[[Path], None], noticed_by: str
) -> None:
    api.ban("192.0.2.1")
    api.ban("192.0.2.2")
    damage(api.settings.state_log)
    if noticed_by == "housekeeping":
        api.node.housekeeper.turn()
        assert loaded(api) == {"192.0.2.1", "192.0.2.2"}
    assert api.ban("192.0.2.3").status_code == 201
    assert loaded(api) == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}


def test_a_data_plane_that_cant_read_the_log_gets_a_new_generation(
    api: Api, plane: FakeDataplane, caplog: pytest.LogCaptureFixture
) -> None:
    api.ban("192.0.2.1")
    api.ban("192.0.2.2")
    another_address(api.settings.state_log)
    before = generation_of(api)
    api.node.housekeeper.turn()
    assert generation_of(api) == before, "nobody has said that something is wrong"
    plane.degraded = DEGRADED
    with caplog.at_level(logging.WARNING):
        api.node.housekeeper.turn()
    assert generation_of(api) == before + 1
    assert loaded(api) == {"192.0.2.1", "192.0.2.2"}
    (reported,) = renewals(api)
    assert reported.startswith("0000000001.log.ndjson at byte "), "where the damage is"
    assert api.ban("192.0.2.3").status_code == 201


def test_changes_go_on_while_a_generation_is_written(
    api: Api, plane: FakeDataplane, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ban("192.0.2.1")
    api.ban("192.0.2.2")
    api.node.housekeeper.turn()
    another_address(api.settings.state_log)
    plane.degraded = DEGRADED
    answers = []

    def entries(connection: Connection, clock: Clock) -> Iterator[Put]:
        yield from state_entries(connection, clock)
        another = threading.Thread(target=lambda: answers.append(api.ban("192.0.2.3")))
        another.start()
        another.join(timeout=60)
        assert answers, "it waits"

    monkeypatch.setattr(publisher, "state_entries", entries)
    api.node.housekeeper.turn()
    assert [answer.status_code for answer in answers] == [201]
    assert generation_of(api) == 2
    assert loaded(api) == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}


def test_a_log_that_only_the_data_plane_cant_read_is_renewed_too(
    api: Api, plane: FakeDataplane
) -> None:
    api.node.housekeeper.turn()
    plane.degraded = DEGRADED
    api.node.housekeeper.turn()
    assert renewals(api) == ["the data plane can't read it"]


def turns(api: Api, clock: FakeClock, seconds: int) -> int:
    """A turn a second; returns how many generations were begun meanwhile."""
    before = generation_of(api)
    for _ in range(seconds):
        clock.pass_ms(1000)
        api.node.housekeeper.turn()
    return generation_of(api) - before


def test_a_data_plane_that_stays_degraded_gets_ever_fewer_generations(
    api: Api, plane: FakeDataplane, clock: FakeClock
) -> None:
    plane.degraded = DEGRADED
    minutes = [turns(api, clock, READ_MS_MAX // 1000) for _ in range(8)]
    assert minutes == [1, 1, 0, 1, 0, 0, 0, 1], "a minute for the API's own, then ever longer"
    before = generation_of(api)
    for _ in range(24 * 60):
        clock.pass_ms(60_000)
        api.node.housekeeper.turn()
    assert 24 <= generation_of(api) - before <= 24 + 3, "once an hour in the end"
    assert BACK_OFF_MS_MAX == 3_600_000


def test_damage_is_mended_at_once_but_not_again_and_again(
    api: Api, plane: FakeDataplane, clock: FakeClock
) -> None:
    wait_s = READ_MS_MAX // 1000
    api.node.housekeeper.turn()
    plane.degraded = DEGRADED
    assert turns(api, clock, 1) == 1
    plane.degraded = ()
    assert turns(api, clock, 1) == 0
    plane.degraded = DEGRADED
    assert turns(api, clock, wait_s - 2) == 0
    assert turns(api, clock, 1) == 1
    plane.degraded = ()
    assert turns(api, clock, 2 * wait_s) == 0
    plane.degraded = DEGRADED
    assert turns(api, clock, 1) == 1, "it was good for long enough"


def test_a_generation_that_is_being_loaded_is_not_written_again(
    api: Api, plane: FakeDataplane, clock: FakeClock
) -> None:
    api.ban("192.0.2.1")
    another_address(api.settings.state_log)
    plane.degraded = DEGRADED
    again = api.restart()
    try:
        assert turns(again, clock, READ_MS_MAX // 1000 - 1) == 0
        plane.degraded = ()
        assert turns(again, clock, 10) == 0
    finally:
        again.close()


def test_a_log_is_not_renewed_while_an_import_is_being_staged(
    api: Api, plane: FakeDataplane, clock: FakeClock
) -> None:
    api.node.housekeeper.turn()
    plane.degraded = DEGRADED
    with api.node.publisher.import_file:
        assert turns(api, clock, 3) == 0
    assert turns(api, clock, 1) == 1


def test_a_disk_that_keeps_no_generation_is_not_tried_without_end(
    api: Api, plane: FakeDataplane, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ban("192.0.2.1")
    tries = []

    def failing(writer: StateLogWriter, *_: Any, **__: Any) -> None:
        tries.append(clock.boot_ms())
        writer.close()
        raise StateLogError("0000000002.snapshot.ndjson: its bytes are not those that were written")

    with monkeypatch.context() as patch:
        patch.setattr(StateLogWriter, "snapshot", failing)
        garbage(api.settings.state_log)
        for _ in range(120):
            clock.pass_ms(1000)
            api.node.housekeeper.turn()
            answer = api.ban("192.0.2.2")
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
    assert len(tries) <= 8, tries
    clock.pass_ms(60_000)
    assert api.ban("192.0.2.2").status_code == 201
    assert loaded(api) == {"192.0.2.1", "192.0.2.2"}
