"""A backup takes the place of what a host has: all of it or nothing, and the old files stay."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.common.disk import StorageError
from api.storage.alone import BusyError, take_lock
from appliance.backup import restore as restoring
from appliance.backup import stage, units
from appliance.backup.create import create
from appliance.backup.errors import ArchiveError, BackupError
from appliance.backup.places import JOURNAL, Places
from appliance.backup.restore import ASIDE_MAX, prepare
from appliance.backup.swap import Swap
from appliance.commands import TIMEOUT_S, CommandError, Run, run
from tests.unit.backup.conftest import Host


@pytest.fixture
def made(host: Host, file: Path) -> Path:
    create(host.places, file)
    return file


def put_back(host: Host, file: Path) -> restoring.Restore:
    with prepare(host.places, file) as prepared:
        prepared.carry_out(run)
    return prepared


def is_clean(host: Host) -> bool:
    return not list(host.directory.rglob(".secbeat-restore*"))


def test_a_host_that_has_lost_everything_gets_everything(host: Host, made: Path):
    before = host.content()
    del before["credentials/of-another-service"]
    del before["state/state/00000001.log"], before["state/rules/compiled"]
    host.lose()
    put_back(host, made)
    assert host.bans() == 1
    assert host.content().keys() == before.keys()
    for name, content in before.items():
        assert name.endswith(".db") or host.content()[name] == content
    assert (host.state / "keys" / "admin.key").stat().st_mode & 0o777 == 0o600
    assert (host.state / "keys").stat().st_mode & 0o777 == 0o700
    assert is_clean(host)


def test_the_time_after_the_backup_is_gone_and_kept_aside(host: Host, made: Path):
    host.set_bans(2)
    host.write("state/api/node.db-wal", "of the database that goes")
    host.write("state/keys/later.key", "made later")
    host.write("etc/of-the-software.conf", "not in the archive")
    prepared = put_back(host, made)
    assert host.bans() == 1
    assert not (host.state / "keys" / "later.key").exists()
    assert (host.etc / "of-the-software.conf").exists()
    assert (host.state / "state" / "00000001.log").exists()
    aside = next(one for one in prepared.kept_in if one.parent == host.state)
    assert (aside / "keys" / "later.key").read_text() == "made later"
    assert (aside / "api" / "node.db-wal").read_text() == "of the database that goes"
    effects = {str(one.path.relative_to(host.directory)): one.effect for one in prepared.changes}
    assert effects["state/api/node.db"] == "replaced"
    assert effects["state/keys/later.key"] == "moved aside"
    assert effects["state/node-id"] == "same"


def test_old_states_have_a_bound(host: Host, made: Path):
    for _ in range(ASIDE_MAX + 2):
        put_back(host, made)
    assert len(list(host.state.glob("before-restore-*"))) == ASIDE_MAX


def test_the_packet_path_restarts_only_for_another_configuration(host: Host, made: Path):
    with prepare(host.places, made) as prepared:
        assert not prepared.restarts_dataplane
    for name in ("etc/secbeat.toml", "credentials/secbeat.syn-cookie-secret"):
        host.make()
        path = host.directory / name
        path.write_text(path.read_text() + "\n# another")
        with prepare(host.places, made) as prepared:
            assert prepared.restarts_dataplane


LOGS = ("state/api/node.db-wal", "state/api/node.db-shm")


@pytest.mark.parametrize("gone", [LOGS, ("state/keys/admin.key",)])
@pytest.mark.parametrize("is_undone", [False, True])
def test_a_file_that_a_process_removes_at_its_end_is_not_missed(
    host: Host,
    made: Path,
    monkeypatch: pytest.MonkeyPatch,
    gone: tuple[str, ...],
    is_undone: bool,
):
    """A database that is closed has no log any more."""
    host.set_bans(2)
    for name in LOGS:
        host.write(name, "of the database that goes")
    if is_undone:
        monkeypatch.setattr(Swap, "_directories", _failing_once(Swap._directories))
    with prepare(host.places, made) as prepared:
        for name in gone:
            (host.directory / name).unlink()
        before = {name: data for name, data in host.content().items() if ".secbeat" not in name}
        if not is_undone:
            prepared.carry_out(run)
            assert host.bans() == 1
            assert not any((host.directory / name).exists() for name in LOGS)
            return
        with pytest.raises(OSError, match="behind all moves"):
            prepared.carry_out(run)
    assert {name: data for name, data in host.content().items() if ".secbeat" not in name} == before


def _failing_once(real: Callable[[Swap], list[Path]]) -> Callable[[Swap], list[Path]]:
    has_failed = False

    def directories(swap: Swap) -> list[Path]:
        nonlocal has_failed
        if not has_failed:
            has_failed = True
            raise OSError("behind all moves")
        return real(swap)

    return directories


def test_a_place_that_can_not_be_written_is_named(
    host: Host, made: Path, monkeypatch: pytest.MonkeyPatch
):
    def failing(_path: Path, _target: Any) -> Path:
        raise OSError(errno.EROFS, "Read-only file system")

    with prepare(host.places, made) as prepared, monkeypatch.context() as patched:
        journal = Swap(host.etc / JOURNAL, prepared.moves[-1:], [])
        patched.setattr(Swap, "_write_journal", lambda _self: None)
        patched.setattr(Path, "replace", failing)
        with pytest.raises(StorageError, match=str(prepared.moves[-1].destination.parent)):
            journal.carry_out([])


def test_a_move_that_fails_undoes_all_others(
    host: Host, made: Path, monkeypatch: pytest.MonkeyPatch
):
    host.set_bans(2)
    host.write("state/keys/later.key", "made later")
    before, real, count = host.content(), Path.replace, 0

    def failing(path: Path, target: Any) -> Path:
        nonlocal count
        count += 1
        if count == fails_at:
            raise OSError(5, "Input/output error")
        return real(path, target)

    with prepare(host.places, made) as prepared:
        moves = 2 * len(prepared.moves)
    for fails_at in (2, 3, moves // 2, moves - 6):  # the first puts the journal in place
        count = 0
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", failing)
            with pytest.raises(Exception, match="Input/output error"):
                put_back(host, made)
        assert host.content() == before, fails_at
        assert is_clean(host)


def test_what_a_crash_interrupted_is_undone_by_the_next_restore(
    host: Host, made: Path, monkeypatch: pytest.MonkeyPatch
):
    host.set_bans(2)
    before = host.content()
    with monkeypatch.context() as patched:
        patched.setattr(Swap, "finish", lambda _self: (_ for _ in ()).throw(KeyboardInterrupt))
        patched.setattr(Swap, "undo", lambda _self: None)
        with pytest.raises(KeyboardInterrupt):
            put_back(host, made)
    assert (host.etc / JOURNAL).exists()
    assert host.bans() == 1
    told: list[str] = []
    with prepare(host.places, made, tell=told.append):
        after = {name: data for name, data in host.content().items() if ".secbeat" not in name}
        assert after == before
    assert told == ["an earlier restore was interrupted: the files that it had moved are back"]
    assert is_clean(host)


def test_a_journal_that_cannot_be_read_is_named(host: Host, made: Path):
    (host.etc / JOURNAL).write_text(json.dumps({"moves": [{}], "staging": []}))
    with pytest.raises(BackupError, match=JOURNAL), prepare(host.places, made):
        pass


@pytest.mark.parametrize("fault", ["cut", "account", "room", "configuration"])
def test_a_fault_that_is_found_before_changes_nothing(
    host: Host, made: Path, monkeypatch: pytest.MonkeyPatch, fault: str
):
    host.set_bans(2)
    if fault == "cut":
        made.write_bytes(made.read_bytes()[:-20])
    elif fault == "account":
        monkeypatch.setattr(stage, "user", lambda _name: None)
        monkeypatch.setattr(restoring, "require_accounts", stage.require_accounts)
    elif fault == "room":
        monkeypatch.setattr(stage, "free_bytes", lambda _directory: (1 << 20, 1 << 40))
    else:
        host.write("etc/secbeat.toml", "[node]\nstate_dir = 7\n")
        monkeypatch.setattr(type(host.places), "roots", lambda *_: {"etc": host.etc})
    message = {
        "cut": "damaged or cut off",
        "account": "this host has no user",
        "room": "MiB free, the restore needs",
        "configuration": "does not know where they belong",
    }[fault]
    before = host.content()
    with pytest.raises(BackupError, match=message), prepare(host.places, made):
        pass
    assert host.content() == before
    assert is_clean(host)


def test_a_process_that_writes_the_database_is_not_pulled_away_from_it(host: Host, made: Path):
    host.set_bans(2)
    lock = take_lock(host.state / "api" / "node.db")
    try:
        with pytest.raises(BusyError, match="stop the processes"):
            put_back(host, made)
    finally:
        os.close(lock)
    assert host.bans() == 2
    assert put_back(host, made).changes
    assert host.bans() == 1


def test_two_restores_of_one_host_are_refused(host: Host, made: Path):
    with (
        prepare(host.places, made),
        pytest.raises(BackupError, match="another restore"),
        prepare(host.places, made),
    ):
        pass


def test_an_archive_of_another_kind_of_host_is_refused(host: Host, made: Path):
    """``--config`` names a file of another name than the one in the archive."""
    other = type(host.places)(
        etc=host.etc, node_file="other.toml", only_node_file=True, has_units=False
    )
    with pytest.raises(BackupError, match=r"no other\.toml is in it"), prepare(other, made):
        pass


def test_an_archive_that_changes_after_the_check_is_refused(
    host: Host, made: Path, monkeypatch: pytest.MonkeyPatch
):
    data, real = made.read_bytes(), stage.require_room

    def replaced(*arguments: Any) -> None:
        made.write_bytes(data[:-30])
        real(*arguments)

    monkeypatch.setattr(restoring, "require_room", replaced)
    before = host.content()
    with pytest.raises(ArchiveError), prepare(host.places, made):
        pass
    assert host.content() == before
    assert is_clean(host)


@pytest.mark.parametrize("target", ["../../le/cert.pem", "missing.pem", "/missing/cert.pem"])
def test_links_are_back_after_a_failure(
    host: Host, made: Path, monkeypatch: pytest.MonkeyPatch, target: str
):
    """A relative link dangles in the folder to which it is moved."""
    host.write("le/cert.pem", "certificate")
    link = host.etc / "tls" / "tls.key"
    link.unlink()
    link.symlink_to(target)
    monkeypatch.setattr(Swap, "_directories", _failing_once(Swap._directories))
    with pytest.raises(OSError, match="behind all moves"):
        put_back(host, made)
    assert link.is_symlink()
    assert link.readlink() == Path(target)
    assert is_clean(host)


def test_a_link_is_replaced_by_a_file_and_reported(host: Host, made: Path):
    link = host.etc / "tls" / "tls.key"
    link.rename(host.etc / "elsewhere.key")
    link.symlink_to("../elsewhere.key")
    prepared = put_back(host, made)
    assert {one.path: one.effect for one in prepared.changes}[link] == "replaced"
    assert not link.is_symlink()
    assert link.read_text() == "private"
    aside = next(one for one in prepared.kept_in if one.parent == host.etc)
    assert (aside / "tls" / "tls.key").readlink() == Path("../elsewhere.key")


def _of_systemd(host: Host, monkeypatch: pytest.MonkeyPatch) -> tuple[Places, Run]:
    """A host with the unit of the API, which does not start."""
    monkeypatch.setattr(units.Units.__init__, "__defaults__", (lambda: True,))

    def systemctl(*command: str, timeout_s: float = TIMEOUT_S) -> str:
        assert timeout_s > 0
        if command[1] == "start":
            raise CommandError("secbeat-api.service failed")
        return "secbeat-api.service enabled enabled\n" if command[1] == "list-unit-files" else ""

    return replace(host.places, has_units=True), systemctl


def test_a_unit_that_does_not_start_is_told_with_the_state_of_the_files(
    host: Host, made: Path, monkeypatch: pytest.MonkeyPatch
):
    places, systemctl = _of_systemd(host, monkeypatch)
    host.set_bans(2)
    with (
        prepare(places, made) as prepared,
        pytest.raises(CommandError, match="files are in place, but a unit does not start"),
    ):
        prepared.carry_out(systemctl)
    assert host.bans() == 1


@pytest.mark.parametrize("is_undone", [True, False])
def test_the_error_of_a_restore_is_not_lost_if_a_unit_does_not_start(
    host: Host, made: Path, monkeypatch: pytest.MonkeyPatch, is_undone: bool
):
    places, systemctl = _of_systemd(host, monkeypatch)
    host.set_bans(2)
    monkeypatch.setattr(Swap, "_directories", _failing_once(Swap._directories))
    if not is_undone:
        monkeypatch.setattr(Swap, "undo", lambda _self: None)
    told: list[str] = []
    with prepare(places, made) as prepared, pytest.raises(OSError, match="behind all moves"):
        prepared.carry_out(systemctl, told.append)
    state = "the old files are back, but" if is_undone else "not all old files are back, and"
    assert told == [f"{state} a unit does not start: secbeat-api.service failed"]
    assert host.bans() == (2 if is_undone else 1)
