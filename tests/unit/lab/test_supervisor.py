"""The lab's supervisor when it can't write: it says so and goes on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from appliance.lab.processes.launcher import Specification
from appliance.lab.processes.notify import NotifySocket
from appliance.lab.processes.services import Service
from appliance.lab.processes.supervisor import Supervisor
from appliance.lab.processes.unit import RESTART_DELAY_S, RETRY_DELAY_S, State, Unit


def test_a_status_that_finds_no_room_is_said_once_and_written_later() -> None:
    full, written, said = True, [], []

    def changed() -> None:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(True)

    with Supervisor() as supervisor:
        supervisor.changed, supervisor.say = changed, said.append
        supervisor.tell()
        supervisor.run(until=iter([False, False, True]).__next__)
        assert said == ["the status can't be written: No space left on device"]
        full = False
        supervisor.run(until=iter([False, False, True]).__next__)
        assert written == [True]


def test_a_process_that_cannot_be_started_is_said_once_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specification = Specification(command=("true",), directory="/", parent=os.getpid())
    notify = NotifySocket(tmp_path / "notify", None)
    unit = Unit(Service("one", specification), tmp_path / "log", notify)

    def start(_now_s: float) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    unit.state, unit._deadline_s, now_s = State.WAITING, RESTART_DELAY_S, RESTART_DELAY_S
    with monkeypatch.context() as patch:
        patch.setattr(unit, "start", start)
        assert unit.turn(now_s) == "one can't be started: No space left on device"
        assert unit.turn(now_s) is None, "not before its time"
        assert unit.turn(now_s + RETRY_DELAY_S) is None, "said already"
    assert (unit.state, unit.restarts) == (State.WAITING, 2)
    notify.close()
